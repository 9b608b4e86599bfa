package spool

import (
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// SetInFlight writes down the signed transaction that is about to be broadcast. All its keys must be pending. It fails
// with ErrInFlight while another one is in flight; the same transaction again is fine.
func (s *Spool) SetInFlight(next InFlight) error {
	if err := checkInFlight(next); err != nil {
		return err
	}
	return s.update(func(tx *bolt.Tx) error {
		now, err := inFlight(tx)
		if err != nil {
			return err
		}
		if now != nil {
			if now.Hash == next.Hash {
				return nil
			}
			return fmt.Errorf("%w: %s", ErrInFlight, now.Hash)
		}
		next.Keys = slices.Clone(next.Keys)
		for i, key := range next.Keys {
			if slices.Contains(next.Keys[:i], key) {
				return fmt.Errorf("%w: the key %q stands twice in a transaction", ErrInvalid, key)
			}
			if _, _, err := find(tx, key); err != nil {
				return err
			}
		}
		if next.Created.IsZero() {
			next.Created = s.now().UTC()
		}
		data, err := encode(next)
		if err != nil {
			return err
		}
		return tx.Bucket(bucketInFlight).Put(keyTx, data)
	})
}

// InFlight returns the transaction in flight, nil if there is none.
func (s *Spool) InFlight() (out *InFlight, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		out, err = inFlight(tx)
		return err
	})
	return out, err
}

// Release ends the transaction in flight, which must have the hash, without an outcome: its messages wait for another
// transaction. Call it only when this one can never be included any more, or they might count twice.
func (s *Spool) Release(hash string) error {
	return s.update(func(tx *bolt.Tx) error {
		now, err := inFlight(tx)
		if err != nil {
			return err
		}
		if now == nil || now.Hash != hash {
			return fmt.Errorf("%w: the transaction %s is not in flight", ErrInvalid, hash)
		}
		for _, key := range now.Keys {
			if tx.Bucket(bucketKeys).Get([]byte(key)) == nil {
				continue // done already
			}
			if err := countAttempt(tx, key); err != nil {
				return err
			}
		}
		return tx.Bucket(bucketInFlight).Delete(keyTx)
	})
}

func countAttempt(tx *bolt.Tx, key string) error {
	e, place, err := find(tx, key)
	if err != nil {
		return err
	}
	e.Attempts++
	data, err := encode(e)
	if err != nil {
		return err
	}
	return tx.Bucket(bucketQueue).Put(place, data)
}

func inFlight(tx *bolt.Tx) (*InFlight, error) {
	data := tx.Bucket(bucketInFlight).Get(keyTx)
	if data == nil {
		return nil, nil
	}
	out := new(InFlight)
	return out, decode(data, out)
}
