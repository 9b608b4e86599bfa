package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
	"github.com/edgematrix/emc/x/socket/types"
)

// hooks are what x/socket does when something happens in x/market.
type hooks struct {
	markettypes.NoopHooks
	*Keeper
}

// Hooks returns what x/market calls.
func (k *Keeper) Hooks() markettypes.MarketHooks { return hooks{Keeper: k} }

// AfterSessionSettled counts what a plugged socket's session used. What it did not
// use is in the socket's escrow again; what its jobs still hold may come later.
func (h hooks) AfterSessionSettled(ctx context.Context, session markettypes.Session) error {
	s, err := h.plugged(ctx, session.Id)
	if err != nil || s == nil {
		return err
	}
	next := *s
	next.Used, next.Held = s.Used.Add(session.Deposit.Sub(session.Refunded)), s.Held.Add(session.Held)
	next.Status, next.Session = types.SOCKET_STATUS_IDLE, ""
	now, err := h.now(ctx)
	if err != nil {
		return err
	}
	if now >= s.ExpiresAt {
		_, err := h.settle(ctx, *s, next, "its time is over")
		return err
	}
	holder := h.owner(ctx, *s)
	if err := h.give(ctx, &next, holder); err != nil {
		return err
	}
	if err := h.setSocket(ctx, s, next); err != nil {
		return err
	}
	return emitStatus(ctx, next, holder.String())
}

// AfterSessionJobClosed notes a job that the node failed: its price comes back to
// the holder. What a job costs less than was held for it, after the session was
// settled, comes back to the socket.
func (h hooks) AfterSessionJobClosed(ctx context.Context, session markettypes.Session, job computetypes.Job) error {
	id, ours := types.SocketOfPromise(session.Source)
	if !ours {
		return nil
	}
	s, err := h.Sockets.Get(ctx, id)
	if err != nil {
		return err // it waits for its jobs before it leaves the state
	}
	now, err := h.now(ctx)
	if err != nil {
		return err
	}
	next := s
	if job.Status == computetypes.JOB_STATUS_FAILED {
		next.Failed = s.Failed.Add(failed(s, job, now+job.SubmittedAt-blockTime(ctx)))
	}
	if session.Status == markettypes.SESSION_STATUS_SETTLED {
		next.Used, next.Held = s.Used.Sub(job.Refunded.Amount), s.Held.Sub(job.MaxPrice.Amount)
		if s.Status == types.SOCKET_STATUS_SETTLED {
			if err := h.payLate(ctx, s, &next); err != nil {
				return err
			}
		}
	}
	return h.setSocket(ctx, &s, next)
}

// failed is the price of a job that the node did not start or not finish: of the
// time that was asked for, as far as the socket had it. The job's maximum price
// may be any sum, and must not decide what comes back.
func failed(s types.Socket, job computetypes.Job, submitted int64) math.Int {
	seconds := min(job.MaxSeconds, uint64(max(s.ExpiresAt-submitted, 0)))
	return math.MinInt(job.MaxPrice.Amount, computetypes.Quote(job.SlotHourPrice.Amount, seconds))
}

// payLate pays out what came back after the socket was settled, so that holder and
// minter have what they would have had if it had come before.
func (h hooks) payLate(ctx context.Context, was types.Socket, s *types.Socket) error {
	minter, err := types.Address("minter", s.Minter)
	if err != nil {
		return err
	}
	s.Refunded = s.Refund(s.Outage)
	s.Paid = s.Unused().Sub(s.Refunded)
	if err := h.purse.Pay(ctx, escrowOf(*s), h.owner(ctx, *s), s.Refunded.Sub(was.Refunded)); err != nil {
		return err
	}
	return h.purse.Pay(ctx, escrowOf(*s), minter, s.Paid.Sub(was.Paid))
}

// plugged is the socket that a session belongs to, nil for an ordinary session.
func (h hooks) plugged(ctx context.Context, session string) (*types.Socket, error) {
	id, err := h.SocketsBySession.Get(ctx, session)
	if errors.Is(err, collections.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := h.Sockets.Get(ctx, id)
	return &s, err
}
