package simulation

import (
	"context"
	"math/rand"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"

	"github.com/edgematrix/emc/x/market/types"
)

// RandomParams draws parameters within their bounds. Times are short, so that
// what ends by itself ends within a simulation of some hundred blocks.
func RandomParams(r *rand.Rand) types.Params {
	between := func(low, high int64) uint64 { return uint64(low + r.Int63n(high-low+1)) }
	uemc := func(low, high int64) sdk.Coin { return types.Uemc(math.NewInt(int64(between(low, high)))) }
	return types.Params{
		MinDeposit:           uemc(0, 500_000),
		MaxSessionSeconds:    between(120, 3_000),
		ClosingSeconds:       between(2, 120),
		LastSeconds:          between(2, 60),
		RetentionSeconds:     between(2, 300),
		ProtocolShare:        uint32(between(0, 2_000)),
		RouterShare:          uint32(between(0, 3_000)),
		MinCover:             uemc(0, 2_000_000),
		OverIssueJailSeconds: between(1, 120),
		ReceiptFee:           uemc(0, 20_000),
		MaxVouchers:          uint32(between(1, 40)),
		BlockWork:            uint32(between(10, 100)),
	}
}

// RandomizedGenState begins a simulation with random rules and no sessions.
func RandomizedGenState(s *module.SimulationState) {
	g := types.DefaultGenesis()
	g.Params = RandomParams(s.Rand)
	s.GenState[types.ModuleName] = s.Cdc.MustMarshalJSON(g)
}

// updateParams proposes new parameters to governance.
func updateParams() simsx.SimMsgFactoryFn[*types.MsgUpdateParams] {
	return func(_ context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgUpdateParams) {
		return nil, &types.MsgUpdateParams{
			Authority: data.ModuleAccountAddress(reporter, "gov"), Params: RandomParams(data.Rand().Rand),
		}
	}
}
