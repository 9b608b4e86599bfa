package app_test

import (
	"strings"

	"github.com/cosmos/cosmos-sdk/contrib/x/nft"

	markettypes "github.com/edgematrix/emc/x/market/types"
	sockettypes "github.com/edgematrix/emc/x/socket/types"
)

// socketCounters are what the sockets of a play came to.
type socketCounters struct {
	minted, split, listed, delisted, sent         int
	sold, resold, royalties                       int
	plugged, unplugged, idle                      int
	jobs, jobsPaid, vouchers                      int
	expired, burned, refunded, outages, forgotten int
}

// all names what has to happen in a play.
func (c socketCounters) all() map[string]int {
	return map[string]int{
		"a socket minted": c.minted, "a socket split": c.split, "a socket listed": c.listed, "a socket delisted": c.delisted, "a socket sent": c.sent,
		"a socket sold first": c.sold, "a socket sold again": c.resold, "a royalty paid": c.royalties,
		"a socket plugged": c.plugged, "a socket unplugged": c.unplugged, "a socket free again": c.idle,
		"a job out of a socket": c.jobs, "such a job paid": c.jobsPaid, "a voucher of a socket's session": c.vouchers,
		"a socket expired": c.expired, "a socket burned": c.burned, "a socket's price refunded": c.refunded, "an outage of a socket": c.outages,
		"a socket forgotten": c.forgotten,
	}
}

// untried names the operations of x/socket that never came to a transaction:
// those that have to be refused leave no event.
func (p *play) untried() []string {
	var out []string
	for _, op := range p.ops.list {
		if strings.HasPrefix(op.name, "socket_") && p.count.tried[op.name] == 0 {
			out = append(out, op.name)
		}
	}
	return out
}

// watchSockets counts what happened to sockets, and in the sessions that they
// paid for. An entry of the agenda that failed is an error of the module.
func (p *play) watchSockets(event any) {
	p.t.Helper()
	c := &p.count.sockets
	switch e := event.(type) {
	case *sockettypes.EventSocketMinted:
		if c.minted++; e.SplitFrom != "" {
			c.split++
		}
	case *sockettypes.EventSocketListed:
		c.listed++
	case *sockettypes.EventSocketDelisted:
		c.delisted++
	case *sockettypes.EventSocketSold:
		if e.First {
			c.sold++
			return
		}
		if c.resold++; e.Royalty != "0uemc" {
			c.royalties++
		}
	case *sockettypes.EventSocketStatus:
		switch e.Status {
		case sockettypes.SOCKET_STATUS_PLUGGED:
			c.plugged++
		case sockettypes.SOCKET_STATUS_UNPLUGGING:
			c.unplugged++
		case sockettypes.SOCKET_STATUS_IDLE:
			c.idle++
		}
	case *sockettypes.EventSocketSettled:
		if strings.HasPrefix(e.Reason, "burned") {
			c.burned++
		} else {
			c.expired++
		}
		if e.Refunded != "0uemc" {
			c.refunded++
		}
		if e.Outage > 0 {
			c.outages++
		}
	case *sockettypes.EventQueueError:
		p.t.Fatalf("entry %s of the sockets' agenda failed: %s", e.Entry, e.Error)
	case *nft.EventSend:
		c.sent++
	case *nft.EventBurn:
		c.forgotten++
	default:
		p.watchPlugged(event)
	}
}

// watchPlugged counts what sockets' sessions paid for.
func (p *play) watchPlugged(event any) {
	c := &p.count.sockets
	switch e := event.(type) {
	case *markettypes.EventSessionOpened:
		if strings.HasPrefix(e.Source, "socket/") {
			p.plugged[e.Session] = true
		}
	case *markettypes.EventSessionJob:
		if p.plugged[e.Session] {
			c.jobs++
		}
	case *markettypes.EventSessionJobClosed:
		if p.plugged[e.Session] && e.Paid != "0uemc" {
			c.jobsPaid++
		}
	case *markettypes.EventVoucherRedeemed:
		if p.plugged[e.Session] {
			c.vouchers++
		}
	}
}
