// Package admission decides whose connections a router keeps: those of nodes that the
// chain knows, of customers who run the gateway themselves, by the key of a session
// that allots to this router, and of guests, who showed that they have business with a
// node that is reached through it. Whoever is none of them is a stranger: of those there are a
// few at a time, and for as long as it takes to learn from the chain who they are. So
// nobody takes the places of those who have a stake or pay.
package admission

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"golang.org/x/time/rate"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
)

// Nodes tells what the chain says of nodes. *registry.Registry is one.
type Nodes interface {
	// Known tells what was learned already.
	Known(a receipt.Address) bool
	// Admit has the chain asked, too, and does not wait for it.
	Admit(a receipt.Address) bool
}

// Config is of an Admission. The sorts together stay below the connections of a host (pkg/transfer).
type Config struct {
	Nodes    Nodes
	Customer func(a receipt.Address) bool // holds the key of a session that allots to this router

	Strangers int           // connections of strangers at a time
	Customers int           // of customers
	Guests    int           // of guests
	Patience  time.Duration // for a stranger
	Asks      rate.Limit    // questions a second to the chain about strangers: keys cost nothing
	// Inbound is how many streams whoever is known may open, Circuits of a relay among them: zero leaves it as it is for all.
	Inbound int
	Few     int // streams that all others may open
	Now     func() time.Time
}

// Default leaves more than half of a host's connections to nodes.
func Default() Config {
	return Config{Strangers: 48, Customers: 128, Guests: 64, Patience: 30 * time.Second, Asks: 20, Now: time.Now}
}

const (
	sweepEvery = time.Second
	// tag keeps the host from closing a connection when it has many.
	tag = "registered"
	// visit is how long a guest may stay without a circuit.
	visit = time.Minute
)

type kind int

const (
	stranger kind = iota
	visitor
	customer
	node
	kinds
)

type guest struct {
	kind  kind
	since time.Time // of the kind
}

// Admission is safe for concurrent use. It is the host's gater, and watches its connections.
type Admission struct {
	cfg  Config
	asks *rate.Limiter

	mu     sync.Mutex
	guests map[network.Conn]*guest
	count  [kinds]int
	passes map[peer.ID]time.Time // guests → until when they may stay
}

var _ connmgr.ConnectionGater = (*Admission)(nil)

// New returns one that has no host yet.
func New(cfg Config) *Admission {
	return &Admission{cfg: cfg, asks: rate.NewLimiter(cfg.Asks, int(cfg.Asks)), guests: map[network.Conn]*guest{}, passes: map[peer.ID]time.Time{}}
}

// kindOf is who a peer is, as far as it is known now. The chain is asked about one who knocks.
func (a *Admission) kindOf(id peer.ID, knocks bool) kind {
	pub, err := transfer.PubKey33(id)
	if err != nil {
		return stranger
	}
	key, err := receipt.ParsePublicKey(pub[:])
	if err != nil {
		return stranger
	}
	address := key.Address()
	switch {
	case a.cfg.Nodes.Known(address):
		return node
	case a.cfg.Customer(address):
		return customer
	case a.visits(id):
		return visitor
	case knocks && a.asks.AllowN(a.cfg.Now(), 1) && a.cfg.Nodes.Admit(address):
		return node
	}
	return stranger
}

// room tells whether there is a place for one more. It is called with the lock held.
func (a *Admission) room(k kind) bool {
	switch k {
	case stranger:
		return a.count[stranger] < a.cfg.Strangers
	case visitor:
		return a.count[visitor] < a.cfg.Guests
	case customer:
		return a.count[customer] < a.cfg.Customers
	}
	return true // the host bounds them all
}

// InterceptSecured implements connmgr.ConnectionGater: it is known here who comes, and little was spent on it.
func (a *Admission) InterceptSecured(d network.Direction, id peer.ID, _ network.ConnMultiaddrs) bool {
	if d == network.DirOutbound {
		return true
	}
	k := a.kindOf(id, true)
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.room(k)
}

// InterceptPeerDial implements connmgr.ConnectionGater.
func (*Admission) InterceptPeerDial(peer.ID) bool { return true }

// InterceptAddrDial implements connmgr.ConnectionGater.
func (*Admission) InterceptAddrDial(peer.ID, ma.Multiaddr) bool { return true }

// InterceptAccept implements connmgr.ConnectionGater.
func (*Admission) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptUpgraded implements connmgr.ConnectionGater.
func (*Admission) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

// Run keeps the count of a host's connections, and closes what strangers keep for too long, until ctx ends.
func (a *Admission) Run(ctx context.Context, h host.Host) error {
	notify := &network.NotifyBundle{
		ConnectedF:    func(_ network.Network, c network.Conn) { a.came(h, c) },
		DisconnectedF: func(_ network.Network, c network.Conn) { a.left(c) },
	}
	h.Network().Notify(notify)
	defer h.Network().StopNotify(notify)
	for _, c := range h.Network().Conns() { // which came before
		a.came(h, c)
	}
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			a.sweep(h)
		}
	}
}

func (a *Admission) came(h host.Host, c network.Conn) {
	k := a.kindOf(c.RemotePeer(), false)
	a.mu.Lock()
	if a.guests[c] != nil || c.IsClosed() { // closed: it has left before it came
		a.mu.Unlock()
		return
	}
	// Several came through the gate at once.
	full := !a.room(k)
	a.guests[c] = &guest{kind: k, since: a.cfg.Now()}
	a.count[k]++
	a.mu.Unlock()
	if full {
		shut(c)
	} else if k != stranger {
		a.favour(h, c.RemotePeer(), true)
	}
}

// favour keeps the host from closing a peer's connections, and gives him room for circuits; or takes that back.
func (a *Admission) favour(h host.Host, id peer.ID, known bool) {
	inbound := a.cfg.Few
	if known {
		h.ConnManager().Protect(id, tag)
		inbound = a.cfg.Inbound
	} else {
		h.ConnManager().Unprotect(id, tag)
	}
	if a.cfg.Inbound > 0 {
		_ = transfer.AllowInbound(h, id, inbound) // he keeps what all have
	}
}

func (a *Admission) left(c network.Conn) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if g := a.guests[c]; g != nil {
		a.count[g.kind]--
		delete(a.guests, c)
	}
}

// sweep looks again at who is here: a stranger may be known by now, a node may have left the chain.
func (a *Admission) sweep(h host.Host) {
	for _, c := range a.all() {
		a.prolong(c)
		k := a.kindOf(c.RemotePeer(), false)
		switch {
		case a.settled(c, k):
			shut(c)
		default:
			a.favour(h, c.RemotePeer(), k != stranger)
		}
	}
}

// settled notes who a guest is, and tells whether it has to go.
func (a *Admission) settled(c network.Conn, k kind) (out bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	g := a.guests[c]
	if g == nil {
		return false
	}
	now := a.cfg.Now()
	if k != g.kind {
		out = (k == customer || k == visitor) && !a.room(k)
		a.count[g.kind]--
		a.count[k]++
		g.kind, g.since = k, now
	}
	return out || k == stranger && now.Sub(g.since) > a.cfg.Patience
}

func (a *Admission) all() []network.Conn {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]network.Conn, 0, len(a.guests))
	for c := range a.guests {
		out = append(out, c)
	}
	return out
}

// shut closes a connection beside: a notification must not wait for one.
func shut(c network.Conn) { go func() { _ = c.Close() }() }
