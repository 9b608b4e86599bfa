package session

import (
	"bytes"
	"errors"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// Answer is all that a stream brought until its receipt.
type Answer struct {
	Digest receipt.Digest // salted
	Amount uint64         // what was told to have been delivered, uemc
}

// Accept takes a receipt into the lane's tree. answer is what came through the stream, nil when the end of it was lost. A
// receipt that came before is accepted again without effect; one that is ahead of its turn waits for those before it. What
// carries the node's signature and breaks the rules puts the lane into quarantine; what does not carry it changes nothing.
// It is on its way to the disk when Accept returns, and there before anything is vouched for: one that a crash forgets comes
// again by Resume.
func (l *Lane) Accept(r receipt.Receipt, answer *Answer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	forgotten := l.recall(r.Request)
	err := l.judge(r, answer)
	if err != nil && forgotten {
		delete(l.open, r.Request.Nonce)
	}
	switch {
	case errors.Is(err, errKnown):
		return nil
	case errors.Is(err, ErrLedger):
		return err
	case err != nil && l.signed(r):
		return l.isolate(err)
	case err != nil:
		return err
	}
	if forgotten {
		l.found[r.Request.Nonce] = true
	}
	call := l.open[r.Request.Nonce]
	if r.Sequence > l.purse.tree.Count() {
		call.asided, call.prepaid, call.live = &r, max(call.prepaid, r.Amount), false
		l.aside[r.Sequence] = r.Request.Nonce
		return nil
	}
	return l.take(r)
}

// errKnown means a receipt that is in the tree, or that waits, already.
var errKnown = errors.New("known")

func (l *Lane) judge(r receipt.Receipt, answer *Answer) error {
	if r.Request.Lane != l.id {
		return wrap(ErrLane, "a receipt of session %s, node %s", r.Request.Session, r.Request.Node)
	}
	if r.Sequence < l.purse.tree.Count() {
		return l.compare(r)
	}
	call := l.open[r.Request.Nonce]
	if call == nil {
		return wrap(ErrUnknownCall, "receipt %d is for nonce %d", r.Sequence, r.Request.Nonce)
	}
	if call.asided != nil {
		if *call.asided == r {
			return errKnown
		}
		return wrap(ErrContradiction, "two receipts for nonce %d", r.Request.Nonce)
	}
	if _, taken := l.aside[r.Sequence]; taken {
		return wrap(ErrContradiction, "two receipts with sequence %d", r.Sequence)
	}
	if r.Sequence >= l.purse.tree.Count()+uint64(l.cfg.MaxOpen) {
		return wrap(ErrContradiction, "receipt %d follows %d receipts, with %d calls open", r.Sequence, l.purse.tree.Count(), len(l.open))
	}
	if err := r.VerifyFor(l.cfg.ChainID, call.request, l.node); err != nil {
		return err
	}
	switch {
	case answer == nil:
	case r.Amount > answer.Amount:
		return wrap(ErrOvercharge, "receipt %d: %d uemc, told were %d", r.Sequence, r.Amount, answer.Amount)
	case r.Status != receipt.StatusFailed && r.ResponseDigest != answer.Digest:
		return wrap(ErrResponse, "receipt %d", r.Sequence)
	}
	return nil
}

// compare looks at a receipt whose place in the tree is taken.
func (l *Lane) compare(r receipt.Receipt) error {
	have, err := l.cfg.Store.Get(laneKey(kindReceipt, l.id, r.Sequence))
	if err != nil {
		return ledgerError(err)
	}
	data, err := r.MarshalBinary()
	if err == nil && bytes.Equal(have, data) {
		return errKnown
	}
	return wrap(ErrContradiction, "another receipt %d was accepted", r.Sequence)
}

// signed says whether the node signed this receipt, whatever stands in it.
func (l *Lane) signed(r receipt.Receipt) bool {
	b, err := receipt.ReceiptSignBytes(l.cfg.ChainID, r)
	return err == nil && r.Request.Lane == l.id && l.node.Verify(b, r.Signature)
}

// take appends a receipt whose turn it is, and those that waited for it, in one batch.
func (l *Lane) take(r receipt.Receipt) error {
	next := l.purse
	var ops []ledger.Op
	var done []uint64
	for {
		data, err := r.MarshalBinary()
		if err != nil {
			return err
		}
		sequence := next.tree.Count()
		if err := next.tree.Append(data); err != nil {
			return err
		}
		next.sum += r.Amount
		ops = append(ops,
			ledger.Op{Key: laneKey(kindReceipt, l.id, sequence), Value: data},
			ledger.Op{Key: laneKey(kindCall, l.id, r.Request.Nonce)})
		done = append(done, r.Request.Nonce)
		nonce, waits := l.aside[sequence+1]
		if !waits {
			break
		}
		r = *l.open[nonce].asided
	}
	l.stage(next, ops...)
	for _, nonce := range done {
		if a := l.open[nonce].asided; a != nil {
			delete(l.aside, a.Sequence)
		}
		delete(l.open, nonce)
	}
	l.settle()
	return nil
}

// Receipt returns an accepted receipt by its sequence: with its path it is evidence.
func (l *Lane) Receipt(sequence uint64) (receipt.Receipt, error) {
	data, err := l.cfg.Store.Get(laneKey(kindReceipt, l.id, sequence))
	if err != nil {
		return receipt.Receipt{}, ledgerError(err)
	}
	if data == nil {
		return receipt.Receipt{}, wrap(ErrUnknownCall, "no receipt %d was accepted", sequence)
	}
	return receipt.UnmarshalReceipt(data)
}

// Path proves a receipt against the root of the lane's first count receipts, in time of their number.
func (l *Lane) Path(sequence, count uint64) (receipt.Path, error) {
	var hashes []receipt.Digest
	err := l.cfg.Store.Iterate(laneKey(kindReceipt, l.id), func(_, value []byte) error {
		if uint64(len(hashes)) < count {
			hashes = append(hashes, receipt.LeafHash(value))
		}
		return nil
	})
	if err != nil {
		return nil, ledgerError(err)
	}
	return receipt.BuildPath(hashes, sequence)
}
