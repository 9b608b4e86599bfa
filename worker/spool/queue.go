package spool

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Put hands in a message under a key. A key that is pending, in flight or done is left as it is, whatever the message:
// the state returned is the one before the call, so StateUnknown means that the message has been queued now.
func (s *Spool) Put(key string, msg Message) (State, error) {
	if err := checkEntry(key, msg); err != nil {
		return StateUnknown, err
	}
	// Most calls of a reconciling worker repeat themselves: they must not cost a write.
	before, err := s.State(key)
	if err != nil || before != StateUnknown {
		return before, err
	}
	err = s.update(func(tx *bolt.Tx) error {
		before, err = s.enqueue(tx, key, msg)
		return err
	})
	return before, err
}

func (s *Spool) enqueue(tx *bolt.Tx, key string, msg Message) (before State, err error) {
	if before, err = state(tx, key); err != nil || before != StateUnknown {
		return before, err
	}
	queue := tx.Bucket(bucketQueue)
	if first, _ := queue.Cursor().First(); first != nil && queue.Sequence()-binary.BigEndian.Uint64(first) >= MaxPending {
		return before, fmt.Errorf("%w: too many messages are waiting already: see why none reaches the chain", ErrInvalid)
	}
	seq, err := queue.NextSequence()
	if err != nil {
		return before, err
	}
	data, err := encode(Entry{Key: key, Msg: msg, Created: s.now().UTC()})
	if err != nil {
		return before, err
	}
	if err := queue.Put(seqKey(seq), data); err != nil {
		return before, err
	}
	return before, tx.Bucket(bucketKeys).Put([]byte(key), seqKey(seq))
}

// State says where the message of a key stands.
func (s *Spool) State(key string) (st State, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		st, err = state(tx, key)
		return err
	})
	return st, err
}

func state(tx *bolt.Tx, key string) (State, error) {
	if tx.Bucket(bucketKeys).Get([]byte(key)) != nil {
		flying, err := inFlight(tx)
		if err != nil {
			return StateUnknown, err
		}
		if flying != nil {
			for _, k := range flying.Keys {
				if k == key {
					return StateInFlight, nil
				}
			}
		}
		return StatePending, nil
	}
	if tx.Bucket(bucketDone).Get([]byte(key)) != nil {
		return StateDone, nil
	}
	return StateUnknown, nil
}

// Pending returns up to limit messages that wait for a transaction, oldest first, without those in flight.
func (s *Spool) Pending(limit int) (out []Entry, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		flying, err := inFlight(tx)
		if err != nil {
			return err
		}
		skip := make(map[string]bool)
		if flying != nil {
			for _, k := range flying.Keys {
				skip[k] = true
			}
		}
		c := tx.Bucket(bucketQueue).Cursor()
		for k, v := c.First(); k != nil && len(out) < limit; k, v = c.Next() {
			var e Entry
			if err := decode(v, &e); err != nil {
				return err
			}
			if !skip[e.Key] {
				out = append(out, e)
			}
		}
		return nil
	})
	return out, err
}

// Get returns the pending entry of a key, in flight or not; the error wraps ErrUnknownKey if there is none.
func (s *Spool) Get(key string) (e Entry, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		e, _, err = find(tx, key)
		return err
	})
	return e, err
}

// find returns a pending entry and its place in the queue.
func find(tx *bolt.Tx, key string) (e Entry, place []byte, err error) {
	place = tx.Bucket(bucketKeys).Get([]byte(key))
	if place == nil {
		return e, nil, fmt.Errorf("%w: %q", ErrUnknownKey, key)
	}
	data := tx.Bucket(bucketQueue).Get(place)
	if data == nil {
		return e, nil, fmt.Errorf("%w: the message of %q is missing", ErrCorrupt, key)
	}
	place = append([]byte(nil), place...) // bbolt's own bytes change with the next write
	return e, place, decode(data, &e)
}

// Done notes the outcome of messages, which leave the queue, and ends the transaction in flight if none of its messages
// is left. Keys that are done already are left as they are, so that it can be repeated after a restart; unknown ones fail.
func (s *Spool) Done(keys []string, outcome Outcome) error {
	if len(keys) == 0 {
		return fmt.Errorf("%w: no keys", ErrInvalid)
	}
	return s.update(func(tx *bolt.Tx) error {
		for _, key := range keys {
			if err := s.finish(tx, key, outcome); err != nil {
				return err
			}
		}
		if err := s.trimHistory(tx); err != nil {
			return err
		}
		flying, err := inFlight(tx)
		if err != nil || flying == nil {
			return err
		}
		for _, k := range flying.Keys {
			if tx.Bucket(bucketKeys).Get([]byte(k)) != nil {
				return nil
			}
		}
		return tx.Bucket(bucketInFlight).Delete(keyTx)
	})
}

func (s *Spool) finish(tx *bolt.Tx, key string, outcome Outcome) error {
	if tx.Bucket(bucketDone).Get([]byte(key)) != nil {
		return nil
	}
	e, place, err := find(tx, key)
	if err != nil {
		return err
	}
	if err := tx.Bucket(bucketQueue).Delete(place); err != nil {
		return err
	}
	if err := tx.Bucket(bucketKeys).Delete([]byte(key)); err != nil {
		return err
	}
	history := tx.Bucket(bucketHistory)
	seq, err := history.NextSequence()
	if err != nil {
		return err
	}
	data, err := encode(Record{Entry: e, Outcome: outcome, Done: s.now().UTC()})
	if err != nil {
		return err
	}
	if err := history.Put(seqKey(seq), data); err != nil {
		return err
	}
	return tx.Bucket(bucketDone).Put([]byte(key), seqKey(seq))
}

// trimHistory forgets the oldest records beyond the limit.
func (s *Spool) trimHistory(tx *bolt.Tx) error {
	history, done := tx.Bucket(bucketHistory), tx.Bucket(bucketDone)
	last := history.Sequence()
	if last <= s.historyLimit {
		return nil
	}
	c := history.Cursor()
	for k, v := c.First(); k != nil && binary.BigEndian.Uint64(k) <= last-s.historyLimit; k, v = c.First() {
		var r Record
		if err := decode(v, &r); err != nil {
			return err
		}
		if err := done.Delete([]byte(r.Key)); err != nil {
			return err
		}
		if err := history.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// History returns up to limit records, the latest first.
func (s *Spool) History(limit int) (out []Record, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucketHistory).Cursor()
		for k, v := c.Last(); k != nil && len(out) < limit; k, v = c.Prev() {
			var r Record
			if err := decode(v, &r); err != nil {
				return err
			}
			out = append(out, r)
		}
		return nil
	})
	return out, err
}

// Outcome returns the record of a key that is done.
func (s *Spool) Outcome(key string) (r Record, ok bool, err error) {
	err = s.db.View(func(tx *bolt.Tx) error {
		place := tx.Bucket(bucketDone).Get([]byte(key))
		if place == nil {
			return nil
		}
		data := tx.Bucket(bucketHistory).Get(place)
		if data == nil {
			return fmt.Errorf("%w: the record of %q is missing", ErrCorrupt, key)
		}
		ok = true
		return decode(data, &r)
	})
	return r, ok, err
}
