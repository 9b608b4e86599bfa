package relay

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
)

// Chain is what is asked about whoever introduces himself.
type Chain interface {
	// Job tells which node a job is on, and the key by which its customer speaks to it.
	Job(ctx context.Context, id string) (node receipt.Address, key transfer.PubKey, err error)
	// Session tells the key of a session that is open.
	Session(ctx context.Context, id string) (receipt.Address, error)
	// Prober tells the hot key of a validator who probes in this epoch.
	Prober(ctx context.Context, validator string) (receipt.Address, error)
}

// pass is how long an introduction counts: one comes before every circuit. most bounds how many do.
const (
	pass = time.Minute
	most = 4_096
)

// guests are those whom the chain knows as customers of a node.
type guests struct {
	cfg  Config
	asks *rate.Limiter

	mu     sync.Mutex
	passes map[receipt.Address]guest
}

type guest struct {
	node  receipt.Address // zero: any
	until time.Time
}

func newGuests(cfg Config) *guests {
	burst := max(int(cfg.Limits.Asks), 1)
	return &guests{cfg: cfg, asks: rate.NewLimiter(rate.Limit(cfg.Limits.Asks), burst), passes: map[receipt.Address]guest{}}
}

// may tells whether a guest may go to a node.
func (g *guests) may(a, node receipt.Address) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, ok := g.passes[a]
	return ok && g.cfg.Now().Before(p.until) && (p.node.IsZero() || p.node == node)
}

func (g *guests) let(a receipt.Address, node receipt.Address) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.cfg.Now()
	if _, again := g.passes[a]; !again && len(g.passes) >= most {
		for old, p := range g.passes {
			if !now.Before(p.until) {
				delete(g.passes, old)
			}
		}
		if len(g.passes) >= most {
			return false
		}
	}
	g.passes[a] = guest{node, now.Add(pass)}
	return true
}

// Judge decides about whoever introduces himself.
func (r *Relay) Judge(ctx context.Context, from transfer.PubKey, i transfer.Introduction) error {
	a, err := addressOf(from)
	if err != nil {
		return err
	}
	if r.cfg.Customer(a) {
		return nil
	}
	if !r.guests.asks.AllowN(r.cfg.Now(), 1) {
		return transfer.Busy(time.Second, "the relay is asked by too many whom it does not know")
	}
	var node receipt.Address
	switch {
	case i.Prober != nil && i.Job == "" && i.Session == "":
		if err := r.probes(ctx, from, *i.Prober); err != nil {
			return err
		}
	case i.Job != "" && i.Session == "" && i.Prober == nil:
		on, key, err := r.cfg.Chain.Job(ctx, i.Job)
		if err != nil || key != from {
			return transfer.Errorf(transfer.CodeForbidden, "the relay finds no such job of this key on the chain")
		}
		node = on
	case i.Session != "" && i.Job == "" && i.Prober == nil:
		key, err := r.cfg.Chain.Session(ctx, i.Session)
		if err != nil || key != a {
			return transfer.Errorf(transfer.CodeForbidden, "the relay finds no open session of this key on the chain")
		}
	default:
		return transfer.Errorf(transfer.CodeInvalid, "name a job, a session or a prober")
	}
	id, err := transfer.PeerID(from)
	if err != nil {
		return err
	}
	if !r.cfg.Introduced(id) || !r.guests.let(a, node) {
		return transfer.Busy(5*time.Second, "the relay has as many guests as it takes")
	}
	return nil
}

// probes tells whether a guest probes for a validator. The signature comes first: it costs the chain nothing.
func (r *Relay) probes(ctx context.Context, from transfer.PubKey, p transfer.Prober) error {
	if !p.Signed(r.cfg.ChainID, from) {
		return transfer.Errorf(transfer.CodeForbidden, "no hot key has signed the key of this connection")
	}
	hot, err := receipt.ParsePublicKey(p.Key)
	if err != nil {
		return transfer.Errorf(transfer.CodeInvalid, "the hot key is none")
	}
	if a, err := r.cfg.Chain.Prober(ctx, p.Validator); err != nil || a != hot.Address() {
		return transfer.Errorf(transfer.CodeForbidden, "the chain knows no such prober of a validator who probes in this epoch")
	}
	return nil
}
