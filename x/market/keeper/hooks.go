package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

// hooks are what x/market does when something happens in x/compute.
type hooks struct {
	computetypes.NoopHooks
	*Keeper
}

// Hooks returns what x/compute calls.
func (k *Keeper) Hooks() computetypes.ComputeHooks { return hooks{Keeper: k} }

// AfterJobClosed counts what a job cost, if a session paid for it. What it did
// not cost is in the session's escrow again; if the session is settled, it goes
// on to the owner.
func (h hooks) AfterJobClosed(ctx context.Context, job computetypes.Job) error {
	if job.Payer == "" {
		return nil
	}
	paid, err := h.SessionJobs.Get(ctx, job.Id)
	if errors.Is(err, collections.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := h.SessionJobs.Remove(ctx, job.Id); err != nil {
		return err
	}
	session, err := h.Sessions.Get(ctx, paid.Session)
	known := err == nil
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		return err
	}
	if !known || session.Status == types.SESSION_STATUS_SETTLED {
		if err := h.forward(ctx, paid, job.Refunded); err != nil {
			return err
		}
		session.Refunded = orZero(session.Refunded).Add(job.Refunded.Amount)
	}
	if known {
		session.Held = session.Held.Sub(paid.Held.Amount)
		session.Jobs = session.Jobs.Add(job.Paid.Amount)
		if err := h.setSession(ctx, session, session.Deadline); err != nil {
			return err
		}
	}
	return emit(ctx, &types.EventSessionJobClosed{Session: paid.Session, Job: job.Id, Paid: job.Paid.String(), Refunded: job.Refunded.String()})
}

// forward sends a late refund on to the session's owner.
func (h hooks) forward(ctx context.Context, paid types.SessionJob, refund sdk.Coin) error {
	owner, err := types.Address("owner", paid.Owner, types.ErrInvalidSession)
	if err != nil {
		return err
	}
	escrow := types.SessionEscrow(paid.Session)
	if err := h.pay(ctx, escrow, owner, refund.Amount); err != nil {
		return err
	}
	return h.sweep(ctx, escrow)
}
