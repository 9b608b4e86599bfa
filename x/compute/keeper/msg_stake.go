package keeper

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"

	errorsmod "cosmossdk.io/errors"

	"github.com/edgematrix/emc/x/compute/types"
)

// Stake implements types.MsgServer.
func (s msgServer) Stake(ctx context.Context, m *types.MsgStake) (*types.MsgStakeResponse, error) {
	operator, err := address("operator", m.Operator, types.ErrInvalidNode)
	if err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	addr, n, err := s.ownNode(ctx, m.Operator, m.Node)
	if err != nil {
		return nil, err
	}
	if n.Retiring {
		return nil, errorsmod.Wrapf(types.ErrRetiring, "node %s takes no new stake", m.Node)
	}
	// Retirement adds an unbonding whatever their number; staking again and
	// again between retirements must not make them many.
	if open, err := s.unbondings(ctx, addr); err != nil {
		return nil, err
	} else if len(open) > MaxUnbondings {
		return nil, errorsmod.Wrapf(types.ErrTooManyEntries, "%d withdrawals are under way; wait until the first arrives", len(open))
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := addStake(params, &n, m.Amount.Amount); err != nil {
		return nil, err
	}
	if err := s.bank.SendCoinsFromAccountToModule(ctx, operator, types.ModuleName, sdk.NewCoins(m.Amount)); err != nil {
		return nil, err
	}
	if err := s.setNode(ctx, addr, n); err != nil {
		return nil, err
	}
	return &types.MsgStakeResponse{}, emit(ctx, &types.EventStaked{Node: m.Node, Amount: m.Amount.String()})
}

// Unstake implements types.MsgServer.
func (s msgServer) Unstake(ctx context.Context, m *types.MsgUnstake) (*types.MsgUnstakeResponse, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	addr, n, err := s.ownNode(ctx, m.Operator, m.Node)
	if err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := checkUnstake(params, n, m.Amount.Amount); err != nil {
		return nil, err
	}
	completes, err := s.unbond(ctx, addr, &n, m.Amount.Amount)
	if err != nil {
		return nil, err
	}
	return &types.MsgUnstakeResponse{CompletesAt: completes}, s.setNode(ctx, addr, n)
}
