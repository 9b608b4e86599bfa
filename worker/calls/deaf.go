package calls

import (
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/edgematrix/emc/pkg/session/call"
)

// deafWait is how long a router may be connected and not listen; twice as long each time, up to deafMost.
const deafWait, deafMost = 20 * time.Second, 10 * time.Minute

// deaf notes routers that are connected and do not listen to what the node says. A connection is often older than the node's
// first word, and a router can miss that a peer has begun to speak: it would not hear of it until the next connection.
type deaf struct {
	wait  time.Duration
	since map[peer.ID]time.Time
	tried map[peer.ID]time.Duration // what was waited the last time
}

func newDeaf() deaf {
	return deaf{wait: deafWait, since: map[peer.ID]time.Time{}, tried: map[peer.ID]time.Duration{}}
}

// look tells whether a connection should be made anew.
func (d *deaf) look(id peer.ID, listens bool, now time.Time) bool {
	if listens {
		delete(d.since, id)
		delete(d.tried, id)
		return false
	}
	began, ok := d.since[id]
	if !ok {
		d.since[id] = now
		return false
	}
	wait := min(max(2*d.tried[id], d.wait), deafMost)
	if now.Sub(began) < wait {
		return false
	}
	d.tried[id] = wait
	delete(d.since, id)
	return true
}

// anew closes the connection to a router that does not listen, unless it has calls here.
func (c *Calls) anew(r Router) {
	if !c.deaf.look(r.Peer.ID, c.topic.Listens(r.Peer.ID), time.Now()) || calling(c.cfg.Host.Network(), r.Peer.ID) {
		return
	}
	c.log.Info("a router does not listen; connecting to it anew", "router", r.Address, "peer", r.Peer.ID)
	_ = c.cfg.Host.Network().ClosePeer(r.Peer.ID) // it may be gone
}

// calling tells whether a peer has streams of calls.
func calling(n network.Network, id peer.ID) bool {
	for _, conn := range n.ConnsToPeer(id) {
		for _, st := range conn.GetStreams() {
			if st.Protocol() == call.Protocol {
				return true
			}
		}
	}
	return false
}
