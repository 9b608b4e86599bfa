package keeper

import (
	"context"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// RegisterNode implements types.MsgServer.
func (s msgServer) RegisterNode(ctx context.Context, m *types.MsgRegisterNode) (*types.MsgRegisterNodeResponse, error) {
	operator, err := address("operator", m.Operator, types.ErrInvalidNode)
	if err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	// The key's own signature: nobody can register somebody else's worker and
	// collect what it earns.
	addr, err := types.VerifyRegistration(sdk.UnwrapSDKContext(ctx).ChainID(), operator, m.Pubkey, m.KeySignature)
	if err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	if known, err := s.Nodes.Has(ctx, addr); err != nil {
		return nil, err
	} else if known {
		return nil, errorsmod.Wrapf(types.ErrNodeExists, "%s; change its offer with update-node", addr)
	}
	deposit := params.RegistrationDeposit.Amount
	if err := s.payInto(ctx, operator, types.NodeDeposit(addr), deposit); err != nil {
		return nil, errorsmod.Wrapf(err, "registration deposit of %s", params.RegistrationDeposit)
	}
	if err := s.setNode(ctx, addr, newNode(addr, m, deposit, blockTime(ctx))); err != nil {
		return nil, err
	}
	if err := s.NodesByOperator.Set(ctx, collections.Join(operator, addr)); err != nil {
		return nil, err
	}
	if err := s.hooks.AfterNodeRegistered(ctx, addr); err != nil {
		return nil, err
	}
	return &types.MsgRegisterNodeResponse{Node: addr.String()},
		emit(ctx, &types.EventNodeRegistered{Node: addr.String(), Operator: m.Operator})
}

// UpdateNode implements types.MsgServer.
func (s msgServer) UpdateNode(ctx context.Context, m *types.MsgUpdateNode) (*types.MsgUpdateNodeResponse, error) {
	addr, n, err := s.ownNode(ctx, m.Operator, m.Node)
	if err != nil {
		return nil, err
	}
	if err := m.Validate(n.Role); err != nil {
		return nil, err
	}
	n.Offer = m.Offer
	if err := s.setNode(ctx, addr, n); err != nil {
		return nil, err
	}
	return &types.MsgUpdateNodeResponse{}, emit(ctx, &types.EventNodeUpdated{Node: m.Node})
}

// RetireNode implements types.MsgServer.
func (s msgServer) RetireNode(ctx context.Context, m *types.MsgRetireNode) (*types.MsgRetireNodeResponse, error) {
	addr, n, err := s.ownNode(ctx, m.Operator, m.Node)
	if err != nil {
		return nil, err
	}
	live, err := s.hasPromises(ctx, addr)
	if err != nil {
		return nil, err
	}
	if live && !m.WhenIdle {
		return nil, errorsmod.Wrapf(types.ErrLivePromises, "node %s; retire it with when_idle (--when-idle), and it leaves by itself after the last one", m.Node)
	}
	n.Retiring = true
	retired, err := s.retireIfIdle(ctx, addr, n)
	if err != nil {
		return nil, err
	}
	if !retired {
		err = s.setNode(ctx, addr, n)
	}
	return &types.MsgRetireNodeResponse{Retired: retired}, err
}

// Unjail implements types.MsgServer.
func (s msgServer) Unjail(ctx context.Context, m *types.MsgUnjail) (*types.MsgUnjailResponse, error) {
	addr, n, err := s.ownNode(ctx, m.Operator, m.Node)
	if err != nil {
		return nil, err
	}
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case !n.Jailed:
		return nil, errorsmod.Wrap(types.ErrNotJailed, m.Node)
	case now < n.JailedUntil:
		return nil, errorsmod.Wrapf(types.ErrStillJailed, "for another %d s", n.JailedUntil-now)
	case n.Stake.LT(n.ReservedStake):
		return nil, errorsmod.Wrapf(types.ErrStakeTooSmall, "%s%s is promised, the stake is %s; stake the difference first", n.ReservedStake, types.Denom, n.Stake)
	}
	n.Jailed, n.JailedUntil = false, 0
	if err := s.setNode(ctx, addr, n); err != nil {
		return nil, err
	}
	return &types.MsgUnjailResponse{}, emit(ctx, &types.EventNodeUnjailed{Node: m.Node})
}

// ReportStatus implements types.MsgServer.
func (s msgServer) ReportStatus(ctx context.Context, m *types.MsgReportStatus) (*types.MsgReportStatusResponse, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	addr, n, err := s.node(ctx, m.Node)
	if err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	clock, err := s.clock(ctx)
	if err != nil {
		return nil, err
	}
	now := clock.Now(blockTime(ctx))
	n.NoteOutage(params, clock, now) // what began before this report
	n.Endpoints, n.Accepting, n.ReportedAt = m.Endpoints, m.Accepting, now
	return &types.MsgReportStatusResponse{OnlineUntil: clock.Node(n).OnlineUntil(params)}, s.setNode(ctx, addr, n)
}
