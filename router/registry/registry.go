// Package registry keeps what the chain says of nodes and apps, a little old, so
// that neither a gossip message nor a call waits for a block or a query.
package registry

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Chain is what is asked of it. *chainclient.Client has it.
type Chain interface {
	Node(ctx context.Context, address string) (computetypes.NodeView, error)
	App(ctx context.Context, id string) (computetypes.App, error)
}

const (
	// fresh is how long an answer counts. It goes on counting while the chain does not answer.
	fresh = 30 * time.Second
	// most bounds what is kept: strangers could ask for any number of addresses.
	most = 200_000
	// waiting bounds the questions that wait; more are asked when they come up again.
	waiting = 4_096
	workers = 4
	answer  = 10 * time.Second
)

// Node is a registered node that is not jailed: a computing one, or a router.
type Node struct {
	Key        receipt.PublicKey
	Region     string
	Isolation  uint32
	Power      uint64 // micro-E
	Completed  uint64
	Failed     uint64
	Operator   string
	Endpoints  []string // multiaddresses, without the peer id
	Registered bool     // false: the chain knows no such computing node, or it is jailed or retiring
	Router     bool     // so of a router
}

// App is an app of the chain's registry.
type App struct {
	Owner         string
	Unit          string
	OpenAI        bool // speaks as OpenAI's API
	Deterministic bool // the same request has the same answer
}

type entry struct {
	node  Node
	app   App
	known bool // of an app: the chain has it
	at    time.Time
	asked bool
}

// question is an address or an app's id.
type question struct {
	node receipt.Address
	app  string
}

// Registry is safe for concurrent use. Run answers what was asked.
type Registry struct {
	chain Chain
	log   *slog.Logger

	mu      sync.Mutex
	entries map[question]*entry
	asks    chan question
}

// New returns an empty registry.
func New(chain Chain, log *slog.Logger) *Registry {
	return &Registry{chain: chain, log: log, entries: map[question]*entry{}, asks: make(chan question, waiting)}
}

// Node tells what is known of a node now, and has the chain asked when that is old.
func (r *Registry) Node(a receipt.Address) (Node, bool) {
	e, ok := r.look(question{node: a})
	return e.node, ok && e.node.Registered
}

// Admit tells whether a node is registered. It does not wait: the first message of a node is lost.
func (r *Registry) Admit(a receipt.Address) bool {
	_, ok := r.Node(a)
	return ok
}

// Router tells where a router is reached that is neither jailed nor retiring, as far as that was asked already.
func (r *Registry) Router(a receipt.Address) (peer.AddrInfo, bool) {
	e, ok := r.look(question{node: a})
	if !ok || !e.node.Router {
		return peer.AddrInfo{}, false
	}
	at, err := transfer.Place(e.node.Key.Bytes(), e.node.Endpoints)
	return at, err == nil
}

// KnownRouter tells whether a router is registered, as Known does. Nobody asks again about one that only keeps a connection,
// so one that was registered is asked about here when that is old.
func (r *Registry) KnownRouter(a receipt.Address) bool {
	r.mu.Lock()
	e := r.entries[question{node: a}]
	router := e != nil && !e.at.IsZero() && e.node.Router
	r.mu.Unlock()
	if router {
		r.look(question{node: a})
	}
	return router
}

// Known tells whether a node is registered, as far as that was asked already. Who may be anybody is not asked about.
func (r *Registry) Known(a receipt.Address) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[question{node: a}]
	return e != nil && !e.at.IsZero() && e.node.Registered
}

// App tells what is known of an app now.
func (r *Registry) App(id string) (App, bool) {
	e, ok := r.look(question{app: id})
	return e.app, ok && e.known
}

func (r *Registry) look(q question) (entry, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.entries[q]
	if e == nil {
		if len(r.entries) >= most {
			r.forget()
		}
		if len(r.entries) >= most {
			return entry{}, false
		}
		e = &entry{}
		r.entries[q] = e
	}
	if time.Since(e.at) > fresh && !e.asked {
		select {
		case r.asks <- q:
			e.asked = true
		default: // it comes up again
		}
	}
	return *e, !e.at.IsZero()
}

// forget drops what nobody asked about for long.
func (r *Registry) forget() {
	for q, e := range r.entries {
		if !e.asked && time.Since(e.at) > 10*fresh {
			delete(r.entries, q)
		}
	}
}

// Run asks the chain until ctx ends.
func (r *Registry) Run(ctx context.Context) error {
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case q := <-r.asks:
					r.ask(ctx, q)
				}
			}
		})
	}
	group.Wait()
	return nil
}

func (r *Registry) ask(ctx context.Context, q question) {
	ctx, cancel := context.WithTimeout(ctx, answer)
	defer cancel()
	var e entry
	var err error
	if q.app != "" {
		var a computetypes.App
		a, err = r.chain.App(ctx, q.app)
		e.known = err == nil
		e.app = App{
			Owner: a.Owner, Unit: a.Unit, OpenAI: a.Interface == computetypes.INTERFACE_OPENAI, Deterministic: a.Comparison == computetypes.COMPARISON_EXACT,
		}
	} else {
		e.node, err = r.node(ctx, q.node)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	have := r.entries[q]
	if have == nil {
		return
	}
	have.asked = false
	if err != nil && !errors.Is(err, chainclient.ErrNotFound) {
		r.log.Debug("the chain does not answer about a node or an app", "error", err)
		return
	}
	e.at = time.Now()
	*have = e
}

// Learn takes what the chain said of a node when it was asked for something else, and tells where that is.
func (r *Registry) Learn(v computetypes.NodeView) (peer.AddrInfo, error) {
	n, err := nodeOf(v.Node)
	if err != nil {
		return peer.AddrInfo{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	q := question{node: n.Key.Address()}
	e := r.entries[q]
	if e == nil && len(r.entries) < most {
		e = &entry{}
		r.entries[q] = e
	}
	if e != nil {
		e.node, e.at = n, time.Now()
	}
	return transfer.Place(n.Key.Bytes(), n.Endpoints)
}

func (r *Registry) node(ctx context.Context, a receipt.Address) (Node, error) {
	v, err := r.chain.Node(ctx, a.String())
	if err != nil {
		return Node{}, err
	}
	return nodeOf(v.Node)
}

func nodeOf(n computetypes.Node) (Node, error) {
	key, err := receipt.ParsePublicKey(n.Pubkey)
	if err != nil {
		return Node{}, err
	}
	return Node{
		Key: key, Region: n.Offer.Region, Isolation: n.Offer.Isolation, Power: n.Power, Operator: n.Operator, Endpoints: n.Endpoints,
		Completed: n.Reputation.JobsCompleted, Failed: n.Reputation.JobsFailed,
		Registered: n.Role == computetypes.ROLE_COMPUTING && !n.Jailed && !n.Retiring,
		Router:     n.Role == computetypes.ROLE_ROUTER && !n.Jailed && !n.Retiring,
	}, nil
}
