package admission

import (
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
)

// Introduced lets a peer stay as a guest, if there is room: for a while, and then as long as a circuit of his is open.
func (a *Admission) Introduced(id peer.ID) bool {
	now := a.cfg.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	for other, until := range a.passes {
		if !now.Before(until) {
			delete(a.passes, other)
		}
	}
	if _, again := a.passes[id]; !again && len(a.passes) >= a.cfg.Guests {
		return false
	}
	a.passes[id] = now.Add(visit)
	return true
}

func (a *Admission) visits(id peer.ID) bool {
	now := a.cfg.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	until, ok := a.passes[id]
	return ok && now.Before(until)
}

// prolong lets a guest stay whose circuit is open.
func (a *Admission) prolong(c network.Conn) {
	if !a.visits(c.RemotePeer()) {
		return
	}
	for _, s := range c.GetStreams() {
		if s.Protocol() == circuit.ProtoIDv2Hop {
			a.mu.Lock()
			a.passes[c.RemotePeer()] = a.cfg.Now().Add(visit)
			a.mu.Unlock()
			return
		}
	}
}
