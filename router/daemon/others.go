package daemon

import (
	"context"

	"github.com/libp2p/go-libp2p/core/peer"
)

// among is among how many routers this one draws its neighbours, where there are as many: who registers some next to each
// other, in the order of addresses, is not to be all that is drawn from.
const among = 64

// others lists routers of the chain, which admission knows from then on: they may dial this one, too.
func (d *Daemon) others(ctx context.Context) (out []peer.AddrInfo, err error) {
	views, err := d.opts.Chain.Routers(ctx, among)
	if err != nil {
		return nil, err
	}
	for _, v := range views {
		at, err := d.registry.Learn(v)
		if err != nil || len(at.Addrs) == 0 {
			continue // nobody can dial it; it may dial others
		}
		out = append(out, at)
	}
	return out, nil
}
