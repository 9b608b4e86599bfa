package custody

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

// settledFor is how long the chain must have said that a session is settled: an endpoint
// that lags behind does not know a new session, and what is forgotten is so for good.
const settledFor = time.Hour

// Forget drops the keys and records of sessions that were settled for a while. also drops
// what others have of one; it comes before the key, so that a kill in between leaves
// nothing that is not tried again. What fails is tried again, too.
func (c *Custody) Forget(ctx context.Context, also func(receipt.SessionID) error) error {
	c.mu.Lock()
	ids := make([]receipt.SessionID, 0, len(c.bound))
	for id := range c.bound {
		ids = append(ids, id)
	}
	c.mu.Unlock()
	var errs []error
	for _, id := range ids {
		if ctx.Err() != nil {
			break
		}
		if over, err := c.over(ctx, id); err != nil || !over {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, c.forget(ctx, id, also))
	}
	return errors.Join(errs...)
}

// over tells whether a session has been settled for a while.
func (c *Custody) over(ctx context.Context, id receipt.SessionID) (bool, error) {
	info, err := c.cfg.Chain.Session(ctx, id)
	if err != nil && !errors.Is(err, session.ErrSession) {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && info.Pays {
		delete(c.ended, id)
		return false, nil
	}
	since, seen := c.ended[id]
	if !seen {
		c.ended[id] = c.cfg.Now()
	}
	return seen && c.cfg.Now().Sub(since) >= settledFor, nil
}

func (c *Custody) forget(ctx context.Context, id receipt.SessionID, also func(receipt.SessionID) error) error {
	s, secret, err := c.settled(id)
	if err != nil {
		return err
	}
	if err := s.Forget(ctx, c.cfg.Chain); err != nil { // without the lock: it may be much to drop
		return err
	}
	if err := also(id); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Delete(secret.Public().Bytes()) }); err != nil {
		return err
	}
	delete(c.bound, id)
	delete(c.sessions, id)
	delete(c.ended, id)
	return nil
}

// settled is a session as it was used, or opened for this.
func (c *Custody) settled(id receipt.SessionID) (*Session, *receipt.SecretKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	secret, s := c.bound[id], c.sessions[id]
	if s == nil {
		var err error
		if s, err = c.customer(id, secret, 1); err != nil {
			return nil, nil, err
		}
		c.sessions[id] = s
	}
	return s, secret, nil
}
