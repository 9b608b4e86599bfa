package app_test

import (
	markettypes "github.com/edgematrix/emc/x/market/types"
)

// tradingCounters are what the sessions of a play came to.
type tradingCounters struct {
	opened, toppedUp, rotated, closed, settled int
	redeemed, fromCover, overIssued            int
	covers, lowered, shares, receipts          int
	jobs, jobsClosed                           int
}

// all names what has to happen in a play.
func (c tradingCounters) all() map[string]int {
	return map[string]int{
		"a session opened": c.opened, "a session topped up": c.toppedUp, "a session key replaced": c.rotated, "a session closed": c.closed,
		"a session settled": c.settled, "a voucher redeemed": c.redeemed, "a cover that paid": c.fromCover, "a router that vouched for too much": c.overIssued,
		"a cover set": c.covers, "a cover that fell": c.lowered, "shares collected": c.shares, "a receipt recorded": c.receipts,
		"a job paid by a session": c.jobs, "such a job closed": c.jobsClosed,
	}
}

// watchTrading counts what happened in sessions. An entry of the agenda that
// failed is an error of the module.
func (p *play) watchTrading(event any) {
	p.t.Helper()
	c := &p.count.trading
	switch e := event.(type) {
	case *markettypes.EventSessionOpened:
		c.opened++
	case *markettypes.EventSessionToppedUp:
		c.toppedUp++
	case *markettypes.EventSessionKeyRotated:
		c.rotated++
	case *markettypes.EventSessionStatus:
		if e.Status == markettypes.SESSION_STATUS_CLOSING {
			c.closed++
		}
	case *markettypes.EventSessionSettled:
		c.settled++
	case *markettypes.EventVoucherRedeemed:
		c.redeemed++
		if e.FromCover > 0 {
			c.fromCover++
		}
	case *markettypes.EventOverIssue:
		c.overIssued++
	case *markettypes.EventCoverSet:
		c.covers++
		if e.LowersAt != 0 {
			c.lowered++
		}
	case *markettypes.EventSharesCollected:
		c.shares++
	case *markettypes.EventReceiptRecorded:
		c.receipts++
	case *markettypes.EventSessionJob:
		c.jobs++
	case *markettypes.EventSessionJobClosed:
		c.jobsClosed++
	case *markettypes.EventQueueError:
		p.t.Fatalf("entry %s of the market's agenda failed: %s", e.Entry, e.Error)
	}
}
