package simulation

import (
	"context"
	"math/rand"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// RandomParams draws parameters within their bounds. Most times are short, so
// that what ends by itself ends within a simulation of some hundred blocks;
// work and scans are small at times, so that their bounds are met.
func RandomParams(r *rand.Rand) types.Params {
	between := func(low, high int64) uint64 { return uint64(low + r.Int63n(high-low+1)) }
	uemc := func(low, high int64) sdk.Coin { return types.Uemc(math.NewInt(int64(between(low, high)))) }
	p := types.Params{
		MinStake:            uemc(0, 20_000_000),
		RegistrationDeposit: uemc(0, 2_000_000),
		AppRegistrationFee:  uemc(0, 2_000_000),
		JobReservationFee:   uemc(0, 5_000),
		OnlineSeconds:       between(120, 3_000),
		UnbondingSeconds:    between(1, 600),
		AcknowledgeSeconds:  between(2, 60),
		InputSeconds:        between(2, 120),
		StartSeconds:        between(2, 90),
		ReceiptSeconds:      between(2, 60),
		AcceptanceSeconds:   between(2, 300),
		JobRetentionSeconds: between(2, 900),
		MaxJobSeconds:       between(30, 4_000),
		MissedStartSeconds:  between(1, 120),
		MaxAttempts:         uint32(between(1, 5)),
		MaxScan:             uint32(between(1, 64)),
	}
	if r.Intn(8) > 0 {
		p.MaxAttempts = max(p.MaxAttempts, 2)
	}
	p.JobMinFee = types.Uemc(p.JobReservationFee.Amount.AddRaw(r.Int63n(10_000)))
	p.MaxSuspensionSeconds = p.MissedStartSeconds + between(0, 600)
	p.BlockWork = p.MaxScan + uint32(between(1, 100))
	return p
}

// updateParams proposes new parameters to governance.
func updateParams() simsx.SimMsgFactoryFn[*types.MsgUpdateParams] {
	return func(_ context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgUpdateParams) {
		return nil, &types.MsgUpdateParams{
			Authority: data.ModuleAccountAddress(reporter, "gov"), Params: RandomParams(data.Rand().Rand),
		}
	}
}
