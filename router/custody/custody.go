// Package custody holds the keys of sessions that customers leave with a router,
// so that an API key is all that their programs need. What a session can lose here
// is what its owner allotted to this router; who wants to trust nobody with that
// keeps the key, and runs the gateway on a machine of his own.
//
// A key is made here, shown as its public half, and becomes usable once its owner
// has opened a session for it on the chain. The claim is a secret that goes to
// whoever asked for the key: with it, and only with it, the session's API keys are
// made, so that somebody who reads the chain cannot claim a stranger's session.
package custody

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// Errors of a custody.
var (
	// ErrClaim means a claim or a key that this router does not know.
	ErrClaim = errors.New("unknown claim")
	// ErrForeign means a session that is not this router's to use.
	ErrForeign = errors.New("the session is not for this router")
	// ErrFull means too many keys that no session was opened for yet.
	ErrFull = errors.New("too many keys wait for their sessions")
)

const (
	// pending is how long a key waits for its session, and mostPending how many do.
	pending     = time.Hour
	mostPending = 10_000
	// sweepEvery is how often those that wait too long are looked for: every look reads all keys.
	sweepEvery = time.Minute
	// margin before a session's end, within which no call begins.
	margin = time.Minute
)

// Config is what a custody needs.
type Config struct {
	ChainID string
	Router  receipt.Address // whose allotments are used; zero: those of all routers, by a customer's own gateway
	Chain   session.Chain   // Cached
	Store   ledger.Store    // of all sessions' customers
	Keys    string          // the file of the keys
	Now     func() time.Time
	Pending int // keys that wait for their sessions; 10,000 when zero
}

// Custody is safe for concurrent use.
type Custody struct {
	cfg Config
	db  *bbolt.DB

	mu       sync.Mutex
	waiting  int       // keys without a session
	swept    time.Time // when those that waited too long were dropped
	sessions map[receipt.SessionID]*Session
	bound    map[receipt.SessionID]*receipt.SecretKey
	ended    map[receipt.SessionID]time.Time // since when the chain says that they are settled
}

// Session is one that calls can be made in.
type Session struct {
	*session.Customer
	Info session.Info // as the chain has it now

	keyID    uint32
	allotted *allotted
}

// allotted is what the owner lets each router vouch for, as last seen.
type allotted struct {
	mu      sync.Mutex
	routers []session.Router
}

func (a *allotted) set(routers []session.Router) { a.mu.Lock(); a.routers = routers; a.mu.Unlock() }

func (a *allotted) get(router receipt.Address) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range a.routers {
		if r.Key.Address() == router {
			return r.Allotment
		}
	}
	return 0
}

// Open opens the file of the keys, or makes it, for its user alone.
func Open(cfg Config) (*Custody, error) {
	db, err := bbolt.Open(cfg.Keys, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("the sessions' keys in %s: %w", cfg.Keys, err)
	}
	c := &Custody{cfg: cfg, db: db, sessions: map[receipt.SessionID]*Session{}, bound: map[receipt.SessionID]*receipt.SecretKey{}, ended: map[receipt.SessionID]time.Time{}}
	if c.cfg.Pending == 0 {
		c.cfg.Pending = mostPending
	}
	if err := c.load(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return c, nil
}

// Close closes the file.
func (c *Custody) Close() error { return c.db.Close() }

// usable refuses a session in which no call can begin, and tells the routers that may vouch here.
func (c *Custody) usable(info session.Info) ([]session.Router, error) {
	if !info.Open {
		return nil, fmt.Errorf("%w: it is closing or closed; open another one", session.ErrSession)
	}
	if info.ExpiresAt.Sub(c.cfg.Now()) < margin {
		return nil, fmt.Errorf("%w: it ends at %s; open another one, or top it up", session.ErrSession, info.ExpiresAt.UTC().Format(time.RFC3339))
	}
	if c.cfg.Router.IsZero() {
		if len(info.Routers) == 0 {
			return nil, fmt.Errorf("%w: nothing of it is allotted to any router", ErrForeign)
		}
		return info.Routers, nil
	}
	r, ok := info.Router(c.cfg.Router)
	if !ok {
		return nil, fmt.Errorf("%w: nothing of it is allotted to %s", ErrForeign, c.cfg.Router)
	}
	return []session.Router{r}, nil
}

// Session is one that was claimed, for a call that begins now. It fails with
// session.ErrSession, session.ErrKey or ErrForeign when no call can.
func (c *Custody) Session(ctx context.Context, id receipt.SessionID) (*Session, error) {
	info, err := c.cfg.Chain.Session(ctx, id)
	if err != nil {
		return nil, err
	}
	routers, err := c.usable(info)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	secret := c.bound[id]
	if secret == nil {
		return nil, fmt.Errorf("%w: its key was not left with this router", ErrForeign)
	}
	if string(info.Key.Bytes()) != string(secret.Public().Bytes()) {
		return nil, fmt.Errorf("%w: the session's key was replaced on the chain", session.ErrKey)
	}
	s := c.sessions[id]
	if s == nil {
		if s, err = c.customer(id, secret, info.KeyID); err != nil {
			return nil, err
		}
		c.sessions[id] = s
	}
	// Two customers of one ledger would use each other's nonces: the same key under another number needs a new process.
	if s.keyID != info.KeyID {
		return nil, fmt.Errorf("%w: the session's key was replaced on the chain", session.ErrKey)
	}
	s.allotted.set(routers)
	return &Session{Customer: s.Customer, Info: info, keyID: s.keyID, allotted: s.allotted}, nil
}

// customer opens a session's part of the ledger.
func (c *Custody) customer(id receipt.SessionID, secret *receipt.SecretKey, keyID uint32) (*Session, error) {
	s := &Session{keyID: keyID, allotted: &allotted{}}
	var err error
	s.Customer, err = session.NewCustomer(session.CustomerConfig{
		ChainID: c.cfg.ChainID, Session: id, Key: secret, Public: secret.Public(), KeyID: keyID, Store: c.cfg.Store, Now: c.cfg.Now,
		Budget: s.allotted.get,
	})
	return s, err
}

// Has tells whether a session's key is here.
func (c *Custody) Has(id receipt.SessionID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bound[id] != nil
}

// Count is how many sessions were claimed.
func (c *Custody) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.bound)
}
