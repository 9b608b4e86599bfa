// Package paths chooses the way to each node: the host's own connection, or a circuit through one of the routers that the node
// says it has a place with. What nodes say decides only what is tried; what is taken is what was measured from here to the
// node and back, again and again while it is called. A way that gets slow is left after two measurements.
package paths

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"golang.org/x/sync/semaphore"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
)

const (
	// active is how long after its last call a node's ways are measured.
	active = 30 * time.Second
	// most circuits stand to one node, and mostRouters are kept a connection with.
	most, mostRouters = 2, 8
	// idle is how long a circuit stands that nobody uses.
	idle = time.Minute
	// forget is after what time a silent node is forgotten.
	forget = 10 * time.Minute
	atOnce = 32
)

// Timing is when what is done.
type Timing struct {
	// Every is how often a way is measured, and Wait after what time an answer counts as lost. A way is left after two that are
	// slow, so the time until then is twice their sum.
	Every, Wait time.Duration
	Dial        time.Duration // for a circuit
	// Again is after what time a router is tried again whose circuit failed or was no better.
	Again time.Duration
}

// DefaultTiming leaves a bad way within three seconds.
func DefaultTiming() Timing {
	return Timing{Every: 500 * time.Millisecond, Wait: 800 * time.Millisecond, Dial: 5 * time.Second, Again: 30 * time.Second}
}

// Config is of a Paths.
type Config struct {
	Host host.Host
	// Self is the router that this is; zero for a customer's own gateway.
	Self receipt.Address
	// Router tells where a registered router is reached; it must not wait.
	Router func(receipt.Address) (peer.AddrInfo, bool)
	// Introduction is what relays are told.
	Introduction transfer.Introduction
	Protocol     protocol.ID // of what Open opens
	Timing       Timing
	Logger       *slog.Logger
}

// Paths is safe for concurrent use. Run measures.
type Paths struct {
	cfg  Config
	busy *semaphore.Weighted

	mu      sync.Mutex
	nodes   map[receipt.Address]*node
	routers map[receipt.Address]*samples
}

// node is what is known of the ways to one.
type node struct {
	address receipt.Address
	id      peer.ID
	links   []mesh.Link
	used    time.Time // by a call
	heard   time.Time
	looking bool // a round is under way
	rounds  int

	best    receipt.Address // through which the next stream goes; zero: directly
	direct  samples
	through map[receipt.Address]*way
}

// way is a circuit, or when one may be tried.
type way struct {
	circuit *transfer.Circuit // nil: none
	rtt     samples
	users   int
	since   time.Time // when it was last used, or opened
	next    time.Time
}

// New returns one that knows no node.
func New(cfg Config) *Paths {
	return &Paths{cfg: cfg, busy: semaphore.NewWeighted(atOnce), nodes: map[receipt.Address]*node{}, routers: map[receipt.Address]*samples{}}
}

// Heard takes which routers relay to a node.
func (p *Paths) Heard(a receipt.Address, links []mesh.Link) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.nodes[a]
	if n == nil {
		n = &node{address: a, through: map[receipt.Address]*way{}}
		p.nodes[a] = n
	}
	n.links, n.heard = links, time.Now()
}

// Via is the router through which the next stream to a node goes; zero: none.
func (p *Paths) Via(a receipt.Address) receipt.Address {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.nodes[a]; n != nil {
		return n.best
	}
	return receipt.Address{}
}

// goneWait is how long a connection's end may be known to its streams before it is known to the host.
const goneWait = 200 * time.Millisecond

// Gone tells whether there is no connection any more with a router through which a stream went that has just broken. A node
// that closes a circuit itself does not end that one.
func (p *Paths) Gone(via receipt.Address) bool {
	at, ok := p.cfg.Router(via)
	if !ok {
		return true
	}
	gone := func() bool { return p.cfg.Host.Network().Connectedness(at.ID) != network.Connected }
	for until := time.Now().Add(goneWait); !gone() && time.Now().Before(until); {
		time.Sleep(goneWait / 20)
	}
	return gone()
}

// Open opens a stream to a node by the best way, and says through which router that is; zero: directly. A way that fails is
// left at once, and another one tried.
func (p *Paths) Open(ctx context.Context, a receipt.Address, id peer.ID) (io.ReadWriteCloser, receipt.Address, error) {
	p.mu.Lock()
	n := p.nodes[a]
	if n == nil {
		p.mu.Unlock()
		return p.directly(ctx, id)
	}
	n.id, n.used = id, time.Now()
	via := n.best
	w := n.through[via]
	p.mu.Unlock()
	var problems []error
	if !via.IsZero() {
		st, err := p.circuit(ctx, via, w)
		if err == nil {
			return st, via, nil
		}
		problems = append(problems, err)
		p.left(n, via)
	}
	st, none, err := p.directly(ctx, id)
	if err == nil {
		return st, none, nil
	}
	problems = append(problems, err)
	// There is no connection: whichever router is nearest brings us there.
	for _, r := range p.candidates(n) {
		if r == via || ctx.Err() != nil {
			continue
		}
		if err := p.open(ctx, n, r); err != nil {
			problems = append(problems, err)
			continue
		}
		p.mu.Lock()
		n.best, w = r, n.through[r]
		p.mu.Unlock()
		st, err := p.circuit(ctx, r, w)
		if err == nil {
			return st, r, nil
		}
		problems = append(problems, err)
	}
	return nil, receipt.Address{}, errors.Join(problems...)
}

// Stream is one to a node.
type Stream = network.MuxedStream

func (p *Paths) directly(ctx context.Context, id peer.ID) (io.ReadWriteCloser, receipt.Address, error) {
	st, err := p.cfg.Host.NewStream(transfer.AllowCircuit(network.WithNoDial(ctx, "nodes dial their routers")), id, p.cfg.Protocol)
	if err != nil { // not a nil stream that is no nil
		return nil, receipt.Address{}, err
	}
	return st, receipt.Address{}, nil
}

func (p *Paths) circuit(ctx context.Context, via receipt.Address, w *way) (Stream, error) {
	p.mu.Lock()
	if w == nil || w.circuit == nil {
		p.mu.Unlock()
		return nil, fmt.Errorf("the circuit through router %s has ended", via)
	}
	c := w.circuit
	w.users++
	p.mu.Unlock()
	leave := sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		w.users--
		w.since = time.Now()
	})
	st, err := c.NewStream(ctx, p.cfg.Protocol)
	if err != nil {
		leave()
		return nil, fmt.Errorf("through router %s: %w", via, err)
	}
	return counted{st, leave}, nil
}

// counted tells when a stream of a circuit is over.
type counted struct {
	Stream
	leave func()
}

// Close implements network.MuxedStream.
func (c counted) Close() error { defer c.leave(); return c.Stream.Close() }

// Reset implements network.MuxedStream.
func (c counted) Reset() error { defer c.leave(); return c.Stream.Reset() }

// left gives a way up that failed.
func (p *Paths) left(n *node, via receipt.Address) {
	p.mu.Lock()
	w := n.through[via]
	var c *transfer.Circuit
	if w != nil {
		c, w.circuit, w.rtt, w.next = w.circuit, nil, samples{}, time.Now().Add(p.cfg.Timing.Again)
	}
	if n.best == via {
		n.best = receipt.Address{}
	}
	p.mu.Unlock()
	if c != nil {
		go func() { _ = c.Close() }()
	}
}

// open opens a circuit and measures it.
func (p *Paths) open(ctx context.Context, n *node, via receipt.Address) error {
	p.mu.Lock()
	w := n.through[via]
	if w == nil {
		w = &way{}
		n.through[via] = w
	}
	if w.circuit != nil {
		p.mu.Unlock()
		return nil
	}
	w.next = time.Now().Add(p.cfg.Timing.Again)
	id := n.id
	p.mu.Unlock()
	at, ok := p.cfg.Router(via)
	if !ok {
		return fmt.Errorf("router %s is not known to the chain", via)
	}
	ctx, cancel := context.WithTimeout(ctx, p.cfg.Timing.Dial)
	defer cancel()
	c, err := transfer.OpenCircuit(ctx, p.cfg.Host, at, id, p.cfg.Introduction)
	if err != nil {
		return err
	}
	rtt, err := c.RTT(ctx)
	if err != nil {
		return errors.Join(err, c.Close())
	}
	p.mu.Lock()
	other := w.circuit != nil // another call was faster
	if !other {
		w.circuit, w.since, w.rtt = c, time.Now(), samples{}
		w.rtt.add(rtt)
	}
	p.mu.Unlock()
	if other {
		return c.Close()
	}
	return nil
}
