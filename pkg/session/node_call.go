package session

import (
	"context"
	"fmt"
	"time"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// NodeCall is a call that a node answers. One goroutine uses it.
type NodeCall struct {
	tray *tray
	runningCall
	written uint64 // how much of delivered is in the ledger, uemc
	over    bool
	dead    bool          // from an earlier life of the node: nobody delivers it
	aborted bool          // the customer asked, and no stream brings it to him
	gone    chan struct{} // closed when it is aborted
}

// Request is the call's.
func (c *NodeCall) Request() receipt.Request { return c.request }

// Delivered is what was delivered so far, uemc.
func (c *NodeCall) Delivered() uint64 {
	c.tray.mu.Lock()
	defer c.tray.mu.Unlock()
	return c.delivered
}

// TryDeliver allows the next piece of the answer to be sent, and counts it. ErrCredit means that it has to wait for a
// voucher, or that others wait for one: it does not overtake them. ErrPrice means that the maximum price is used up;
// ErrSession that the session is too near its end; ErrCallOver that the customer is gone.
func (c *NodeCall) TryDeliver(units, amount uint64) error {
	c.tray.mu.Lock()
	defer c.tray.mu.Unlock()
	return c.tryDeliver(units, amount, nil)
}

// tryDeliver is called with the lock held; me is the caller's place among those who wait, nil without one.
func (c *NodeCall) tryDeliver(units, amount uint64, me *waiting) error {
	t := c.tray
	switch {
	case t.broken != nil:
		return t.broken
	case c.over || c.aborted || c.dead:
		return ErrCallOver
	case amount > c.request.MaxPrice-c.delivered:
		return wrap(ErrPrice, "%d uemc of %d are used, the next piece costs %d", c.delivered, c.request.MaxPrice, amount)
	case t.node.cfg.Now().After(t.until):
		return wrap(ErrSession, "the session is too near its end")
	case amount > 0 && !t.first(me): // what costs nothing takes nothing from them
		return wrap(ErrCredit, "%d calls of the lane wait for one before this", len(t.queue))
	case !t.fits(amount):
		return wrap(ErrCredit, "for %d uemc", amount)
	}
	// What was sent before is written first, so that a kill costs at most Unwritten, or one piece if that is more.
	if unwritten := t.unwritten(); unwritten > 0 && unwritten+amount > t.node.cfg.Unwritten {
		if err := t.write(t.till); err != nil {
			return err
		}
	}
	c.delivered += amount
	c.units += units
	t.sent += amount
	// Half of it goes to the disk before the rest is used up, so that nobody waits.
	if ahead := t.sent - max(t.kept, t.staged.sent); ahead > 0 && 2*ahead >= t.node.cfg.Unwritten {
		if _, err := t.stage(t.till); err != nil {
			return err
		}
	}
	return nil
}

// dueAgain is after what time a call that waits says again what is due.
const dueAgain = 500 * time.Millisecond

// Deliver is TryDeliver that waits for vouchers, behind those calls of the lane that wait already. It calls due with what
// the lane's voucher must reach so that this piece and those before it are paid, uemc: when it begins to wait, and again
// whenever that has grown, or dueAgain has passed: a customer can often pay more as soon as receipts of other calls came.
func (c *NodeCall) Deliver(ctx context.Context, units, amount uint64, due func(voucher uint64) error) error {
	t := c.tray
	me := &waiting{amount: amount, look: make(chan struct{}, 1)}
	defer t.leave(me)
	again := time.NewTicker(dueAgain)
	defer again.Stop()
	for told := uint64(0); ; {
		t.mu.Lock()
		err := c.tryDeliver(units, amount, me)
		need := uint64(0)
		if isCredit(err) {
			need = t.wait(me)
		}
		t.mu.Unlock()
		if !isCredit(err) {
			return err
		}
		if need > told {
			told = need
			if err := due(need); err != nil {
				return err
			}
		}
		select {
		case <-me.look:
		case <-again.C:
			told = 0
		case <-c.gone:
			return ErrCallOver
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}
}

// Finish signs the call's receipt over what was delivered. It is durable when Finish returns, and the same comes again
// from Resume, however often it is lost.
func (c *NodeCall) Finish(status receipt.Status, response receipt.ResponseHash) (receipt.Receipt, receipt.Salt, error) {
	salt, err := job.NewSalt(c.tray.node.cfg.Random)
	if err != nil {
		return receipt.Receipt{}, salt, err
	}
	var w staged
	r, err := c.locked(func() (receipt.Receipt, error) {
		return c.finish(status, response.Digest(salt), func(next till, ops ...ledger.Op) (err error) {
			w, err = c.tray.stage(next, ops...)
			return err
		})
	})
	if err == nil {
		// Without the lock, so that several calls of a lane share a write.
		err = w.Wait()
		c.tray.mu.Lock()
		defer c.tray.mu.Unlock()
		err = c.tray.judged(w.sent, err)
	}
	return r, salt, err
}

func (c *NodeCall) locked(finish func() (receipt.Receipt, error)) (receipt.Receipt, error) {
	c.tray.mu.Lock()
	defer c.tray.mu.Unlock()
	if c.over {
		return receipt.Receipt{}, ErrCallOver
	}
	return finish()
}

// finish is called with the lock held. put writes the receipt, or stages it.
func (c *NodeCall) finish(status receipt.Status, digest receipt.Digest, put func(till, ...ledger.Op) error) (receipt.Receipt, error) {
	t := c.tray
	if t.broken != nil {
		return receipt.Receipt{}, t.broken
	}
	r := receipt.Receipt{
		Sequence: t.till.tree.Count(), Request: c.request, ResponseDigest: digest, Units: c.units, Amount: c.delivered,
		StartedMs: c.startedMs, FinishedMs: max(c.startedMs, uint64(t.node.cfg.Now().UnixMilli())), Status: status,
	}
	if status == receipt.StatusFailed {
		r.Amount, r.Units = 0, 0
	}
	r, err := r.Sign(t.node.cfg.ChainID, t.node.cfg.Key)
	if err != nil {
		return r, err
	}
	data, err := r.MarshalBinary()
	if err != nil {
		return r, err
	}
	next := t.till
	if err := next.tree.Append(data); err != nil {
		return r, err
	}
	next.issued += r.Amount
	c.over = true
	err = put(next,
		ledger.Op{Key: laneKey(kindSigned, t.id, r.Sequence), Value: signedRecord(next.tree.Root(), data)},
		ledger.Op{Key: laneKey(kindRunning, t.id, r.Request.Nonce)})
	if err != nil {
		return r, err
	}
	delete(t.running, r.Request.Nonce)
	return r, nil
}
