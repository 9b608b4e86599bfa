package simulation

import (
	"context"
	"math/rand"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/x/poc/types"
)

// RandomParams draws parameters within their bounds. Windows are short and follow
// one another closely, so that many fit into a simulation; reveals and work are
// few at times, so that their bounds are met. A window is void when the play's
// blocks, some seconds apart, take longer than usual.
func RandomParams(r *rand.Rand) types.Params {
	between := func(low, high int64) uint64 { return uint64(low + r.Int63n(high-low+1)) }
	p := types.Params{
		KeyDelayBlocks:     between(1, 10),
		DrawContributors:   uint32(between(1, 3)),
		WindowMeanBlocks:   between(1, 3),
		WindowBlocks:       between(2, 4),
		WindowMilliseconds: between(10_000, 40_000),
		DrawBlocks:         between(2, 25),
		RevealBlocks:       between(1, 4),
		MaxReveals:         uint32(between(2, 16)),
		Samples:            uint32(between(1, 4)),
		MaxRounds:          between(1, 1_000),
		PowerWindows:       uint32(between(1, 4)),
		MaxSilent:          uint32(between(1, 4)),
		SilentJailSeconds:  between(1, 120),
		WrongJailSeconds:   between(1, 300),
		SlashBps:           uint32(between(1, types.Whole)),
		VerifyGas:          between(1, 1_000),
		ProofBlockBps:      uint32(between(1_000, 9_000)),
		BlockWork:          uint32(between(1, 12)),
		StakePerE:          types.Uemc(math.NewInt(int64(between(1, 1_000_000_000)))),
		TargetPower:        between(1, 5_000), // one round of the smallest size in a window is about a hundred
		ProbeEpochBlocks:   between(10, 20),
		ProbeTargets:       uint32(between(2, 30)),
		ProbeMinReporters:  uint32(between(1, 2)),
		ProbeQuorumBps:     uint32(between(1, 1_000)),
	}
	if r.Intn(8) == 0 {
		p.MaxRounds = proof.MaxRounds
	}
	p.SuspectSamples = p.Samples + uint32(between(0, 3))
	p.WindowGapBlocks = p.WindowBlocks + p.RevealBlocks + between(1, 2)
	p.HistoryBlocks = max(100, p.WindowBlocks+p.DrawBlocks+2) + between(0, 100)
	p.NodesBps = uint32(between(1, types.Whole))
	p.ValidatorsBps = uint32(between(0, int64(types.Whole-p.NodesBps)))
	p.RoutersBps = types.Whole - p.NodesBps - p.ValidatorsBps
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
