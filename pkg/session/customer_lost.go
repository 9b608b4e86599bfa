package session

import (
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// noncesAside is how many nonces are set aside at a time: a call waits for the disk only where they run out before that
// is durable.
const noncesAside = 256

// raise is the newest write that sets nonces aside.
type raise struct {
	sure  uint64 // nonces below it are set aside, durably
	write ledger.Write
	to    uint64
}

// before returns what a nonce's use has to wait for, nil when there is nothing. write is the one that brings its record.
func (r *raise) before(nonce, ceiling uint64, write ledger.Write) ledger.Write {
	if ceiling > r.to {
		if r.write != nil && r.write.Durable() {
			r.sure = r.to
		}
		r.write, r.to = write, ceiling
	}
	if nonce >= r.sure && r.write != nil && r.write.Durable() {
		r.sure = r.to
	}
	if nonce < r.sure {
		return nil
	}
	return r.write
}

// lost are the nonces that were set aside before a crash and of which nothing is known: they were never used, or what was
// written of them did not get to the disk. The node tells which: what it has a receipt for was asked by us, if our
// signature is on it. Receipts of them have a sequence of at least count.
type lost struct{ from, to, count uint64 }

func (l lost) any() bool { return l.from < l.to }

// miss finds out after a start what a crash may have forgotten.
func (l *Lane) miss() error {
	p := &l.purse
	if p.nextNonce < p.ceiling {
		if !p.lost.any() {
			p.lost.from, p.lost.count = p.nextNonce, p.tree.Count()
		}
		p.lost.to, p.nextNonce = p.ceiling, p.ceiling
	}
	l.raised = raise{sure: p.ceiling, to: p.ceiling}
	l.found = make(map[uint64]bool)
	for at := p.lost.count; p.lost.any() && at < p.tree.Count(); at++ {
		r, err := l.Receipt(at)
		if err != nil {
			return err
		}
		l.found[r.Request.Nonce] = true
	}
	return nil
}

// recall opens a call again that a crash forgot, and says whether this is one. A node cannot make one up: we have signed it.
func (l *Lane) recall(r receipt.Request) bool {
	if r.Nonce < l.purse.lost.from || r.Nonce >= l.purse.lost.to || l.open[r.Nonce] != nil || l.found[r.Nonce] {
		return false
	}
	if r.Lane != l.id || r.KeyID != l.cfg.KeyID || r.Verify(l.cfg.ChainID, l.cfg.Public) != nil {
		return false
	}
	l.open[r.Nonce] = &openCall{request: r}
	return true
}

// stillLost is what stays lost after the node answered with the calls that still run there: all others it never got.
func (l *Lane) stillLost(running []uint64) (still lost) {
	was := l.purse.lost
	for _, nonce := range running {
		if nonce < was.from || nonce >= was.to || l.open[nonce] != nil || l.found[nonce] {
			continue
		}
		if !still.any() {
			still = lost{nonce, nonce + 1, was.count}
		}
		still.from, still.to = min(still.from, nonce), max(still.to, nonce+1)
	}
	return still
}
