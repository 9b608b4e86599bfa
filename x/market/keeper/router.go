package keeper

import (
	"context"
	"errors"

	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

// jailRouter keeps a router that vouched for too much out of new sessions. One
// that has left the network meanwhile cannot be bound again anyway.
func (k *Keeper) jailRouter(ctx context.Context, params types.Params, d *deal) error {
	until := blockTime(ctx) + int64(params.OverIssueJailSeconds)
	err := k.compute.Jail(ctx, d.routerAddr, until, "vouched for more than its allotment of session "+d.session.Id)
	if errors.Is(err, computetypes.ErrNodeNotFound) {
		return nil
	}
	return err
}

// collect pays a router what it earned in a session. The session is written by
// the caller.
func (k *Keeper) collect(ctx context.Context, s *types.Session, r *types.Sequencer) (math.Int, error) {
	earned := r.Earned
	if !earned.IsPositive() {
		return zero(), nil
	}
	addr, err := types.Address("router", r.Router, types.ErrInvalidRouter)
	if err != nil {
		return zero(), err
	}
	to, err := k.payee(ctx, addr)
	if err != nil {
		return zero(), err
	}
	if err := k.pay(ctx, types.SessionEscrow(s.Id), to, earned); err != nil {
		return zero(), err
	}
	r.Earned = zero()
	return earned, emit(ctx, &types.EventSharesCollected{Router: r.Router, To: to.String(), Session: s.Id, Paid: types.Uemc(earned).String()})
}

// collectFees pays the validators what they earned in a session. The session is
// written by the caller.
func (k *Keeper) collectFees(ctx context.Context, s *types.Session) (math.Int, error) {
	fees := s.Fees
	if !fees.IsPositive() {
		return zero(), nil
	}
	if err := k.payValidators(ctx, types.SessionEscrow(s.Id), fees); err != nil {
		return zero(), err
	}
	s.Fees = zero()
	return fees, emit(ctx, &types.EventSharesCollected{Session: s.Id, Paid: types.Uemc(fees).String()})
}

// CollectShares implements types.MsgServer.
func (s msgServer) CollectShares(ctx context.Context, m *types.MsgCollectShares) (*types.MsgCollectSharesResponse, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	paid := zero()
	for _, id := range m.Sessions {
		earned, err := s.collectShare(ctx, id, m.Router)
		if err != nil {
			return nil, err
		}
		paid = paid.Add(earned)
	}
	if paid.IsZero() {
		return nil, errorsmod.Wrap(types.ErrNothingLeft, "nothing was earned in these sessions that is not collected")
	}
	return &types.MsgCollectSharesResponse{Paid: types.Uemc(paid)}, nil
}

// collectShare pays one session's share; router is empty for the validators.
func (k *Keeper) collectShare(ctx context.Context, id, router string) (math.Int, error) {
	session, err := k.Session(ctx, id)
	if err != nil {
		return zero(), err
	}
	earned := zero()
	if router == "" {
		earned, err = k.collectFees(ctx, &session)
	} else if bound := session.Router(router); bound != nil {
		earned, err = k.collect(ctx, &session, bound)
	} else {
		err = errorsmod.Wrapf(types.ErrInvalidRouter, "%q is not a router of session %s", router, id)
	}
	if err != nil {
		return zero(), err
	}
	return earned, k.setSession(ctx, session, session.Deadline)
}
