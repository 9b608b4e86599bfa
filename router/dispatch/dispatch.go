// Package dispatch makes the gateway's calls: it has a node chosen, calls it
// through the session's lane, and tries another one as long as nothing of the
// answer has come. It implements gateway.Backend.
package dispatch

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/router/custody"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/registry"
	"github.com/edgematrix/emc/router/selection"
)

// Sessions gives the sessions that calls are paid from. *custody.Custody is one.
type Sessions interface {
	Session(ctx context.Context, id receipt.SessionID) (*custody.Session, error)
}

// Nodes tells what the chain says of nodes and apps. *registry.Registry is one.
type Nodes interface {
	Node(a receipt.Address) (registry.Node, bool)
	App(id string) (registry.App, bool)
}

// Paths chooses the way to each node. *paths.Paths does.
type Paths interface {
	// Heard takes which routers relay to a node.
	Heard(node receipt.Address, links []mesh.Link)
	// Open opens a stream to a node by the best way, and tells through which router it goes; zero: none.
	Open(ctx context.Context, node receipt.Address, id peer.ID) (io.ReadWriteCloser, receipt.Address, error)
	// Via is the router through which the next one goes.
	Via(node receipt.Address) receipt.Address
	// Gone tells whether a router is gone that a stream went through which has just broken: that is no fault of the node.
	Gone(via receipt.Address) bool
}

// Config is what calls need.
type Config struct {
	Routers  Routers
	Sessions Sessions
	Nodes    Nodes
	Host     host.Host
	Logger   *slog.Logger
	// Reach connects to a node that there is no connection with. Nil never does: nodes dial their routers.
	Reach func(ctx context.Context, n registry.Node) error
	// Paths chooses between ways to a node. Nil: there is the host's own connection alone.
	Paths Paths

	Attempts  int           // nodes that one call is given to at most
	FirstByte time.Duration // within which a node begins to answer
	Dial      time.Duration // for a new stream
	Idle      time.Duration // an idle stream is closed; below the two minutes after which nodes do
	SettleAge time.Duration // a lane that rested so long pays what it owes
	Drain     time.Duration // for the receipt of a call that was cancelled, and for the last payments when the router stops
	// Unsigned is how long a call goes on that waits for a router's signature, if something of its answer was passed on. Zero: as long as the node waits.
	Unsigned time.Duration
}

// Default has the figures of a public router.
func Default() Config {
	return Config{Attempts: 3, FirstByte: 60 * time.Second, Dial: 5 * time.Second, Idle: time.Minute, SettleAge: 10 * time.Second, Drain: 5 * time.Second}
}

// Dispatch implements gateway.Backend. It is safe for concurrent use.
type Dispatch struct {
	cfg   Config
	table *selection.Table
	lanes lanes
	pays  sync.WaitGroup

	mu     sync.Mutex
	known  map[receipt.Address]known
	models []gateway.Model
	listed time.Time
}

// known is what all lanes to a node share.
type known struct {
	credit uint64            // that a lane may owe it, uemc
	key    receipt.PublicKey // precomputed once it was called: its table is too large for every lane
}

var _ gateway.Backend = (*Dispatch)(nil)

// New returns a Dispatch that knows no node yet.
func New(cfg Config) (*Dispatch, error) {
	sc := selection.DefaultConfig()
	sc.Now, sc.Stale = time.Now, mesh.Stale
	sc.Rand = rand.NewPCG(rand.Uint64(), rand.Uint64())
	sc.Name = func(k selection.Key) string { return receipt.Address(k).String() }
	table, err := selection.New(sc)
	if err != nil {
		return nil, err
	}
	d := &Dispatch{cfg: cfg, table: table, known: map[receipt.Address]known{}}
	d.lanes.open, d.lanes.resting = map[receipt.Lane]*lane{}, map[receipt.Address]int{}
	return d, nil
}

// Heard takes what a node says of itself; the registry says the rest.
func (d *Dispatch) Heard(s mesh.Status) {
	n, ok := d.cfg.Nodes.Node(s.Node)
	if !ok {
		return
	}
	node := selection.Node{
		Key: selection.Key(s.Node), Region: n.Region, Isolation: n.Isolation, Power: n.Power,
		Reputation: selection.Reputation{Completed: n.Completed, Failed: n.Failed}, Proving: s.Proving, Accepting: s.Accepting, SeenAt: time.Now(),
	}
	for _, a := range s.Apps {
		node.Loads = append(node.Loads, selection.Load{
			App: a.ID, UnitPrice: a.UnitPrice, CallPrice: a.CallPrice, Running: a.Running, Queued: a.Queued, Capacity: a.Capacity, Ready: a.Ready,
		})
	}
	if err := d.table.Announce(node); err != nil {
		d.cfg.Logger.Debug("a node's status is not used", "node", s.Node, "error", err)
		return
	}
	if d.cfg.Paths != nil {
		d.cfg.Paths.Heard(s.Node, s.Routers)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.known[s.Node]
	k.credit = s.Credit
	d.known[s.Node] = k
}

// credit is what a lane may owe a node.
func (d *Dispatch) credit(node receipt.Address) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.known[node].credit
}

// key is a node's, with its table.
func (d *Dispatch) key(n registry.Node) receipt.PublicKey {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := d.known[n.Key.Address()]
	if k.key.Bytes() == nil {
		k.key = n.Key.Precompute()
		d.known[n.Key.Address()] = k
	}
	return k.key
}

// Snapshot is what a status page shows.
func (d *Dispatch) Snapshot() selection.Snapshot { return d.table.Snapshot() }

// Run keeps the table and the streams tidy, and pays what idle lanes owe, until ctx
// ends. It returns when the last payment is over; calls that go on then close their
// streams by themselves.
func (d *Dispatch) Run(ctx context.Context) error {
	tick := time.NewTicker(min(time.Second, max(d.cfg.SettleAge/4, time.Millisecond)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			d.pays.Wait()
			d.payAll(context.WithoutCancel(ctx))
			d.lanes.close()
			return nil
		case <-tick.C:
			d.table.Expire()
			d.settle(ctx)
		}
	}
}
