package apikey

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/edgematrix/emc/pkg/session/ledger"
)

// keyPrefix + id → record
const keyPrefix = "key/"

// record is a key in the file. Times are seconds; 0 is none.
type record struct {
	ID            string `json:"id"`
	Hash          string `json:"hash"` // SHA-256 of the secret, hex
	Session       string `json:"session"`
	Name          string `json:"name,omitempty"`
	Limit         uint64 `json:"limit,omitempty"`
	PerCall       uint64 `json:"per_call,omitempty"`
	MaxConcurrent uint32 `json:"max_concurrent,omitempty"`
	Master        bool   `json:"master,omitempty"`
	CreatedAt     int64  `json:"created_at"`
	ExpiresAt     int64  `json:"expires_at,omitempty"`
	RevokedAt     int64  `json:"revoked_at,omitempty"`
	Ceiling       uint64 `json:"ceiling,omitempty"` // never below what is spent and reserved
}

func (e *entry) op(ceiling uint64) (ledger.Op, error) {
	b, err := json.Marshal(record{
		ID: e.key.ID, Hash: hex.EncodeToString(e.hash[:]), Session: e.key.Session, Name: e.key.Name, Limit: e.key.Limit, PerCall: e.key.PerCall,
		MaxConcurrent: e.key.MaxConcurrent, Master: e.key.Master, CreatedAt: seconds(e.key.CreatedAt), ExpiresAt: seconds(e.key.ExpiresAt),
		RevokedAt: seconds(e.key.RevokedAt), Ceiling: ceiling,
	})
	return ledger.Op{Key: []byte(keyPrefix + e.key.ID), Value: b}, err
}

func readEntry(b []byte) (*entry, error) {
	var r record
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields() // a later version's limit must not be dropped
	if err := dec.Decode(&r); err != nil {
		return nil, fmt.Errorf("%w: %w", ledger.ErrCorrupt, err)
	}
	e := &entry{ceiling: r.Ceiling, key: Key{
		ID: r.ID, Session: r.Session, Name: r.Name, Limit: r.Limit, PerCall: r.PerCall, MaxConcurrent: r.MaxConcurrent, Master: r.Master,
		CreatedAt: moment(r.CreatedAt), ExpiresAt: moment(r.ExpiresAt), RevokedAt: moment(r.RevokedAt),
		Spent: r.Ceiling, // what was in flight when a process was killed may all have been spent
	}}
	if n, err := hex.Decode(e.hash[:], []byte(r.Hash)); err != nil || n != len(e.hash) || len(r.Hash) != 2*len(e.hash) {
		return nil, fmt.Errorf("%w: the hash of the API key %q", ledger.ErrCorrupt, r.ID)
	}
	return e, nil
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

func moment(s int64) time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(s, 0).UTC()
}
