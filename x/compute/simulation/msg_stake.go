package simulation

import (
	"context"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"github.com/edgematrix/emc/x/compute/keeper"
	"github.com/edgematrix/emc/x/compute/types"
)

// stake adds to a node's stake, at times less than the minimum.
func stake(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgStake](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgStake, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		n, ok := pick(s, "node", s.nodes(anyNode))
		if !ok {
			return nil, nil, nil
		}
		amount := types.Uemc(math.NewInt(1 + s.r.Int63n(40_000_000)))
		operator := data.GetAccount(reporter, n.Operator)
		if operator.LiquidBalance().AmountOf(types.Denom).LT(amount.Amount.AddRaw(fee)) || !spend(operator, amount) {
			reporter.Skip("the operator is poor")
			return nil, nil, nil
		}
		handler := simsx.SimDeliveryResultHandler(nil)
		switch {
		case n.Retiring:
			handler = refused(types.ErrRetiring)
		case s.unbondings(n) > keeper.MaxUnbondings:
			handler = refused(types.ErrTooManyEntries)
		case n.Stake.Add(amount.Amount).LT(s.params.MinStake.Amount):
			handler = refused(types.ErrStakeTooSmall)
		}
		return []simsx.SimAccount{operator}, &types.MsgStake{Operator: n.Operator, Node: n.Address, Amount: amount}, handler
	})
}

// unstake withdraws all, a part, or more than is free.
func unstake(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgUnstake](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgUnstake, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		n, ok := pick(s, "staked node", s.nodes(func(n types.Node) bool { return n.Stake.IsPositive() }))
		if !ok {
			return nil, nil, nil
		}
		amount := n.Stake
		switch s.r.Intn(8) {
		case 0:
			amount = amount.AddRaw(1)
		case 1, 2, 3, 4:
			amount = math.NewInt(1 + s.r.Int63n(n.Stake.Int64()))
		}
		free, rest, handler := n.Stake.Sub(n.ReservedStake), n.Stake.Sub(amount), simsx.SimDeliveryResultHandler(nil)
		switch {
		case amount.GT(free):
			handler = refused(types.ErrReserved)
		case rest.IsPositive() && rest.LT(s.params.MinStake.Amount):
			handler = refused(types.ErrStakeTooSmall)
		case s.unbondings(n) >= keeper.MaxUnbondings && !n.Retiring:
			handler = refused(types.ErrTooManyEntries)
		}
		return s.who(n.Operator), &types.MsgUnstake{Operator: n.Operator, Node: n.Address, Amount: types.Uemc(amount)}, handler
	})
}
