package session

import (
	"context"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
)

// Chain is what the parties ask of the chain. It is safe for concurrent use; Cached keeps its answers for a while.
type Chain interface {
	// Session fails with ErrSession when there is none.
	Session(ctx context.Context, id receipt.SessionID) (Info, error)
	// Cover is what a node should count on of a router's cover: the lesser of the present and the announced amount.
	Cover(ctx context.Context, router, node receipt.Address) (uint64, error)
	// Redeem settles vouchers in one transaction, and answers each in its order. An error means that none may be settled.
	Redeem(ctx context.Context, vouchers []receipt.Voucher) ([]Redemption, error)
}

// Info is a session as the chain has it.
type Info struct {
	ID        receipt.SessionID
	Open      bool // false from the moment when it begins to close
	Pays      bool // false when it is settled
	Key       receipt.PublicKey
	KeyID     uint32
	ExpiresAt time.Time // in block time
	Routers   []Router
	Free      uint64          // what pays for vouchers without a router, uemc
	Node      receipt.Address // the only one that the session pays; zero: any
}

// Router is a router that may co-sign a session's vouchers.
type Router struct {
	Key       receipt.PublicKey
	Allotment uint64 // uemc, with what is redeemed of it
}

// Router finds a bound router.
func (i Info) Router(address receipt.Address) (Router, bool) {
	for _, r := range i.Routers {
		if r.Key.Address() == address {
			return r, true
		}
	}
	return Router{}, false
}

// allows refuses a node that the session is not for: the chain would pay it nothing, whoever signs.
func (i Info) allows(node receipt.Address) error {
	if !i.Node.IsZero() && i.Node != node {
		return wrap(ErrLane, "session %s pays node %s alone, not %s; use another session", i.ID, i.Node, node)
	}
	return nil
}

// usable refuses a session that is not open, or ends within margin.
func (i Info) usable(now time.Time, margin time.Duration) error {
	switch {
	case !i.Open:
		return wrap(ErrSession, "session %s is closing; open another", i.ID)
	case i.ExpiresAt.Sub(now) < margin:
		return wrap(ErrSession, "session %s ends in %s; top it up with more time, or open another", i.ID, max(i.ExpiresAt.Sub(now), 0).Round(time.Second))
	}
	return nil
}

// Outcome is how the chain answered a voucher.
type Outcome uint8

// The chain's answers.
const (
	Redeemed Outcome = iota // paid, at least in part
	Stale                   // nothing new: as much is settled already
	Refused                 // nothing was paid, for a reason that time may mend
	Void                    // nothing will ever be paid: the session is settled, or never was
)

// Redemption is the answer to one voucher.
type Redemption struct {
	Outcome Outcome
	Paid    uint64 // uemc
	Unpaid  uint64 // uemc: what neither the deposit nor the cover held
	Reason  string
}

// Cosigner gets a router's signature for a voucher: a Sequencer in the same process, or one behind a stream.
type Cosigner interface {
	Cosign(ctx context.Context, v receipt.Voucher) (receipt.Signature, error)
}
