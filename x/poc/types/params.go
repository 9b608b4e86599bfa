package types

import (
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/power"
	"github.com/edgematrix/emc/pkg/proof"
)

// Denom of every amount in the module.
const Denom = amount.BaseDenom

// MicroE is how many units of power are one E.
const MicroE = power.MicroE

// Whole is 100 percent in hundredths of a percent.
const Whole = 10_000

// Uemc is an amount as a coin.
func Uemc(a math.Int) sdk.Coin { return sdk.Coin{Denom: Denom, Amount: a} }

// DefaultParams are the genesis defaults; the module README motivates each.
func DefaultParams() Params {
	return Params{
		KeyDelayBlocks: 1_000, DrawContributors: 4, HistoryBlocks: 20_000,

		WindowGapBlocks: 600, WindowMeanBlocks: 1_200, WindowBlocks: 12, WindowMilliseconds: 15_000,
		DrawBlocks: 100, RevealBlocks: 60, MaxReveals: 500, Samples: 16, SuspectSamples: 32, MaxRounds: proof.MaxRounds,
		PowerWindows: 24, MaxSilent: 3, SilentJailSeconds: 3_600, WrongJailSeconds: 7 * 86_400, SlashBps: 1_000,
		VerifyGas: 1_000, ProofBlockBps: 5_000, BlockWork: 500,

		StakePerE: Uemc(math.NewInt(100_000_000)), TargetPower: 10_000 * MicroE,
		NodesBps: 8_000, ValidatorsBps: 1_500, RoutersBps: 500,
	}.WithProbeDefaults()
}

// WithProbeDefaults fills in the parameters of probes, which chains of the first
// version do not have.
func (p Params) WithProbeDefaults() Params {
	p.ProbeEpochBlocks, p.ProbeTargets, p.ProbeMinReporters, p.ProbeQuorumBps = 3_600, 512, 3, 5_000
	return p
}

// Validate keeps every parameter within bounds in which the module is safe.
func (p Params) Validate() error {
	for _, b := range []struct {
		name            string
		value, min, max uint64
	}{
		{"key_delay_blocks", p.KeyDelayBlocks, 1, 1_000_000},
		{"draw_contributors", uint64(p.DrawContributors), 1, 100},
		{"history_blocks", p.HistoryBlocks, 100, 10_000_000},
		{"window_gap_blocks", p.WindowGapBlocks, 3, 1_000_000},
		{"window_mean_blocks", p.WindowMeanBlocks, 1, 1_000_000},
		{"window_blocks", p.WindowBlocks, 2, 1_000},
		{"window_milliseconds", p.WindowMilliseconds, 100, 3_600_000},
		{"draw_blocks", p.DrawBlocks, 1, MaxDrawBlocks},
		{"reveal_blocks", p.RevealBlocks, 1, 10_000},
		{"max_reveals", uint64(p.MaxReveals), 1, 100_000},
		{"samples", uint64(p.Samples), 1, MaxSamples},
		{"suspect_samples", uint64(p.SuspectSamples), uint64(p.Samples), MaxSamples},
		{"max_rounds", p.MaxRounds, 1, proof.MaxRounds},
		{"power_windows", uint64(p.PowerWindows), 1, MaxPowerWindows},
		{"max_silent", uint64(p.MaxSilent), 1, 100},
		{"silent_jail_seconds", p.SilentJailSeconds, 1, 365 * 86_400},
		{"wrong_jail_seconds", p.WrongJailSeconds, 1, 10 * 365 * 86_400},
		{"slash_bps", uint64(p.SlashBps), 1, Whole},
		{"verify_gas", p.VerifyGas, 1, 1_000_000},
		{"proof_block_bps", uint64(p.ProofBlockBps), 1_000, 9_000},
		{"block_work", uint64(p.BlockWork), 1, 100_000},
		{"target_power", p.TargetPower, 1, 1 << 60},
		{"nodes_bps", uint64(p.NodesBps), 0, Whole},
		{"validators_bps", uint64(p.ValidatorsBps), 0, Whole},
		{"routers_bps", uint64(p.RoutersBps), 0, Whole},
		{"probe_epoch_blocks", p.ProbeEpochBlocks, 10, 1_000_000},
		{"probe_targets", uint64(p.ProbeTargets), 1, MaxProbeTargets},
		{"probe_min_reporters", uint64(p.ProbeMinReporters), 1, 1_000},
		{"probe_quorum_bps", uint64(p.ProbeQuorumBps), 1, Whole},
		// A window is over before the next opens, and the beacons of its draw are kept until then.
		{"window_gap_blocks", p.WindowGapBlocks, p.WindowBlocks + p.RevealBlocks + 1, 1_000_000},
		{"history_blocks", p.HistoryBlocks, p.WindowBlocks + p.DrawBlocks + 2, 10_000_000},
		{"nodes_bps + validators_bps + routers_bps", uint64(p.NodesBps) + uint64(p.ValidatorsBps) + uint64(p.RoutersBps), Whole, Whole},
	} {
		if b.value < b.min || b.value > b.max {
			return errorsmod.Wrapf(ErrInvalidParams, "%s must be between %d and %d, got %d", b.name, b.min, b.max, b.value)
		}
	}
	if p.StakePerE.Denom != Denom || p.StakePerE.Amount.IsNil() || !p.StakePerE.IsPositive() || p.StakePerE.Amount.BigInt().BitLen() > 90 {
		return errorsmod.Wrapf(ErrInvalidParams, "stake_per_e must be a positive amount of %s below 2^90, got %s", Denom, p.StakePerE)
	}
	return nil
}
