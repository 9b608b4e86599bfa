package keeper

import (
	"context"

	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

// OpenFunded is MsgOpenSession with the money of another module's deal: the
// deposit comes out of the funder, an address that the module derived, what is
// left goes back there, and only one node is paid. The module has made sure that
// the owner may spend it, and learns from AfterSessionSettled what became of it.
// It returns the session's id, and its expiry in block time.
func (k *Keeper) OpenFunded(ctx context.Context, f types.Funding, m *types.MsgOpenSession) (string, int64, error) {
	if err := f.Validate(); err != nil {
		return "", 0, err
	}
	return k.open(ctx, &f, m)
}

// MaxSeconds is the longest time between now and a session's expiry.
func (k *Keeper) MaxSeconds(ctx context.Context) (uint64, error) {
	params, err := k.Params.Get(ctx)
	return params.MaxSessionSeconds, err
}

// CloseFor begins to close a session for the module that funded it. One that
// closes already, or is settled, is left as it is.
func (k *Keeper) CloseFor(ctx context.Context, id, reason string) error {
	s, err := k.Session(ctx, id)
	if err != nil {
		return err
	}
	if !s.Funded() {
		return errorsmod.Wrapf(types.ErrNotOwner, "session %s is its owner's own; no module closes it", id)
	}
	if s.Status != types.SESSION_STATUS_OPEN {
		return nil
	}
	params, err := k.Params.Get(ctx)
	if err != nil {
		return err
	}
	s.Reason = reason
	_, err = k.advance(ctx, s, types.SESSION_STATUS_CLOSING, params.ClosingSeconds)
	return err
}

// giveBack pays what a session did not need out of its escrow: to the funder,
// if it has one, otherwise to the owner. The money of a funded session never
// becomes its owner's.
func (k *Keeper) giveBack(ctx context.Context, session, owner, funder string, amount math.Int) error {
	escrow := types.SessionEscrow(session)
	if funder == "" {
		to, err := types.Address("owner", owner, types.ErrInvalidSession)
		if err != nil {
			return err
		}
		if err := k.pay(ctx, escrow, to, amount); err != nil {
			return err
		}
		return k.sweep(ctx, escrow)
	}
	to, err := types.Address("funder", funder, types.ErrInvalidSession)
	if err != nil {
		return err
	}
	if err := k.payInto(ctx, escrow, to, amount); err != nil {
		return err
	}
	return k.sweep(ctx, escrow)
}

// forgotten is what a job's record still tells of a session that left the state.
func forgotten(j types.SessionJob) types.Session {
	return types.Session{
		Id: j.Session, Owner: j.Owner, Funder: j.Funder, Source: j.Source, Status: types.SESSION_STATUS_SETTLED, Held: j.Held.Amount,
		Deposit: zero(), Direct: zero(), Jobs: zero(), Refunded: zero(), Fees: zero(),
	}
}

// orderOf is the job as x/compute is asked for it: on the session's node, if it is bound to one.
func orderOf(s types.Session, m *types.MsgSubmitSessionJob) (*types.MsgSubmitSessionJob, error) {
	order := *m
	if order.Node == "" {
		order.Node = s.Node
	}
	return &order, s.CheckNode(order.Node)
}

// dealOf is what the session has agreed for its jobs: its escrow pays, and one
// that another module funded runs them out of its promise, at its price.
func dealOf(s types.Session) computetypes.Deal {
	d := computetypes.Deal{Payer: types.SessionEscrow(s.Id), Source: s.Source}
	if s.SlotHourPrice != nil {
		d.SlotHourPrice = *s.SlotHourPrice
	}
	return d
}

// payerOf is who pays a new session's deposit.
func payerOf(owner sdk.AccAddress, f *types.Funding) sdk.AccAddress {
	if f == nil {
		return owner
	}
	return f.Funder
}
