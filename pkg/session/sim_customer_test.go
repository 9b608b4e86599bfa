package session_test

import (
	"context"
	"errors"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

// simCustomer makes calls in four lanes: two nodes, each through two routers.
type simCustomer struct {
	party
	customer *session.Customer
	lanes4   [4]*session.Lane
	resuming [4]bool
	begun    int
	short    shortage
}

// simCall is a call as the customer's process knows it.
type simCall struct {
	c       *simCustomer
	life    int
	at      int // which lane
	nonce   uint64
	max     uint64
	paid    uint64 // by vouchers that were signed
	prepaid uint64 // that may stand in one, signed or not: what was written down never becomes less
	pieces  int    // that came
	told    uint64
	hash    receipt.ResponseHash
	over    bool
	hungUp  bool // reaches the node at once: streams tell
	up      *wire
	running *session.NodeCall
}

func (c *simCustomer) start() {
	c.boot = c.open
	c.arm()
	c.open()
}

func (c *simCustomer) lane(i int) *session.Lane { return c.lanes4[i] }
func (c *simCustomer) nodeOf(i int) *simNode    { return c.nodes[i%2] }

func (c *simCustomer) open() {
	var err error
	c.customer, err = session.NewCustomer(session.CustomerConfig{ChainID: chainID, Session: sessionID, Key: sessionKey, Public: sessionKey.public, KeyID: 1,
		Store: c.store, Now: c.clock, MaxOpen: 16, Budget: c.budget()})
	for i := 0; i < 4 && err == nil; i++ {
		c.lanes4[i], err = c.customer.Lane(c.routers[i/2].key.public.Address(), c.nodes[i%2].key.public, c.routers[i/2])
	}
	if c.crashed() {
		return
	}
	if err != nil {
		c.fail("the customer does not start: %v", err)
		c.die()
		return
	}
	c.resuming = [4]bool{}
	for i := range c.lanes4 {
		if c.lane(i).Standing().Orphans > 0 {
			c.resume(i)
		}
	}
	c.later(time.Duration(c.rng.Intn(100))*time.Millisecond, c.next)
}

// next begins another call, and plans the one after it.
func (c *simCustomer) next() {
	if c.begun >= c.calls || c.calm {
		return
	}
	c.begun++
	c.call(c.rng.Intn(4))
	if !c.crashed() {
		c.later(time.Duration(c.rng.Intn(400))*time.Millisecond, c.next)
	}
}

func (c *simCustomer) call(at int) *simCall {
	pieces := []int{1, 1, 2, 8, 12}[c.rng.Intn(5)]
	most := uint64(pieces * price)
	if c.rng.Intn(8) == 0 {
		most -= price / 2 // it ends before all is said
	}
	l := c.lane(at)
	request, err := l.Begin("echo", receipt.RequestDigest([]byte{byte(pieces)}), most)
	if errors.Is(err, session.ErrAllotment) {
		c.onRefused(at, most)
		return nil
	}
	if c.crashed() || err != nil {
		c.tolerate(at, err)
		return nil
	}
	c.book.begin(request)
	call := &simCall{c: c, life: c.life, at: at, nonce: request.Nonce, max: most, hash: receipt.NewResponseHash(), up: new(wire)}
	m := callMessage{request: request, pieces: pieces, breaks: c.chance(0.05) && c.faulty(), reply: &link{new(wire), call}}
	if v, ok := c.voucher(at); ok {
		m.voucher = &v
	}
	if c.down {
		return nil
	}
	n := c.nodeOf(at)
	c.send(call.up, func() { n.onCall(m) })
	c.later(8*time.Second, call.timeout)
	if c.rng.Intn(6) == 0 {
		c.later(time.Duration(c.rng.Intn(150))*time.Millisecond, func() { call.hungUp = true })
	}
	return call
}

// tolerate refuses errors that an honest world does not bring.
func (c *simCustomer) tolerate(at int, err error) {
	if c.down || err == nil || errors.Is(err, errAway) || errors.Is(err, session.ErrBusy) {
		return
	}
	if errors.Is(err, session.ErrSealed) || errors.Is(err, session.ErrSession) {
		return
	}
	c.fail("lane %d of the customer: %v", at, err)
}

// voucher pays what is owed, if anything is.
func (c *simCustomer) voucher(at int) (receipt.Voucher, bool) {
	if c.neverPay || c.lane(at).Standing().Owed() == 0 {
		return receipt.Voucher{}, false
	}
	return c.sign(at)
}

func (c *simCustomer) sign(at int) (receipt.Voucher, bool) {
	v, err := c.lane(at).Voucher(context.Background())
	c.crashed()
	if errors.Is(err, session.ErrAllotment) {
		c.onUnsigned(at, err)
		return v, false
	}
	c.tolerate(at, err)
	return v, err == nil && !c.down
}

func (c *simCustomer) onTaken(id receipt.Lane, amount uint64) {
	for _, l := range c.lanes4 {
		if !c.crashed() && l.ID() == id {
			l.Taken(amount)
		}
	}
}

func (k *simCall) alive() bool { return !k.over && k.life == k.c.life && !k.c.crashed() }

func (k *simCall) onData(piece int, told uint64) {
	if !k.alive() || piece != k.pieces {
		return // one that came before
	}
	k.pieces++
	k.told = told
	_, _ = k.hash.Write([]byte{byte(piece)})
	l := k.c.lane(k.at)
	k.c.book.receive(l.ID(), price)
	l.Heard(k.nonce, told)
	if told-k.paid >= 2*price {
		k.pay(told)
	}
}

func (k *simCall) onWait() {
	if k.alive() {
		k.pay(k.told + price)
	}
}

func (k *simCall) pay(amount uint64) {
	c := k.c
	if c.neverPay {
		return
	}
	if err := c.lane(k.at).Prepay(k.nonce, amount); err != nil {
		k.over = true // its receipt came by Resume
		return
	}
	k.prepaid = max(k.prepaid, min(amount, k.max))
	if v, ok := c.sign(k.at); ok {
		k.paid = amount
		n := c.nodeOf(k.at)
		c.send(k.up, func() { n.onVoucher(v) })
	}
}

func (k *simCall) onReceipt(r receipt.Receipt, salt receipt.Salt) {
	if !k.alive() {
		return
	}
	c := k.c
	var answer *session.Answer
	if r.Amount <= k.told { // the whole stream came
		answer = &session.Answer{Digest: k.hash.Digest(salt), Amount: k.told}
	}
	err := c.lane(k.at).Accept(r, answer)
	if c.crashed() {
		return
	}
	k.over = true
	if err != nil {
		c.tolerate(k.at, err)
		return
	}
	if answer != nil && k.prepaid <= r.Amount { // otherwise the next call uses what is prepaid, if there is one
		c.book.clean(r.Request)
	}
	if c.rng.Intn(2) == 0 {
		c.settle(k.at)
	}
}

// settle brings a voucher on a stream of its own.
func (c *simCustomer) settle(at int) {
	if v, ok := c.voucher(at); ok {
		n := c.nodeOf(at)
		c.send(new(wire), func() { n.onVoucher(v) })
	}
}

func (k *simCall) onRefusal(err error) {
	if !k.alive() {
		return
	}
	if !errors.Is(err, session.ErrNonce) && !errors.Is(err, session.ErrCredit) && !errors.Is(err, session.ErrBusy) && !errors.Is(err, session.ErrSession) {
		k.c.fail("refused: %v", err)
	}
	k.orphan()
}

func (k *simCall) timeout() {
	if k.alive() {
		k.hungUp = true
		k.orphan()
	}
}
