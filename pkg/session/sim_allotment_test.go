package session_test

import (
	"github.com/edgematrix/emc/pkg/receipt"
)

// shorten makes the allotments of one schedule in five so small that they are used up on the way, without a draw that would
// change everything else in it. In every second of these the customer does not look at them.
func (p plan) shorten() plan {
	if p.seed%5 == 0 {
		p.allotment = uint64(60 + p.seed/5%9*20)
		p.careless = p.seed%2 == 1
	}
	return p
}

func (p plan) allotted() uint64 {
	if p.allotment > 0 {
		return p.allotment
	}
	return allotment
}

// shortage is what a customer met whose session is nearly used up.
type shortage struct {
	refused  int     // calls that were not begun: their maximum price does not fit in
	unsigned [4]bool // lanes in which the router signs nothing more: they owe more than it may vouch for
	byBudget bool    // calls were refused before the calm
	byRouter bool    // vouchers were
}

// budget of the customer: a careless one learns from the routers how much there was.
func (c *simCustomer) budget() func(receipt.Address) uint64 {
	if c.careless {
		return nil
	}
	return func(receipt.Address) uint64 { return c.allotted() }
}

// onRefused is a call that was not begun. It must be true that it would not fit in.
func (c *simCustomer) onRefused(at int, most uint64) {
	c.short.refused++
	c.short.byBudget = c.short.byBudget || !c.calm
	used := uint64(0)
	for _, i := range c.beside(at) {
		st := c.lane(i).Standing()
		if i == at {
			st.Stake += most
		}
		used += max(st.Sum+st.Stake, st.Vouched)
	}
	if used <= c.allotted() {
		c.fail("lane %d: a call of %d is refused, with which %d of %d would be used", at, most, used, c.allotted())
	}
}

// onUnsigned is a voucher that the router did not sign. It happens to the careless only, and when there is a reason.
func (c *simCustomer) onUnsigned(at int, err error) {
	c.short.unsigned[at] = true
	c.short.byRouter = c.short.byRouter || !c.calm
	vouched := uint64(0)
	for _, i := range c.beside(at) {
		vouched += c.lane(i).Standing().Vouched
	}
	if !c.careless || vouched <= c.allotted() {
		c.fail("lane %d: with %d of %d vouched for: %v", at, vouched, c.allotted(), err)
	}
}

// beside lists the lanes that share a router's allotment with one, itself included.
func (c *simCustomer) beside(at int) [2]int { return [2]int{at / 2 * 2, at/2*2 + 1} }

// checkAllotments: whatever the customer does, no router has signed more than it may.
func (w *world) checkAllotments() {
	for _, r := range w.routers {
		if r.dead {
			continue
		}
		if sum, err := r.sequencer.Cosigned(sessionID); err != nil || sum > w.allotted() {
			w.fail("%s has signed %d of %d: %v", r.name, sum, w.allotted(), err)
		}
	}
}
