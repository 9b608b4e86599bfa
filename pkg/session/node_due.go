package session

import (
	"slices"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
)

// Due is a lane's best voucher that is not settled in full.
type Due struct {
	Voucher receipt.Voucher
	Amount  uint64    // uemc that it adds to what is settled
	Since   time.Time // from when on there was anything to redeem
}

// Dues lists the lanes that have something to redeem, the oldest first.
func (n *Node) Dues() []Due {
	var out []Due
	for _, t := range n.trays() {
		t.mu.Lock()
		if amount := t.till.due(); amount > 0 {
			out = append(out, Due{t.till.best, amount, time.UnixMilli(int64(t.till.since))})
		}
		t.mu.Unlock()
	}
	slices.SortFunc(out, func(a, b Due) int {
		if c := a.Since.Compare(b.Since); c != 0 {
			return c
		}
		return slices.Compare(laneKey("", a.Voucher.Lane), laneKey("", b.Voucher.Lane))
	})
	return out
}

func (n *Node) trays() []*tray {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]*tray, 0, len(n.lanes))
	for _, t := range n.lanes {
		out = append(out, t)
	}
	return out
}

// Settled notes how much of a lane the chain has paid, or never will; it never goes back.
func (n *Node) Settled(id receipt.Lane, amount uint64) error {
	t := n.tray(id)
	t.mu.Lock()
	defer t.mu.Unlock()
	next := t.till
	next.settled = max(next.settled, min(amount, next.best.Amount))
	if next.settled == t.till.settled {
		return nil
	}
	freed := t.till.due() - next.due()
	next.since = 0
	if next.due() > 0 {
		next.since = uint64(n.cfg.Now().UnixMilli())
	}
	if err := t.write(next); err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.unpaid[id.Router] -= freed
	return nil
}

// Account is where a node's lane stands, in uemc.
type Account struct {
	Count    uint64
	Issued   uint64 // sum of the receipts
	Running  uint64 // delivered in calls that run
	Vouched  uint64
	Settled  uint64
	Exposure uint64 // issued and delivered beyond the voucher: at most Credit
}

// Account tells where a lane stands.
func (n *Node) Account(id receipt.Lane) Account {
	t := n.tray(id)
	t.mu.Lock()
	defer t.mu.Unlock()
	a := Account{Count: t.till.tree.Count(), Issued: t.till.issued, Running: t.delivered(), Vouched: t.till.best.Amount, Settled: t.till.settled}
	a.Exposure = a.Issued + a.Running - min(a.Vouched, a.Issued+a.Running)
	return a
}
