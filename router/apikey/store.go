package apikey

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/session/ledger"
)

// Config is of a store.
type Config struct {
	// Ledger has the keys; the store closes it. ledger.Open makes one of a file.
	Ledger ledger.Store
	// MaxPerSession bounds the keys of a session, also those that are revoked.
	MaxPerSession int
	Now           func() time.Time
	Rand          io.Reader
}

// Store has all keys in memory. It is safe for concurrent use.
type Store struct {
	Config

	mu       sync.RWMutex // of the maps; an entry's own lock comes after it
	byID     map[string]*entry
	byHash   map[[sha256.Size]byte]*entry
	sessions map[string]map[string]*entry
	closed   bool

	broken struct {
		sync.Mutex
		err error
	}
}

// entry is a key and what is written of it.
type entry struct {
	hash [sha256.Size]byte

	mu      sync.Mutex
	key     Key
	ceiling uint64 // in the file
	gone    bool   // dropped for a newer one
}

// New reads the keys of a ledger.
func New(cfg Config) (*Store, error) {
	if cfg.Ledger == nil || cfg.MaxPerSession <= 0 || cfg.Now == nil || cfg.Rand == nil {
		return nil, fmt.Errorf("%w: a store needs a ledger, a number of keys, a clock and randomness", ErrInvalid)
	}
	s := &Store{Config: cfg, byID: map[string]*entry{}, byHash: map[[sha256.Size]byte]*entry{}, sessions: map[string]map[string]*entry{}}
	err := cfg.Ledger.Iterate([]byte(keyPrefix), func(_, value []byte) error {
		e, err := readEntry(value)
		if err == nil {
			s.index(e)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close writes what was spent, so that nothing of a limit is lost, and closes the ledger. Calls that still run count with all
// that they reserved.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	var ops []ledger.Op
	var failed error
	for _, e := range s.byID {
		e.mu.Lock()
		if used := add(e.key.Spent, e.key.Reserved); used != e.ceiling {
			op, err := e.op(used)
			failed = errors.Join(failed, err)
			ops = append(ops, op)
		}
		e.gone = true // nobody who waits for the lock reserves on top of what is written
		e.mu.Unlock()
	}
	if failed == nil && s.state() == nil {
		failed = s.Ledger.Batch(ops...)
	}
	return errors.Join(failed, s.Ledger.Close())
}

// index is called with the lock held, or before anybody else knows the store.
func (s *Store) index(e *entry) {
	s.byID[e.key.ID], s.byHash[e.hash] = e, e
	if s.sessions[e.key.Session] == nil {
		s.sessions[e.key.Session] = map[string]*entry{}
	}
	s.sessions[e.key.Session][e.key.ID] = e
}

func (s *Store) drop(e *entry) {
	delete(s.byID, e.key.ID)
	delete(s.byHash, e.hash)
	delete(s.sessions[e.key.Session], e.key.ID)
	if len(s.sessions[e.key.Session]) == 0 {
		delete(s.sessions, e.key.Session)
	}
}

// write is durable when it returns nil. After an error nothing is written any more: what the file has is unknown.
func (s *Store) write(ops ...ledger.Op) error {
	if err := s.state(); err != nil {
		return err
	}
	err := s.Ledger.Batch(ops...)
	if err == nil {
		return nil
	}
	s.broken.Lock()
	defer s.broken.Unlock()
	s.broken.err = fmt.Errorf("%w: %w", ErrBroken, err)
	return s.broken.err
}

func (s *Store) state() error {
	s.broken.Lock()
	defer s.broken.Unlock()
	return s.broken.err
}

// find returns the entry of an id.
func (s *Store) find(id string) (*entry, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, ErrClosed
	}
	if e := s.byID[id]; e != nil {
		return e, nil
	}
	return nil, ErrUnknown
}

// Authenticate returns the key of a secret. It fails with ErrUnknown, ErrRevoked or ErrExpired. Time tells nothing: what is
// looked up is a hash, which nobody can choose.
func (s *Store) Authenticate(secret string) (Key, error) {
	hash, err := digest(secret)
	if err != nil {
		return Key{}, err
	}
	s.mu.RLock()
	e, closed := s.byHash[hash], s.closed
	s.mu.RUnlock()
	switch {
	case closed:
		return Key{}, ErrClosed
	case e == nil:
		return Key{}, ErrUnknown
	}
	k := e.get()
	return k, k.usable(s.Now())
}

// Get returns a key by its id, also one that is revoked.
func (s *Store) Get(id string) (Key, error) {
	e, err := s.find(id)
	if err != nil {
		return Key{}, err
	}
	return e.get(), nil
}

func (e *entry) get() Key {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.key
}
