package session

import (
	"sync"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// budget adds up, for each router, what a session's lanes have vouched for or may have to, over all nodes: more than the
// allotment could not be co-signed, and a call that cannot be paid is not begun.
type budget struct {
	most func(router receipt.Address) uint64 // nil: no limit

	mu   sync.Mutex
	used map[receipt.Address]uint64
}

// change replaces what one lane uses; growth beyond the limit fails with ErrAllotment.
func (b *budget) change(router receipt.Address, from, to uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := b.used[router] - from + to
	if to > from && b.most != nil {
		if most := b.most(router); next > most {
			return wrap(ErrAllotment, "open calls and vouchers through router %q could come to %d uemc, its allotment is %d", router, next, most)
		}
	}
	b.used[router] = next
	return nil
}

// usage is what a lane can come to.
func (p purse) usage(open map[uint64]*openCall) uint64 {
	sum := p.sum
	for _, c := range open {
		sum += c.request.MaxPrice
	}
	return max(sum, p.vouched)
}

// newBudget reads all lanes of a session.
func newBudget(cfg CustomerConfig) (*budget, error) {
	b := &budget{most: cfg.Budget, used: make(map[receipt.Address]uint64)}
	open := make(map[receipt.Lane]map[uint64]*openCall)
	err := cfg.Store.Iterate(append([]byte(kindCall), cfg.Session[:]...), func(_, value []byte) error {
		c, err := decodeCall(value)
		if err != nil {
			return err
		}
		if open[c.request.Lane] == nil {
			open[c.request.Lane] = make(map[uint64]*openCall)
		}
		open[c.request.Lane][c.request.Nonce] = &c
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b, cfg.Store.Iterate(append([]byte(kindLane), cfg.Session[:]...), func(key, value []byte) error {
		id, err := laneOfKey(kindLane, key)
		if err != nil {
			return err
		}
		p, err := decodePurse(value)
		b.used[id.Router] += p.usage(open[id])
		return err
	})
}

// settle tells the budget what the lane uses now. It is called with the lane's lock held, after a change that only frees.
func (l *Lane) settle() {
	now := l.purse.usage(l.open)
	l.budget.mu.Lock()
	defer l.budget.mu.Unlock()
	l.budget.used[l.id.Router] += now - l.used
	l.used = now
}

// begin stages a new call within the budget. It is called with the lane's lock held.
func (l *Lane) begin(next purse, call *openCall) (ledger.Write, error) {
	value, err := call.encode()
	if err != nil {
		return nil, err
	}
	bare := l.purse
	bare.vouched = 0 // what is vouched beyond the receipts pays for this call too
	to := max(bare.usage(l.open)+call.request.MaxPrice, l.purse.vouched)
	if err := l.budget.change(l.id.Router, l.used, to); err != nil {
		return nil, err
	}
	l.used = to
	l.open[call.request.Nonce] = call
	return l.stage(next, ledger.Op{Key: laneKey(kindCall, l.id, call.request.Nonce), Value: value}), nil
}
