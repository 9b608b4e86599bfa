// Package neighbours keeps a router connected with a few others, so that what nodes say
// goes on from router to router.
//
// Each router draws the few by itself, at random among those that the chain knows, and
// whoever dials it comes on top: so the routers hang together without anybody who knows
// them all, and who wants to stand between a router and all others has to be most of the
// routers there are. One of the few is drawn anew now and then, which ends bad luck.
package neighbours

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	circuit "github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
)

// Dials is how many others a router dials and keeps a connection with. By as many it is dialled, on average; with eight
// neighbours, gossip finds the six that its mesh likes to have.
const Dials = 4

// Timing is when what is done.
type Timing struct {
	Look  time.Duration // between two looks at the connections
	Find  time.Duration // between two questions which routers there are
	Soon  time.Duration // the same while none is known
	Dial  time.Duration // for a connection
	First time.Duration // a router rests that was not reached: twice as long each time, up to Last
	Last  time.Duration
	Mute  time.Duration // within which a router that is reached joins the topic
	Renew time.Duration // after which one of the few is drawn anew
}

// DefaultTiming asks the chain once a minute.
func DefaultTiming() Timing {
	return Timing{
		Look: time.Second, Find: time.Minute, Soon: 10 * time.Second, Dial: 5 * time.Second, First: 2 * time.Second, Last: 5 * time.Minute,
		Mute: 30 * time.Second, Renew: 10 * time.Minute,
	}
}

// Config is of a Neighbours.
type Config struct {
	Host host.Host
	// Routers lists routers that are registered and online, or some of them. This one may be among them.
	Routers func(ctx context.Context) ([]peer.AddrInfo, error)
	// Listens tells whether a peer is on the topic. One that holds a connection and hears nothing is no neighbour.
	Listens func(peer.ID) bool
	Rand    *rand.Rand // of Run alone
	Timing  Timing
	Logger  *slog.Logger
}

// Neighbours are a router's. Run makes them.
type Neighbours struct {
	cfg   Config
	found []peer.AddrInfo
	rests map[peer.ID]rest

	mu    sync.Mutex
	links map[peer.ID]*link
}

// link is one of the few.
type link struct {
	at      peer.AddrInfo
	since   time.Time // it was drawn
	silence time.Time // since when it is connected and not on the topic; zero: it is
}

// rest is of a router that was not reached, or let go.
type rest struct {
	until time.Time
	wait  time.Duration
}

// New returns one without any.
func New(cfg Config) *Neighbours {
	return &Neighbours{cfg: cfg, rests: map[peer.ID]rest{}, links: map[peer.ID]*link{}}
}

// Count is how many of the few are connected and on the topic.
func (n *Neighbours) Count() (connected int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for id := range n.links {
		if n.connected(id) && n.cfg.Listens(id) {
			connected++
		}
	}
	return connected
}

// Run keeps them until ctx ends.
func (n *Neighbours) Run(ctx context.Context) error {
	tick := time.NewTicker(n.cfg.Timing.Look)
	defer tick.Stop()
	var found, renewed time.Time
	for {
		now := time.Now()
		if now.Sub(found) >= n.cfg.Timing.Find || len(n.found) == 0 && now.Sub(found) >= n.cfg.Timing.Soon {
			found = now
			n.find(ctx)
		}
		if renewed.IsZero() || now.Sub(renewed) >= n.cfg.Timing.Renew {
			if !renewed.IsZero() {
				n.renew()
			}
			renewed = now
		}
		n.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// find asks which routers there are; while that fails, those that were known stay known.
func (n *Neighbours) find(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*n.cfg.Timing.Dial)
	defer cancel()
	routers, err := n.cfg.Routers(ctx)
	if err != nil {
		if ctx.Err() == nil {
			n.cfg.Logger.Warn("the chain does not tell which other routers there are; it is asked again", "error", err)
		}
		return
	}
	n.found = slices.DeleteFunc(routers, func(r peer.AddrInfo) bool { return r.ID == n.cfg.Host.ID() })
	for id, r := range n.rests { // who left the chain is not kept in mind for ever
		if time.Since(r.until) > n.cfg.Timing.Last {
			delete(n.rests, id)
		}
	}
}

// look lets go of those that are no neighbours, draws others in their place, and dials.
func (n *Neighbours) look(ctx context.Context) {
	for _, l := range n.few() {
		id := l.at.ID
		switch {
		case !n.connected(id):
			if err := n.dial(ctx, l); err != nil && ctx.Err() == nil {
				n.cfg.Logger.Debug("another router is not reached", "peer", id, "error", err)
				n.part(id, true)
			}
		case n.cfg.Listens(id):
			l.silence = time.Time{}
			delete(n.rests, id)
		case l.silence.IsZero():
			l.silence = time.Now()
		case time.Since(l.silence) > n.cfg.Timing.Mute:
			n.part(id, true)
		}
	}
	for len(n.few()) < Dials {
		at, ok := n.draw()
		if !ok {
			return
		}
		l := &link{at: at, since: time.Now()}
		n.mu.Lock()
		n.links[at.ID] = l
		n.mu.Unlock()
		if !n.connected(at.ID) {
			if err := n.dial(ctx, l); err != nil {
				n.part(at.ID, true)
			}
		}
	}
}

func (n *Neighbours) dial(ctx context.Context, l *link) error {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.Timing.Dial)
	defer cancel()
	if s, ok := n.cfg.Host.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(l.at.ID) // ours is the one that counts
	}
	if err := n.cfg.Host.Connect(ctx, l.at); err != nil {
		return err
	}
	l.silence = time.Time{}
	n.cfg.Logger.Info("connected to another router", "peer", l.at.ID)
	return nil
}

// draw takes any router that is none of the few and does not rest.
func (n *Neighbours) draw() (peer.AddrInfo, bool) {
	var may []peer.AddrInfo
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, r := range n.found {
		if n.links[r.ID] == nil && !time.Now().Before(n.rests[r.ID].until) {
			may = append(may, r)
		}
	}
	if len(may) == 0 {
		return peer.AddrInfo{}, false
	}
	return may[n.cfg.Rand.IntN(len(may))], true
}

// part takes a router from the few. One that failed rests for longer each time.
func (n *Neighbours) part(id peer.ID, failed bool) {
	r := rest{wait: n.cfg.Timing.First}
	if failed {
		r.wait = min(max(2*n.rests[id].wait, n.cfg.Timing.First), n.cfg.Timing.Last)
	}
	r.until = time.Now().Add(r.wait)
	n.rests[id] = r
	n.mu.Lock()
	delete(n.links, id)
	n.mu.Unlock()
	if !n.carries(id) {
		_ = n.cfg.Host.Network().ClosePeer(id)
	}
}

// carries tells whether somebody's circuit goes through the connection with a peer.
func (n *Neighbours) carries(id peer.ID) bool {
	for _, c := range n.cfg.Host.Network().ConnsToPeer(id) {
		for _, s := range c.GetStreams() {
			if s.Protocol() == circuit.ProtoIDv2Hop || s.Protocol() == circuit.ProtoIDv2Stop {
				return true
			}
		}
	}
	return false
}

// renew lets go of the one that was drawn first, when there are others to draw: a router whose few all pass on nothing is deaf no
// longer than that.
func (n *Neighbours) renew() {
	var oldest *link
	for _, l := range n.few() {
		if oldest == nil || l.since.Before(oldest.since) {
			oldest = l
		}
	}
	if _, other := n.draw(); oldest != nil && other {
		n.part(oldest.at.ID, false)
	}
}

func (n *Neighbours) few() []*link {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]*link, 0, len(n.links))
	for _, l := range n.links {
		out = append(out, l)
	}
	return out
}

func (n *Neighbours) connected(id peer.ID) bool {
	return n.cfg.Host.Network().Connectedness(id) == network.Connected
}
