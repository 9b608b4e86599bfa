package session

import (
	"slices"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// Resume makes the question where the node stands, after a crash or a broken stream. Its nonce is durable first.
func (l *Lane) Resume() (Resume, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return Resume{}, err
	}
	r := Resume{Count: l.purse.tree.Count(), Root: l.purse.tree.Root()}
	for nonce, c := range l.open {
		if !c.live && len(r.Calls) < MaxHeard {
			r.Calls = append(r.Calls, Heard{nonce, c.heard})
		}
	}
	slices.SortFunc(r.Calls, func(a, b Heard) int {
		if a.Nonce < b.Nonce {
			return -1
		}
		return 1
	})
	request, next, err := l.sign(ResumeApp, receipt.RequestDigest(r.body()), 0)
	if err != nil {
		return Resume{}, err
	}
	if err := l.write(next); err != nil {
		return Resume{}, err
	}
	r.Request = request
	return r, nil
}

// Resumed takes the node's answer: receipts that were lost on the way, and which calls it never got. Those are void, and
// their nonces are never accepted again. Again is set when there are more receipts to ask for.
func (l *Lane) Resumed(asked Resume, s State) (again bool, err error) {
	if s.Nonce != asked.Request.Nonce || asked.Request.Lane != l.id {
		return false, wrap(ErrLane, "an answer to another question")
	}
	if err := l.contradicts(asked, s); err != nil {
		return false, err
	}
	for _, r := range s.Receipts {
		if err := l.Accept(r, nil); err != nil {
			return false, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return false, err
	}
	if count := l.purse.tree.Count(); count < s.Count {
		if s.More && len(s.Receipts) > 0 {
			return true, nil
		}
		return false, l.isolate(wrap(ErrContradiction, "the node has %d receipts and shows %d", s.Count, count))
	} else if count == s.Count && l.purse.tree.Root() != s.Root {
		return false, l.isolate(wrap(ErrContradiction, "another tree of %d receipts", s.Count))
	}
	l.taken = max(l.taken, min(s.Vouched, l.purse.vouched))
	return false, l.void(asked, s)
}

// contradicts looks for what only a party that lost its ledger's end, or lies, can answer.
func (l *Lane) contradicts(asked Resume, s State) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	if s.Count < asked.Count || s.Count == asked.Count && s.Root != asked.Root {
		return l.isolate(wrap(ErrContradiction, "the node has %d receipts, it gave us %d before", s.Count, asked.Count))
	}
	if v := s.Voucher; v != nil && v.Lane == l.id && v.Amount > l.purse.vouched && v.VerifyKey(l.cfg.ChainID, l.cfg.Public) == nil {
		return l.isolate(wrap(ErrLost, "the node has a voucher over %d, the ledger knows of %d", v.Amount, l.purse.vouched))
	}
	return nil
}

// void drops the calls that the node did not know when it answered, also those that a crash forgot. Calls that began after the question was asked have
// higher nonces, and are left alone.
func (l *Lane) void(asked Resume, s State) error {
	var ops []ledger.Op
	var gone []uint64
	for nonce, c := range l.open {
		if nonce < asked.Request.Nonce && c.asided == nil && !slices.Contains(s.Running, nonce) {
			ops = append(ops, ledger.Op{Key: laneKey(kindCall, l.id, nonce)})
			gone = append(gone, nonce)
		}
	}
	next := l.purse
	next.lost = l.stillLost(s.Running)
	if len(gone) == 0 && next.lost == l.purse.lost {
		return nil
	}
	if err := l.write(next, ops...); err != nil {
		return err
	}
	for _, nonce := range gone {
		delete(l.open, nonce)
	}
	l.settle()
	return nil
}
