package session

import (
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// CustomerConfig is one session's customer: whoever holds its key.
type CustomerConfig struct {
	ChainID string
	Session receipt.SessionID
	Key     receipt.Signer
	Public  receipt.PublicKey // of Key
	KeyID   uint32
	Store   ledger.Store
	Now     func() time.Time
	MaxOpen int // open calls of one lane; 256 when zero
	// Budget is a router's allotment, or what is free without one, uemc; nil sets no limit.
	Budget func(router receipt.Address) uint64
}

// Customer signs a session's requests and vouchers. It is safe for concurrent use, also within one lane.
type Customer struct {
	cfg    CustomerConfig
	budget *budget

	mu    sync.Mutex
	lanes map[receipt.Lane]*Lane
}

// NewCustomer opens a session's ledger. One ledger can serve several sessions; two processes never share one.
func NewCustomer(cfg CustomerConfig) (*Customer, error) {
	if cfg.MaxOpen == 0 {
		cfg.MaxOpen = 256
	}
	if cfg.ChainID == "" || cfg.Key == nil || cfg.Public.Bytes() == nil || cfg.KeyID == 0 || cfg.Now == nil || cfg.MaxOpen < 0 {
		return nil, wrap(ErrConfig, "a customer needs a chain id, the session's key, its number, and a clock")
	}
	if err := claim(cfg.Store, "customer", cfg.ChainID, nil); err != nil {
		return nil, err
	}
	b, err := newBudget(cfg)
	if err != nil {
		return nil, ledgerError(err)
	}
	return &Customer{cfg: cfg, budget: b, lanes: make(map[receipt.Lane]*Lane)}, nil
}

// Lane opens the way to a node through a router; cosigner is that router, nil without one. Every call returns the same
// Lane.
func (c *Customer) Lane(router receipt.Address, node receipt.PublicKey, cosigner Cosigner) (*Lane, error) {
	id := receipt.Lane{Session: c.cfg.Session, Router: router, Node: node.Address()}
	if err := id.Validate(); err != nil {
		return nil, err
	}
	if id.Routed() != (cosigner != nil) {
		return nil, wrap(ErrConfig, "a lane has a router and someone who asks it to sign, or neither")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if l, ok := c.lanes[id]; ok {
		return l, nil
	}
	if err := unmarked(c.cfg.Store, kindForgotten, c.cfg.Session); err != nil {
		return nil, err
	}
	l := &Lane{cfg: c.cfg, id: id, node: node, cosigner: cosigner, budget: c.budget, paying: make(chan struct{}, 1)}
	if err := l.load(); err != nil {
		return nil, err
	}
	c.lanes[id] = l
	return l, nil
}

// Lane is one session's calls to one node through one router.
type Lane struct {
	cfg      CustomerConfig
	id       receipt.Lane
	node     receipt.PublicKey
	cosigner Cosigner
	budget   *budget

	// paying is held while a voucher is made and co-signed, so that they reach the router in order.
	paying chan struct{}
	last   receipt.Voucher // with all signatures; guarded by paying

	mu     sync.Mutex
	purse  purse
	open   map[uint64]*openCall
	aside  map[uint64]uint64 // sequence → nonce of a receipt that waits for those before it
	found  map[uint64]bool   // nonces of lost that have a receipt
	raised raise
	used   uint64 // its part of the budget, uemc
	taken  uint64 // the voucher that the node said to have, uemc
	broken error  // the ledger failed: what is in memory may not be what is durable; or the session was forgotten
}

func (l *Lane) load() error {
	l.open, l.aside = make(map[uint64]*openCall), make(map[uint64]uint64)
	l.purse.nextNonce, l.purse.ceiling = 1, 1
	data, err := l.cfg.Store.Get(laneKey(kindLane, l.id))
	if err != nil {
		return ledgerError(err)
	}
	if data != nil {
		if l.purse, err = decodePurse(data); err != nil {
			return ledgerError(err)
		}
	}
	err = l.cfg.Store.Iterate(laneKey(kindCall, l.id), func(key, value []byte) error {
		call, err := decodeCall(value)
		if err != nil {
			return err
		}
		if call.request.Nonce != numberAt(kindCall, key) || call.request.Lane != l.id {
			return wrap(ErrLedger, "an open call stands under another's key")
		}
		l.open[call.request.Nonce] = &call
		return nil
	})
	if err != nil {
		return ledgerError(err)
	}
	l.used = l.purse.usage(l.open)
	return l.miss()
}

// Standing is where a lane stands, in uemc and numbers.
type Standing struct {
	Count   uint64 // accepted receipts
	Root    receipt.Digest
	Sum     uint64 // of their amounts
	Vouched uint64 // the highest amount that was signed
	Taken   uint64 // the highest amount that the node is known to have; not in the ledger
	Open    int    // calls without an accepted receipt
	Stake   uint64 // the sum of their maximum prices: what can be lost
	Orphans int    // open calls that no stream brings any more, and one for those that a crash forgot: Resume asks what became of them
	Why     string // why the lane is in quarantine; empty otherwise
}

// Owed is what the node may not have a voucher for yet: receipts that were accepted since the last one, and vouchers that may
// have been lost on the way.
func (s Standing) Owed() uint64 { return max(s.Sum, s.Vouched) - s.Taken }

// Standing tells where the lane stands.
func (l *Lane) Standing() Standing {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Standing{
		Count: l.purse.tree.Count(), Root: l.purse.tree.Root(), Sum: l.purse.sum, Vouched: l.purse.vouched, Taken: l.taken, Open: len(l.open), Why: l.purse.quarantine,
	}
	for _, c := range l.open {
		s.Stake += c.request.MaxPrice
		if !c.live && c.asided == nil {
			s.Orphans++
		}
	}
	if l.purse.lost.any() {
		s.Orphans++
	}
	return s
}

// ID is the lane's.
func (l *Lane) ID() receipt.Lane { return l.id }

// usable is called with the lock held.
func (l *Lane) usable() error {
	_ = l.judged(l.cfg.Store.Err())
	switch {
	case l.broken != nil:
		return l.broken
	case l.purse.quarantine != "":
		return wrap(ErrQuarantined, "%s; use another node, and close the session when its other lanes are done", l.purse.quarantine)
	}
	return nil
}

// write makes a new standing and other records durable. It is called with the lock held.
func (l *Lane) write(next purse, ops ...ledger.Op) error {
	return l.judged(l.stage(next, ops...).Wait())
}

// stage makes a new standing true, and puts it on its way to the disk with other records. What others write later comes
// after it. It is called with the lock held.
func (l *Lane) stage(next purse, ops ...ledger.Op) ledger.Write {
	l.purse = next
	return l.cfg.Store.Queue(append(ops, l.standing(next))...)
}

func (l *Lane) standing(p purse) ledger.Op {
	return ledger.Op{Key: laneKey(kindLane, l.id), Value: p.encode()}
}

// judged ends the lane when the ledger failed: what is in memory is not what is durable then.
func (l *Lane) judged(err error) error {
	if err == nil {
		return nil
	}
	if l.broken == nil {
		l.broken = ledgerError(err)
	}
	return l.broken
}

// isolate puts the lane into quarantine, and returns why.
func (l *Lane) isolate(why error) error {
	next := l.purse
	next.quarantine = why.Error()
	if err := l.write(next); err != nil {
		return err
	}
	return wrap(ErrQuarantined, "%w", why)
}
