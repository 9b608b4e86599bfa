// Package dispatch makes the gateway's calls: it has a node chosen, calls it
// through the session's lane, and tries another one as long as nothing of the
// answer has come. It implements gateway.Backend.
package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
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

// Config is what calls need.
type Config struct {
	Router   receipt.Address // zero: calls go without one
	Cosigner session.Cosigner
	Sessions Sessions
	Nodes    Nodes
	Host     host.Host
	Logger   *slog.Logger

	Attempts  int           // nodes that one call is given to at most
	FirstByte time.Duration // within which a node begins to answer
	Dial      time.Duration // for a new stream
	Idle      time.Duration // an idle stream is closed
}

// Default has the figures of a public router.
func Default() Config {
	return Config{Attempts: 3, FirstByte: 60 * time.Second, Dial: 5 * time.Second, Idle: time.Minute}
}

// Dispatch implements gateway.Backend. It is safe for concurrent use.
type Dispatch struct {
	cfg   Config
	table *selection.Table
	lanes lanes

	paying sync.WaitGroup // lanes that are settled: the ledger stays open for them

	mu      sync.Mutex
	credits map[receipt.Address]uint64
	models  []gateway.Model
	listed  time.Time
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
	d := &Dispatch{cfg: cfg, table: table, credits: map[receipt.Address]uint64{}}
	d.lanes.open = map[receipt.Lane]*lane{}
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
	d.mu.Lock()
	defer d.mu.Unlock()
	d.credits[s.Node] = s.Credit
}

// credit is what a lane may owe a node.
func (d *Dispatch) credit(node receipt.Address) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.credits[node]
}

// Snapshot is what a status page shows.
func (d *Dispatch) Snapshot() selection.Snapshot { return d.table.Snapshot() }

// Run keeps the table and the streams tidy, and pays what idle lanes owe, until ctx ends.
func (d *Dispatch) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			d.paying.Wait()
			d.lanes.close()
			return nil
		case <-tick.C:
			d.table.Expire()
			d.settle(ctx)
		}
	}
}

// Call implements gateway.Backend.
func (d *Dispatch) Call(ctx context.Context, c gateway.Call) (*gateway.Answer, error) {
	id, err := receipt.ParseSessionID(c.Session)
	if err != nil {
		return nil, &gateway.Error{Kind: gateway.SessionGone, Words: "the API key names no session"}
	}
	s, err := d.cfg.Sessions.Session(ctx, id)
	if err != nil {
		return nil, sessionError(err)
	}
	wants := selection.Wants{
		App: c.App, MaxPrice: c.MaxPrice, Units: c.Units, Region: c.Region, MinIsolation: c.MinIsolation, MinPower: c.MinPower,
	}
	var last error
	var charged uint64
	for range max(d.cfg.Attempts, 1) {
		pick, err := d.table.Pick(wants)
		if err != nil {
			if last == nil {
				last = d.pickError(err, c.App)
			}
			break
		}
		if err := c.Reserve(pick.Price); err != nil {
			pick.Done(selection.Outcome{Kind: selection.Cancelled})
			return nil, err
		}
		t := &try{Dispatch: d, session: s, pick: pick, call: c}
		answer, err := t.run(ctx)
		if err == nil {
			return answer, nil
		}
		charged += t.charged
		last = err
		if !t.again || ctx.Err() != nil {
			break
		}
		d.cfg.Logger.Info("a call goes to another node", "app", c.App, "node", receipt.Address(pick.Node.Key), "error", err)
		wants.Exclude = append(wants.Exclude, pick.Node.Key)
	}
	var known *gateway.Error
	if charged > 0 && errors.As(last, &known) {
		with := *known
		with.Charged = charged
		last = &with
	}
	return nil, last
}

// pickError tells a customer why no node takes his call.
func (d *Dispatch) pickError(err error, app string) error {
	var full selection.Overloaded
	switch {
	case errors.As(err, &full):
		return &gateway.Error{Kind: gateway.Overloaded, Words: full.Words, RetryAfter: full.RetryAfter}
	case errors.Is(err, selection.ErrNoNode):
		kind := gateway.NoNode
		if !d.serves(app) {
			kind = gateway.NoModel
		}
		return &gateway.Error{Kind: kind, Words: err.Error()}
	}
	return err
}

// sessionError tells a customer why his session pays for nothing.
func sessionError(err error) error {
	switch {
	case errors.Is(err, session.ErrAllotment):
		return &gateway.Error{Kind: gateway.SessionExhausted, Words: "what the session allots to this router is used up or held for calls that run: top the session up, or wait for them"}
	case errors.Is(err, session.ErrSealed), errors.Is(err, session.ErrSession):
		return &gateway.Error{Kind: gateway.SessionExpired, Words: err.Error()}
	case errors.Is(err, session.ErrKey), errors.Is(err, custody.ErrForeign):
		return &gateway.Error{Kind: gateway.SessionGone, Words: err.Error()}
	}
	return err
}
