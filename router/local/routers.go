package local

import (
	"context"
	"sync"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/router/dispatch"
)

// links are the session's routers. Each has a lane of its own to every node, with its own numbers and vouchers, within its
// own allotment: so a call that goes on through another one is neither paid twice nor beyond what the owner allots.
type links []*link

// Of implements dispatch.Routers: in the session's order, and those that are away behind all others. So calls come back to
// the first one when it is back; and where none answers, they go on by what nodes let a lane owe them.
func (all links) Of(info session.Info) (out []dispatch.Router) {
	var away []dispatch.Router
	for _, r := range info.Routers {
		l := all.find(r.Key.Address())
		switch {
		case l == nil: // allotted to since this gateway started
		case l.away():
			away = append(away, dispatch.Router{Address: l.address, Cosigner: l})
		default:
			out = append(out, dispatch.Router{Address: l.address, Cosigner: l})
		}
	}
	return append(out, away...)
}

func (all links) find(a receipt.Address) *link {
	for _, l := range all {
		if l.address == a {
			return l
		}
	}
	return nil
}

// run keeps all of them until ctx ends.
func (all links) run(ctx context.Context) {
	var group sync.WaitGroup
	for _, l := range all {
		group.Go(func() { l.run(ctx) })
	}
	group.Wait()
}

// close ends the streams on which they sign. One that broke already is no reason to fail.
func (all links) close() {
	for _, l := range all {
		_ = l.cosigner.Close()
	}
}
