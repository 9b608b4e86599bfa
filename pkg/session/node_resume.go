package session

import (
	"context"
	"slices"

	"github.com/edgematrix/emc/pkg/receipt"
)

// Resume answers where a lane stands. Every nonce up to the question's that this node does not know is void from now on;
// calls that an earlier life of the node had admitted get their receipts, over what was delivered as far as anyone knows;
// running calls that no stream brings to the customer any more are aborted.
func (n *Node) Resume(ctx context.Context, asked Resume) (State, error) {
	if err := asked.check(); err != nil {
		return State{}, err
	}
	if _, err := n.verify(ctx, asked.Request); err != nil {
		return State{}, err
	}
	t := n.tray(asked.Request.Lane)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.broken != nil {
		return State{}, t.broken
	}
	if nonce := asked.Request.Nonce; nonce < t.till.nonces.floor || t.till.nonces.seen(nonce) || nonce+1 == 0 {
		return State{}, wrap(ErrNonce, "this question was asked before; ask again")
	}
	next := t.till
	next.nonces.raise(asked.Request.Nonce + 1)
	if err := t.write(next); err != nil {
		return State{}, err
	}
	if err := t.bury(asked); err != nil {
		return State{}, err
	}
	return t.state(asked)
}

// bury ends the calls that nobody can go on with. The customer says how far he got with a call of an earlier life: he can
// only add to what was written, so a liar pays.
func (t *tray) bury(asked Resume) error {
	for _, h := range asked.Calls {
		if c := t.running[h.Nonce]; c != nil && !c.dead && !c.aborted {
			c.aborted = true
			close(c.gone)
		}
	}
	for _, nonce := range t.nonces() {
		c := t.running[nonce]
		if !c.dead {
			continue
		}
		if at := slices.IndexFunc(asked.Calls, func(h Heard) bool { return h.Nonce == nonce }); at >= 0 {
			c.delivered = max(c.delivered, min(asked.Calls[at].Amount, c.request.MaxPrice))
		}
		// The answer is gone with the process: the receipt names none.
		if _, err := c.finish(receipt.StatusCancelled, receipt.ResponseDigest(nil, receipt.Salt{}), t.write); err != nil {
			return err
		}
	}
	return nil
}

// nonces of the running calls, in order.
func (t *tray) nonces() []uint64 {
	var out []uint64
	for nonce := range t.running {
		out = append(out, nonce)
	}
	slices.Sort(out)
	return out
}

func (t *tray) state(asked Resume) (State, error) {
	s := State{Nonce: asked.Request.Nonce, Count: t.till.tree.Count(), Root: t.till.tree.Root(), Vouched: t.till.best.Amount, Running: t.nonces()}
	if t.till.best.KeyID != 0 {
		best := t.till.best
		s.Voucher = &best
	}
	for sequence := asked.Count; sequence < s.Count; sequence++ {
		if len(s.Receipts) == MaxHandover {
			s.More = true
			break
		}
		data, err := t.node.cfg.Store.Get(laneKey(kindSigned, t.id, sequence))
		if err != nil {
			return State{}, ledgerError(err)
		}
		_, r, err := decodeSigned(data)
		if err != nil {
			return State{}, ledgerError(err)
		}
		s.Receipts = append(s.Receipts, r)
	}
	return s, nil
}
