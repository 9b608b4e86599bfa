package session

import (
	"context"
	"errors"

	"github.com/edgematrix/emc/pkg/receipt"
)

// Forget drops a session's lanes and receipts when the chain has settled it: the receipts are no evidence any more, because
// the chain forgets its roots too. It fails with ErrNeeded before that, and while a voucher is due: an endpoint that lags
// behind may not know the session yet, and the Redeemer settles what is void. What stays is a mark: nothing of the session
// is served from then on. When it was killed or failed in the middle, it goes on when it is called again.
func (n *Node) Forget(ctx context.Context, id receipt.SessionID) error {
	if err := settled(ctx, n.cfg.Chain, id); err != nil {
		return err
	}
	for _, d := range n.Dues() {
		if d.Voucher.Session == id {
			return wrap(ErrNeeded, "%d uemc of session %s are not redeemed; let the Redeemer try once more", d.Amount, id)
		}
	}
	if err := mark(n.cfg.Store, kindDropped, id); err != nil {
		return err
	}
	for _, t := range n.trays() { // a tray that is made after the mark finds it
		if t.id.Session == id {
			n.retire(t)
		}
	}
	// Lanes come last: a running call without one is a damaged ledger.
	return drop(n.cfg.Store, id, kindRunning, kindSigned, kindTill)
}

// retire ends a lane: whoever still holds it writes nothing any more, and whoever waits learns it.
func (n *Node) retire(t *tray) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken == nil {
		t.broken = errForgotten(t.id.Session)
	}
	t.wake()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lanes[t.id] == t {
		n.unpaid[t.id.Router] -= t.till.due()
		delete(n.lanes, t.id)
	}
}

// retireMarked leaves out what a Forget that was killed did not get to.
func (n *Node) retireMarked() error {
	for _, t := range n.trays() {
		err := unmarked(n.cfg.Store, kindDropped, t.id.Session)
		switch {
		case errors.Is(err, ErrSession):
			n.retire(t)
		case err != nil:
			return err
		}
	}
	return nil
}
