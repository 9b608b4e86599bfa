package types

import (
	"strings"

	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// Deal is what another module has agreed for a job that it submits.
type Deal struct {
	// Payer gives the maximum price and gets the refund: an address that the module derived.
	Payer sdk.AccAddress
	// Source is a promise of the node that the job names: the job takes one slot of it, with an equal share of its power, and
	// nothing that is free. Empty: the job is placed as any other.
	Source string
	// SlotHourPrice replaces the price of the node's offer; 0uemc is a price, too. Coin{}: the offer's.
	SlotHourPrice sdk.Coin
}

// Validate checks a deal for a job on that node. Only who holds a promise of a
// node has agreed a price with it.
func (d Deal) Validate(node string) error {
	switch {
	case d.Payer.Empty():
		return errorsmod.Wrap(ErrInvalidJob, "the payer is missing")
	case d.Source != "" && node == "":
		return errorsmod.Wrapf(ErrInvalidJob, "a job out of promise %s must name the node that made it", d.Source)
	case strings.HasPrefix(d.Source, JobPromise("")):
		return errorsmod.Wrapf(ErrInvalidJob, "a job cannot run out of another job's promise, got %s", d.Source)
	case !d.SlotHourPrice.IsNil() && d.Source == "":
		return errorsmod.Wrapf(ErrInvalidJob, "a price of %s apart from the offers needs the promise for which it was agreed", d.SlotHourPrice)
	case !d.SlotHourPrice.IsNil():
		return validateAmount("slot_hour_price", d.SlotHourPrice, true)
	}
	return nil
}

// Price is the slot-hour price that the deal replaces an offer's with; nil is
// none.
func (d Deal) Price() *math.Int {
	if d.SlotHourPrice.IsNil() {
		return nil
	}
	return &d.SlotHourPrice.Amount
}

// Share is what one of the promise's slots has of its power. Each taker gets it
// of what is left, so that the last one leaves nothing behind.
func (r Reservation) Share() uint64 { return r.Power / uint64(max(r.Slots, 1)) }
