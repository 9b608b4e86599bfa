package simulation

import (
	"context"
	"math/rand"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"

	"github.com/edgematrix/emc/x/socket/types"
)

// RandomParams draws parameters within their bounds. Times are short, so that
// what ends by itself ends within a simulation of some hundred blocks.
func RandomParams(r *rand.Rand) types.Params {
	between := func(low, high int64) uint64 { return uint64(low + r.Int63n(high-low+1)) }
	uemc := func(low, high int64) sdk.Coin { return types.Uemc(math.NewInt(int64(between(low, high)))) }
	p := types.Params{
		MintFee:          uemc(0, 20_000),
		MinPrice:         uemc(0, 500_000),
		MinSeconds:       between(1, 60),
		MaxSeconds:       between(60, 3_000),
		MaxRoyalty:       uint32(between(0, 5_000)),
		CollateralPerE:   uemc(0, 200_000),
		RetentionSeconds: between(2, 300),
		BlockWork:        uint32(between(10, 100)),
	}
	if r.Intn(2) == 0 { // many nodes of a simulation have no stake
		p.CollateralPerE = types.Uemc(math.ZeroInt())
	}
	return p
}

// RandomizedGenState begins a simulation with random rules and no sockets.
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
