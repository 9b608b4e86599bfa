package session

import "context"

// Forget drops the session's lanes, open calls and receipts when the chain has settled it: the receipts are no evidence any
// more, because the chain forgets its roots too. It fails with ErrNeeded before that, and while a stream brings a call. What
// stays is a mark: the session's lanes answer ErrSession from then on, in this process and later ones.
// When it was killed or failed in the middle, it goes on when it is called again.
func (c *Customer) Forget(ctx context.Context, chain Chain) error {
	if err := settled(ctx, chain, c.cfg.Session); err != nil {
		return err
	}
	if err := c.retire(); err != nil {
		return err
	}
	return drop(c.cfg.Store, c.cfg.Session, kindCall, kindReceipt, kindLane)
}

// retire ends all lanes at the same moment: none begins a call between the look at them and the mark.
func (c *Customer) retire() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range c.lanes {
		l.mu.Lock()
		defer l.mu.Unlock()
		for nonce, call := range l.open {
			if call.live {
				return wrap(ErrNeeded, "call %d to node %s is not over; read it to its end, or cancel it", nonce, l.id.Node)
			}
		}
	}
	if err := mark(c.cfg.Store, kindForgotten, c.cfg.Session); err != nil {
		return err
	}
	for _, l := range c.lanes {
		l.broken = errForgotten(c.cfg.Session)
	}
	clear(c.lanes)
	return nil
}
