package daemon

import (
	"context"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/worker/relays"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// endpoints are what the node publishes: its own, and those through its relays.
func (d *Daemon) endpoints() []string {
	var through []string
	if d.relays != nil && d.needs {
		through = d.relays.Endpoints()
	}
	direct := d.opts.Config.Network.Announce
	if len(direct) == 0 {
		direct = transfer.Published(d.host, computetypes.MaxEndpoints)
	}
	direct = direct[:min(len(direct), computetypes.MaxEndpoints-len(through))]
	return append(append([]string{}, direct...), through...)
}

// links are the routers that relay to the node.
func (d *Daemon) links() []mesh.Link {
	if d.relays == nil {
		return nil
	}
	return d.relays.Links()
}

// openRelays decides whether the node needs routers to be reached. It has places with some in any case, unless its operator
// says never: through one of them may be the faster way.
func (d *Daemon) openRelays() {
	of := d.opts.Config.Network
	d.needs = relays.Policy(of.Relay).Wanted(of.Announce, transfer.Published(d.host, computetypes.MaxEndpoints))
	if relays.Policy(of.Relay) == relays.Never {
		return
	}
	d.relays = relays.New(relays.Config{Host: d.host, Logger: d.log, Routers: func(ctx context.Context) (out []peer.AddrInfo, err error) {
		routers, err := d.routers(ctx)
		for _, r := range routers {
			out = append(out, r.Peer)
		}
		return out, err
	}})
}
