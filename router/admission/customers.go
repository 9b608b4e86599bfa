package admission

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
)

// Sessions tells which sessions allot to a router, and their keys.
type Sessions interface {
	// Bound lists the sessions that are open, at most so many.
	Bound(ctx context.Context, most int) ([]receipt.SessionID, error)
	Key(ctx context.Context, id receipt.SessionID) (receipt.Address, error)
}

const (
	// customersEvery is how long a new session's gateway is a stranger at most: less than a stranger's patience.
	customersEvery = 10 * time.Second
	// mostSessions are looked at; askedAtOnce of them are new and asked about in one round.
	mostSessions, askedAtOnce = 5_000, 100
	// keyFor is how long a session's key counts: its owner may replace it.
	keyFor = 5 * time.Minute
)

// Customers are the keys of the sessions that allot to a router.
type Customers struct {
	sessions Sessions
	ours     func(receipt.SessionID) bool
	log      *slog.Logger
	now      func() time.Time

	mu   sync.Mutex
	keys map[receipt.Address]bool
	seen map[receipt.SessionID]seen // of Run alone
}

type seen struct {
	key receipt.Address
	at  time.Time
}

// NewCustomers returns an empty set; Run fills it. Of sessions that are ours, whose keys the router itself holds, nobody comes.
func NewCustomers(s Sessions, ours func(receipt.SessionID) bool, log *slog.Logger, now func() time.Time) *Customers {
	return &Customers{sessions: s, ours: ours, log: log, now: now, seen: map[receipt.SessionID]seen{}}
}

// Has tells whether a key is one of them.
func (c *Customers) Has(a receipt.Address) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys[a]
}

// Run asks the chain until ctx ends. While it does not answer, those that are known stay.
func (c *Customers) Run(ctx context.Context) error {
	tick := time.NewTicker(customersEvery)
	defer tick.Stop()
	for {
		if err := c.look(ctx); err != nil && ctx.Err() == nil {
			c.log.Debug("the chain does not tell this router's sessions", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (c *Customers) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, customersEvery)
	defer cancel()
	bound, err := c.sessions.Bound(ctx, mostSessions)
	if err != nil {
		return err
	}
	have, keys := make(map[receipt.SessionID]seen, len(bound)), map[receipt.Address]bool{}
	asked := 0
	for _, id := range bound {
		if c.ours(id) {
			continue
		}
		s, known := c.seen[id]
		if (!known || c.now().Sub(s.at) > keyFor) && asked < askedAtOnce {
			asked++
			if key, err := c.sessions.Key(ctx, id); err == nil {
				s, known = seen{key, c.now()}, true
			}
		}
		if known {
			have[id], keys[s.key] = s, true
		}
	}
	c.seen = have
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = keys
	return nil
}
