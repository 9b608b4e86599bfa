package simulation

import (
	"context"
	"errors"

	"cosmossdk.io/collections"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"github.com/edgematrix/emc/x/poc/keeper"
	"github.com/edgematrix/emc/x/poc/types"
)

// claimRewards claims for an operator who has earned something, now and then for
// somebody else.
func claimRewards(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgClaimRewards](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgClaimRewards, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		var operators []string
		for _, a := range data.AllAccounts() {
			r, err := k.Rewards.Get(ctx, a.Address)
			if err != nil && !errors.Is(err, collections.ErrNotFound) {
				panic(err)
			}
			if err == nil && r.Claimable.IsPositive() {
				operators = append(operators, a.AddressBech32)
			}
		}
		handler := simsx.SimDeliveryResultHandler(nil)
		if len(operators) == 0 && s.r.Intn(20) == 0 {
			operators, handler = []string{data.AnyAccount(reporter).AddressBech32}, refused(types.ErrNoRewards)
		}
		operator, ok := pick(s, "operator with rewards", operators)
		if !ok {
			return nil, nil, nil
		}
		return s.who(operator), &types.MsgClaimRewards{Operator: operator}, handler
	})
}
