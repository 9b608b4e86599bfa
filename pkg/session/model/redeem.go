package model

import (
	"context"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

// Redeem implements session.Chain.
func (c *Chain) Redeem(_ context.Context, vouchers []receipt.Voucher) ([]session.Redemption, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]session.Redemption, len(vouchers))
	for i, v := range vouchers {
		out[i] = c.redeem(v)
	}
	return out, nil
}

func (c *Chain) redeem(v receipt.Voucher) session.Redemption {
	s := c.at(v.Session)
	refuse := func(o session.Outcome, why string) session.Redemption {
		return session.Redemption{Outcome: o, Unpaid: v.Amount, Reason: why}
	}
	if s == nil || s.Status == Settled || v.Routed() && s.Status == Last {
		return refuse(session.Void, "the time is over")
	}
	if !s.Node.IsZero() && s.Node != v.Node {
		return refuse(session.Void, "the session is for another node")
	}
	lane := c.lanes[v.Lane]
	if lane == nil {
		lane = &Lane{Root: receipt.EmptyRoot()}
	}
	if v.Amount <= lane.Amount || v.Count < lane.Count {
		return refuse(session.Stale, "settled already")
	}
	if v.Count == lane.Count && v.Root != lane.Root {
		return refuse(session.Refused, "another tree")
	}
	if err := c.verify(s, v); err != nil {
		return refuse(session.Refused, err.Error())
	}
	due := v.Amount - lane.Amount
	paid := min(due, s.available(v.Router))
	s.Redeemed[v.Router] += paid
	if over := due - paid; over > 0 && v.Routed() {
		key := [2]receipt.Address{v.Router, v.Node}
		seized := min(over, c.covers[key])
		c.covers[key] -= seized
		c.seized[v.Router] += seized
		paid += seized
	}
	lane.Amount += paid
	lane.Count, lane.Root = v.Count, v.Root
	c.lanes[v.Lane] = lane
	s.Vouchers++
	return session.Redemption{Paid: paid, Unpaid: due - paid}
}

func (c *Chain) verify(s *Session, v receipt.Voucher) error {
	key := s.Key
	if v.KeyID != s.KeyID {
		if !v.Routed() {
			return session.ErrKey
		}
		key = s.Old[v.KeyID]
	}
	if err := v.VerifyKey(c.ChainID, key); err != nil {
		return err
	}
	if !v.Routed() {
		return nil
	}
	for _, r := range s.Routers {
		if r.Key.Address() == v.Router {
			return v.VerifyRouter(c.ChainID, r.Key)
		}
	}
	return session.ErrLane
}

// Paid is what a lane was paid.
func (c *Chain) Paid(id receipt.Lane) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.lanes[id]; l != nil {
		return l.Amount
	}
	return 0
}

// Seized is what a router's cover paid.
func (c *Chain) Seized(router receipt.Address) uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seized[router]
}

// Refunded is what went back to a settled session's owner.
func (c *Chain) Refunded(id receipt.SessionID) (amount uint64, settled bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.at(id)
	return s.Refunded, s.Status == Settled
}
