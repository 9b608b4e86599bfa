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
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"

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
	// margin before a session's end, within which no call begins.
	margin = time.Minute
)

var bucket = []byte("keys")

// record is a key as it is kept, under its public half.
type record struct {
	Secret  []byte    `json:"secret"`
	Claim   []byte    `json:"claim"` // its SHA-256
	Session string    `json:"session,omitempty"`
	Created time.Time `json:"created"`
}

// Config is what a custody needs.
type Config struct {
	ChainID string
	Router  receipt.Address
	Chain   session.Chain // Cached
	Store   ledger.Store  // of all sessions' customers
	Keys    string        // the file of the keys
	Now     func() time.Time
}

// Custody is safe for concurrent use.
type Custody struct {
	cfg Config
	db  *bbolt.DB

	mu       sync.Mutex
	waiting  int
	sessions map[receipt.SessionID]*Session
	bound    map[receipt.SessionID]*receipt.SecretKey
}

// Session is one that calls can be made in.
type Session struct {
	*session.Customer
	Info session.Info // as the chain has it now

	allotted *allotted
}

// allotted is what the owner lets this router vouch for, as last seen.
type allotted struct {
	mu  sync.Mutex
	sum uint64
}

func (a *allotted) set(n uint64) { a.mu.Lock(); a.sum = n; a.mu.Unlock() }
func (a *allotted) get() uint64  { a.mu.Lock(); defer a.mu.Unlock(); return a.sum }

// Open opens the file of the keys, or makes it, for its user alone.
func Open(cfg Config) (*Custody, error) {
	db, err := bbolt.Open(cfg.Keys, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("the sessions' keys in %s: %w", cfg.Keys, err)
	}
	c := &Custody{cfg: cfg, db: db, sessions: map[receipt.SessionID]*Session{}, bound: map[receipt.SessionID]*receipt.SecretKey{}}
	if err := c.load(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return c, nil
}

// Close closes the file.
func (c *Custody) Close() error { return c.db.Close() }

// load reads which sessions there are, and drops keys for which none was opened in time.
func (c *Custody) load() error {
	return c.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		cursor := b.Cursor()
		for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
			var r record
			if err := json.Unmarshal(value, &r); err != nil {
				return fmt.Errorf("the sessions' keys are damaged at %x: %w", key, err)
			}
			switch {
			case r.Session != "":
				if err := c.keep(r); err != nil {
					return err
				}
			case c.cfg.Now().Sub(r.Created) > pending:
				if err := cursor.Delete(); err != nil {
					return err
				}
			default:
				c.waiting++
			}
		}
		return nil
	})
}

// keep is called with the lock held, or before anybody else has c.
func (c *Custody) keep(r record) error {
	id, err := receipt.ParseSessionID(r.Session)
	if err != nil {
		return err
	}
	secret, err := receipt.ParseSecretKey(r.Secret)
	if err != nil {
		return err
	}
	c.bound[id] = secret
	return nil
}

// NewKey makes a key; it is durable when NewKey returns.
func (c *Custody) NewKey() (public []byte, claim string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting >= mostPending {
		c.waiting = 0
		if err := c.load(); err != nil {
			return nil, "", err
		}
		if c.waiting >= mostPending {
			return nil, "", ErrFull
		}
	}
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return nil, "", err
	}
	claim = hex.EncodeToString(secret)
	sum := sha256.Sum256([]byte(claim))
	key := secp256k1.GenPrivKey()
	value, err := json.Marshal(record{Secret: key.Key, Claim: sum[:], Created: c.cfg.Now()})
	if err != nil {
		return nil, "", err
	}
	public = key.PubKey().Bytes()
	if err := c.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put(public, value) }); err != nil {
		return nil, "", err
	}
	c.waiting++
	return public, claim, nil
}

// Claim takes up the session that was opened for a key; doing it again is no error.
func (c *Custody) Claim(ctx context.Context, public []byte, claim string, id receipt.SessionID) error {
	var r record
	if err := c.db.View(func(tx *bbolt.Tx) error {
		value := tx.Bucket(bucket).Get(public)
		if value == nil {
			return ErrClaim
		}
		return json.Unmarshal(value, &r)
	}); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(claim))
	if subtle.ConstantTimeCompare(sum[:], r.Claim) != 1 {
		return ErrClaim
	}
	if r.Session != "" && r.Session != id.String() {
		return fmt.Errorf("%w: the key is session %s's", ErrClaim, r.Session)
	}
	info, err := c.cfg.Chain.Session(ctx, id)
	if err != nil {
		return err
	}
	if string(info.Key.Bytes()) != string(public) {
		return fmt.Errorf("%w: its key on the chain is another one", ErrForeign)
	}
	if _, err := c.usable(info); err != nil {
		return err
	}
	if r.Session != "" {
		return nil
	}
	r.Session = id.String()
	value, err := json.Marshal(r)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put(public, value) }); err != nil {
		return err
	}
	c.waiting--
	return c.keep(r)
}

// usable refuses a session in which no call can begin, and tells this router's allotment.
func (c *Custody) usable(info session.Info) (uint64, error) {
	if !info.Open {
		return 0, fmt.Errorf("%w: it is closing or closed; open another one", session.ErrSession)
	}
	if info.ExpiresAt.Sub(c.cfg.Now()) < margin {
		return 0, fmt.Errorf("%w: it ends at %s; open another one, or top it up", session.ErrSession, info.ExpiresAt.UTC().Format(time.RFC3339))
	}
	r, ok := info.Router(c.cfg.Router)
	if !ok {
		return 0, fmt.Errorf("%w: nothing of it is allotted to %s", ErrForeign, c.cfg.Router)
	}
	return r.Allotment, nil
}

// Session is one that was claimed, for a call that begins now. It fails with
// session.ErrSession, session.ErrKey or ErrForeign when no call can.
func (c *Custody) Session(ctx context.Context, id receipt.SessionID) (*Session, error) {
	info, err := c.cfg.Chain.Session(ctx, id)
	if err != nil {
		return nil, err
	}
	allotment, err := c.usable(info)
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
		s = &Session{allotted: &allotted{sum: allotment}}
		if s.Customer, err = session.NewCustomer(session.CustomerConfig{
			ChainID: c.cfg.ChainID, Session: id, Key: secret, Public: secret.Public(), KeyID: info.KeyID, Store: c.cfg.Store, Now: c.cfg.Now,
			Budget: func(receipt.Address) uint64 { return s.allotted.get() },
		}); err != nil {
			return nil, err
		}
		c.sessions[id] = s
	}
	s.allotted.set(allotment)
	return &Session{Customer: s.Customer, Info: info, allotted: s.allotted}, nil
}

// Count is how many sessions were claimed.
func (c *Custody) Count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.bound)
}
