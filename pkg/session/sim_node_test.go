package session_test

import (
	"context"
	"errors"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

const price = 10 // of a piece

// simNode drives a Node and its Redeemer.
type simNode struct {
	party
	key      keyPair
	index    int
	node     *session.Node
	redeemer *session.Redeemer
}

func (n *simNode) start() {
	n.boot = n.open
	n.arm()
	n.open()
}

func (n *simNode) open() {
	node, err := session.NewNode(session.NodeConfig{ChainID: chainID, Key: n.key, Public: n.key.public, Chain: n.chain, Store: n.store, Now: n.clock,
		Random: n.rng, Credit: credit, Unwritten: unwritten, Margin: margin})
	if err == nil {
		n.node = node
		n.redeemer, err = session.NewRedeemer(session.RedeemerConfig{Node: node, Chain: n.chain, Now: n.clock, Logger: quiet,
			Amount: 100, Age: 20 * time.Second, Batch: 2, Backoff: time.Second, MaxBackoff: time.Minute})
	}
	if n.crashed() {
		return
	}
	if err != nil {
		n.fail("%s does not start: %v", n.name, err)
		n.die()
		return
	}
	n.later(time.Second, n.redeem)
}

func (n *simNode) redeem() {
	if _, err := n.redeemer.Step(context.Background()); err != nil && !n.crashed() {
		n.fail("%s cannot redeem: %v", n.name, err)
	}
	n.later(2*time.Second, n.redeem)
}

// callMessage asks for a call of so many pieces.
type callMessage struct {
	request receipt.Request
	voucher *receipt.Voucher
	pieces  int
	breaks  bool // the app fails in the middle
	reply   *link
}

// link is the stream back to the customer's call.
type link struct {
	*wire
	call *simCall
}

func (n *simNode) onCall(m callMessage) {
	if n.crashed() {
		return
	}
	if m.voucher != nil {
		n.onVoucher(*m.voucher)
		if n.down {
			return
		}
	}
	call, err := n.node.Admit(context.Background(), m.request)
	if n.crashed() {
		return
	}
	if err != nil {
		n.send(m.reply.wire, func() { m.reply.call.onRefusal(err) })
		return
	}
	m.reply.call.running = call
	n.work(m, call, receipt.NewResponseHash(), 0, n.now)
}

func (n *simNode) onVoucher(v receipt.Voucher) {
	if n.crashed() {
		return
	}
	err := n.node.Take(context.Background(), v)
	if n.crashed() {
		return
	}
	if vouched := n.node.Account(v.Lane).Vouched; vouched > 0 {
		n.send(new(wire), func() { n.customer.onTaken(v.Lane, vouched) })
	}
	if err == nil || errors.Is(err, session.ErrStale) || errors.Is(err, session.ErrSession) {
		return
	}
	n.fail("%s refuses an honest voucher: %v", n.name, err)
}

// work sends one piece after the other.
func (n *simNode) work(m callMessage, call *session.NodeCall, hash receipt.ResponseHash, piece int, since time.Duration) {
	over := func(status receipt.Status) { n.finish(m, call, hash, status) }
	switch {
	case m.reply.call.hungUp:
		over(receipt.StatusCancelled)
		return
	case m.breaks && piece > m.pieces/2:
		n.book.forgive(call.Request().Lane, call.Delivered())
		over(receipt.StatusFailed)
		return
	case piece == m.pieces:
		over(receipt.StatusComplete)
		return
	}
	err := call.TryDeliver(1, price)
	if n.crashed() {
		return
	}
	switch {
	case err == nil:
		n.book.deliver(call.Request().Lane, price)
		_, _ = hash.Write([]byte{byte(piece)})
		told := call.Delivered()
		n.send(m.reply.wire, func() { m.reply.call.onData(piece, told) })
		n.later(10*time.Millisecond, func() { n.work(m, call, hash, piece+1, n.now) })
	case errors.Is(err, session.ErrCredit) && n.now-since < 1500*time.Millisecond:
		n.send(m.reply.wire, m.reply.call.onWait)
		n.later(100*time.Millisecond, func() { n.work(m, call, hash, piece, since) })
	case errors.Is(err, session.ErrPrice):
		over(receipt.StatusComplete)
	default:
		over(receipt.StatusCancelled)
	}
}

func (n *simNode) finish(m callMessage, call *session.NodeCall, hash receipt.ResponseHash, status receipt.Status) {
	r, salt, err := call.Finish(status, hash)
	if n.crashed() {
		return
	}
	if err != nil {
		n.fail("%s cannot finish: %v", n.name, err)
		return
	}
	n.send(m.reply.wire, func() { m.reply.call.onReceipt(r, salt) })
}

func (n *simNode) onResume(asked session.Resume, answer func(session.State)) {
	if n.crashed() {
		return
	}
	state, err := n.node.Resume(context.Background(), asked)
	if n.crashed() {
		return
	}
	if err == nil {
		n.send(new(wire), func() { answer(state) })
	}
}
