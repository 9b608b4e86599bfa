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
// use is in the socket's escrow again.
func (h hooks) AfterSessionSettled(ctx context.Context, session markettypes.Session) error {
	s, err := h.plugged(ctx, session.Id)
	if err != nil || s == nil {
		return err
	}
	next := *s
	next.Used = s.Used.Add(session.Deposit.Sub(session.Refunded))
	now, err := h.now(ctx)
	if err != nil {
		return err
	}
	if now >= s.ExpiresAt {
		next.Status = types.SOCKET_STATUS_IDLE
		next.Session = ""
		_, err := h.settle(ctx, *s, next, "its time is over")
		return err
	}
	next.Status, next.Session = types.SOCKET_STATUS_IDLE, ""
	if err := h.give(ctx, &next, h.owner(ctx, *s)); err != nil {
		return err
	}
	if err := h.setSocket(ctx, s, next); err != nil {
		return err
	}
	return emitStatus(ctx, next, h.owner(ctx, next).String())
}

// AfterSessionJobClosed notes a job that the node did not start in time: its price
// comes back to the holder. What a job costs less than was held for it, after the
// session was settled, comes back to the socket.
func (h hooks) AfterSessionJobClosed(ctx context.Context, session markettypes.Session, job computetypes.Job) error {
	id, ours := types.SocketOfPromise(session.Source)
	if !ours {
		return nil
	}
	s, err := h.Sockets.Get(ctx, id)
	if errors.Is(err, collections.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	next := s
	late := session.Status == markettypes.SESSION_STATUS_SETTLED && job.Refunded.IsPositive()
	if job.StartMissed {
		next.Missed = s.Missed.Add(job.MaxPrice.Amount)
	}
	if late {
		if next.Used = s.Used.Sub(job.Refunded.Amount); next.Used.IsNegative() {
			next.Used = math.ZeroInt()
		}
	}
	if late && s.Status == types.SOCKET_STATUS_SETTLED {
		if next, err = h.payLate(ctx, next, job); err != nil {
			return err
		}
	}
	return h.setSocket(ctx, &s, next)
}

// payLate pays out what came back after the socket was settled: to the holder where
// the node missed the start, to the minter otherwise.
func (h hooks) payLate(ctx context.Context, s types.Socket, job computetypes.Job) (types.Socket, error) {
	amount := job.Refunded.Amount
	to := h.owner(ctx, s)
	if job.StartMissed && to != nil {
		s.Refunded = s.Refunded.Add(amount)
		return s, h.purse.Pay(ctx, escrowOf(s), to, amount)
	}
	s.Paid = s.Paid.Add(amount)
	minter, err := types.Address("minter", s.Minter)
	if err != nil {
		return s, err
	}
	return s, h.purse.Pay(ctx, escrowOf(s), minter, amount)
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
