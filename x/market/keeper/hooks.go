package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"

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
// on to the owner or the funder.
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
	switch {
	case errors.Is(err, collections.ErrNotFound):
		session = forgotten(paid)
	case err != nil:
		return err
	}
	if session.Status == types.SESSION_STATUS_SETTLED {
		if err := h.giveBack(ctx, session.Id, session.Owner, session.Funder, job.Refunded.Amount); err != nil {
			return err
		}
		session.Refunded = session.Refunded.Add(job.Refunded.Amount)
	}
	session.Held = session.Held.Sub(paid.Held.Amount)
	session.Jobs = session.Jobs.Add(job.Paid.Amount)
	if known {
		if err := h.setSession(ctx, session, session.Deadline); err != nil {
			return err
		}
	}
	closed := &types.EventSessionJobClosed{Session: session.Id, Job: job.Id, Paid: job.Paid.String(), Refunded: job.Refunded.String()}
	if err := emit(ctx, closed); err != nil {
		return err
	}
	return h.hooks.AfterSessionJobClosed(ctx, session, job)
}
