package apikey

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/edgematrix/emc/pkg/session/ledger"
)

const idBytes = 8

// Create makes a key of the fields that a customer chooses, and returns its secret, which nobody can tell again. When the
// session has all keys that it may, the one that was revoked or expired first makes room.
func (s *Store) Create(want Key) (k Key, secret string, err error) {
	now := s.Now()
	if err := want.check(now); err != nil {
		return Key{}, "", err
	}
	random := make([]byte, secretBytes+idBytes)
	if _, err := io.ReadFull(s.Rand, random); err != nil {
		return Key{}, "", fmt.Errorf("no randomness for an API key: %w", err)
	}
	secret = Prefix + base64.RawURLEncoding.EncodeToString(random[:secretBytes])
	e := &entry{key: Key{
		ID: "key-" + hex.EncodeToString(random[secretBytes:]), Session: want.Session, Name: want.Name, Limit: want.Limit, PerCall: want.PerCall,
		MaxConcurrent: want.MaxConcurrent, Master: want.Master, CreatedAt: now.UTC().Truncate(time.Second), ExpiresAt: want.ExpiresAt.UTC().Truncate(time.Second),
	}}
	if e.hash, err = digest(secret); err != nil {
		return Key{}, "", err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return Key{}, "", ErrClosed
	}
	if s.byID[e.key.ID] != nil || s.byHash[e.hash] != nil {
		return Key{}, "", fmt.Errorf("%w: the randomness repeats itself", ErrInvalid)
	}
	op, err := e.op(0)
	if err != nil {
		return Key{}, "", err
	}
	ops := []ledger.Op{op}
	var old *entry
	if len(s.sessions[want.Session]) >= s.MaxPerSession {
		if old = s.oldest(want.Session, now); old == nil {
			return Key{}, "", ErrTooMany
		}
		old.mu.Lock()
		defer old.mu.Unlock()
		ops = append(ops, ledger.Op{Key: []byte(keyPrefix + old.key.ID)})
	}
	if err := s.write(ops...); err != nil {
		return Key{}, "", err
	}
	if old != nil {
		old.gone = true
		s.drop(old)
	}
	s.index(e)
	return e.key, secret, nil
}

// oldest is the key that has been of no use for longest, nil when all are of use or have calls that run.
func (s *Store) oldest(session string, now time.Time) (oldest *entry) {
	var since time.Time
	for _, e := range s.sessions[session] {
		k := e.get()
		end := k.RevokedAt
		if end.IsZero() {
			end = k.ExpiresAt
		}
		if k.usable(now) == nil || k.Reserved > 0 || oldest != nil && !end.Before(since) {
			continue
		}
		oldest, since = e, end
	}
	return oldest
}

// List returns a session's keys, the oldest first.
func (s *Store) List(session string) ([]Key, error) {
	s.mu.RLock()
	if s.closed {
		s.mu.RUnlock()
		return nil, ErrClosed
	}
	list := make([]Key, 0, len(s.sessions[session]))
	for _, e := range s.sessions[session] {
		list = append(list, e.get())
	}
	s.mu.RUnlock()
	slices.SortFunc(list, func(a, b Key) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// SetLimit replaces a key's limit, 0 for none. What is spent stays spent.
func (s *Store) SetLimit(id string, limit uint64) (Key, error) {
	return s.change(id, func(k *Key) { k.Limit = limit })
}

// Revoke ends a key for good. Calls that run go on.
func (s *Store) Revoke(id string) (Key, error) {
	return s.change(id, func(k *Key) {
		if k.RevokedAt.IsZero() {
			k.RevokedAt = s.Now().UTC().Truncate(time.Second)
		}
	})
}

func (s *Store) change(id string, fn func(*Key)) (Key, error) {
	e, err := s.find(id)
	if err != nil {
		return Key{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone {
		return Key{}, ErrUnknown
	}
	before, ceiling := e.key, add(e.key.Spent, e.key.Reserved)
	fn(&e.key)
	op, err := e.op(ceiling)
	if err == nil {
		err = s.write(op)
	}
	if err != nil {
		e.key = before
		return Key{}, err
	}
	e.ceiling = ceiling
	return e.key, nil
}

// Forget drops the keys of a session that is settled.
func (s *Store) Forget(session string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	var ops []ledger.Op
	var all []*entry
	for id, e := range s.sessions[session] {
		ops, all = append(ops, ledger.Op{Key: []byte(keyPrefix + id)}), append(all, e)
		e.mu.Lock()
		defer e.mu.Unlock()
	}
	if err := s.write(ops...); err != nil {
		return err
	}
	for _, e := range all {
		e.gone = true
		s.drop(e)
	}
	return nil
}
