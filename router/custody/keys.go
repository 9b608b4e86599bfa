package custody

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

var bucket = []byte("keys")

// record is a key as it is kept, under its public half.
type record struct {
	Secret  []byte    `json:"secret"`
	Claim   []byte    `json:"claim"` // its SHA-256
	Session string    `json:"session,omitempty"`
	Created time.Time `json:"created"`
}

// load reads which sessions there are.
func (c *Custody) load() error {
	return c.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		if err := c.sweep(b); err != nil {
			return err
		}
		return b.ForEach(func(key, value []byte) error {
			r, err := decode(key, value)
			if err != nil || r.Session == "" {
				return err
			}
			return c.keep(r)
		})
	})
}

func decode(key, value []byte) (r record, err error) {
	if err := json.Unmarshal(value, &r); err != nil {
		return r, fmt.Errorf("the sessions' keys are damaged at %x: %w", key, err)
	}
	return r, nil
}

// sweep drops keys for which no session was opened in time, and counts the others that wait.
// It is called with the lock held, or before anybody else has c.
func (c *Custody) sweep(b *bbolt.Bucket) error {
	var late [][]byte
	waiting := 0
	if err := b.ForEach(func(key, value []byte) error {
		r, err := decode(key, value)
		switch {
		case err != nil:
			return err
		case r.Session != "": // claimed
		case c.cfg.Now().Sub(r.Created) > pending:
			late = append(late, bytes.Clone(key))
		default:
			waiting++
		}
		return nil
	}); err != nil {
		return err
	}
	for _, key := range late {
		if err := b.Delete(key); err != nil {
			return err
		}
	}
	c.waiting, c.swept = waiting, c.cfg.Now()
	return nil
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

// room makes room for one more key, if it can. Who fills it must not make the router read all keys for each try.
func (c *Custody) room() error {
	if c.waiting >= c.cfg.Pending && c.cfg.Now().Sub(c.swept) >= sweepEvery {
		if err := c.db.Update(func(tx *bbolt.Tx) error { return c.sweep(tx.Bucket(bucket)) }); err != nil {
			return err
		}
	}
	if c.waiting >= c.cfg.Pending {
		return ErrFull
	}
	return nil
}

// NewKey makes a key; it is durable when NewKey returns.
func (c *Custody) NewKey() (public []byte, claim string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.room(); err != nil {
		return nil, "", err
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

// find reads a key's record for who has its claim, and for no session but its own.
func find(tx *bbolt.Tx, public []byte, claim string, id receipt.SessionID) (r record, err error) {
	value := tx.Bucket(bucket).Get(public)
	if value == nil {
		return r, ErrClaim
	}
	if r, err = decode(public, value); err != nil {
		return r, err
	}
	sum := sha256.Sum256([]byte(claim))
	if subtle.ConstantTimeCompare(sum[:], r.Claim) != 1 {
		return r, ErrClaim
	}
	if r.Session != "" && r.Session != id.String() {
		return r, fmt.Errorf("%w: the key is session %s's", ErrClaim, r.Session)
	}
	return r, nil
}

// Claim takes up the session that was opened for a key; doing it again is no error.
func (c *Custody) Claim(ctx context.Context, public []byte, claim string, id receipt.SessionID) error {
	if err := c.db.View(func(tx *bbolt.Tx) error { _, err := find(tx, public, claim, id); return err }); err != nil {
		return err
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
	c.mu.Lock()
	defer c.mu.Unlock()
	// One key, one session, and the other way round: there is one customer for each, with its own nonces.
	if has := c.bound[id]; has != nil && string(has.Public().Bytes()) != string(public) {
		return fmt.Errorf("%w: the session was claimed with another key before; open another session", ErrClaim)
	}
	var r record
	if err := c.db.Update(func(tx *bbolt.Tx) (err error) {
		// Once more: the key may have been claimed, or dropped, since.
		if r, err = find(tx, public, claim, id); err != nil || r.Session != "" {
			return err
		}
		named := r
		named.Session = id.String()
		value, err := json.Marshal(named)
		if err != nil {
			return err
		}
		return tx.Bucket(bucket).Put(public, value)
	}); err != nil || r.Session != "" {
		return err
	}
	c.waiting--
	r.Session = id.String()
	return c.keep(r)
}

// Adopt takes up a session whose key its owner has. It is for a custody of his own: no
// claim is made, and nothing is durable of the key but here.
func (c *Custody) Adopt(ctx context.Context, secret []byte, id receipt.SessionID) error {
	key, err := receipt.ParseSecretKey(secret)
	if err != nil {
		return err
	}
	info, err := c.cfg.Chain.Session(ctx, id)
	if err != nil {
		return err
	}
	if string(info.Key.Bytes()) != string(key.Public().Bytes()) {
		return fmt.Errorf("%w: the session was opened with another key; give the name of that one", session.ErrKey)
	}
	if _, err := c.usable(info); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bound[id] = key
	return nil
}
