package keeper

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/internal/answers"
	"github.com/edgematrix/emc/x/poc/types"
)

// initProbes fills the store with what a genesis says of probes. Which nodes are
// routers, or do not answer, x/compute knows: it is there already.
func (k *Keeper) initProbes(ctx context.Context, g *types.GenesisState) error {
	for _, p := range g.Probers {
		addr, err := sdk.ValAddressFromBech32(p.Validator)
		if err != nil {
			return err
		}
		if err := k.Probers.Set(ctx, addr, p); err != nil {
			return err
		}
	}
	for _, e := range g.ProbeEpochs {
		if err := k.Epochs.Set(ctx, e.Number, e); err != nil {
			return err
		}
		if err := k.EpochNumber.Set(ctx, e.Number); err != nil {
			return err
		}
	}
	for _, t := range g.ProbeTargets {
		if err := k.Targets.Set(ctx, t.Index, t); err != nil {
			return err
		}
	}
	for _, r := range g.ProbeReports {
		addr, err := sdk.ValAddressFromBech32(r.Validator)
		if err != nil {
			return err
		}
		if err := k.Reports.Set(ctx, addr, r); err != nil {
			return err
		}
	}
	return k.watchAll(ctx)
}

func (k *Keeper) exportProbes(ctx context.Context, g *types.GenesisState) (err error) {
	if g.Probers, err = answers.All(ctx, k.Probers); err != nil {
		return err
	}
	if g.ProbeEpochs, err = answers.All(ctx, k.Epochs); err != nil {
		return err
	}
	if g.ProbeTargets, err = answers.All(ctx, k.Targets); err != nil {
		return err
	}
	g.ProbeReports, err = answers.All(ctx, k.Reports)
	return err
}

// forgetEpochs ends the epoch of probes under way without a conclusion. What it had
// issued and not paid yet is left for the next.
func (k *Keeper) forgetEpochs(ctx context.Context) error {
	e, err := k.epoch(ctx)
	if err != nil || e.Number == 0 {
		return err
	}
	if e.Phase == types.PROBE_PHASE_PAYING && e.Weight.IsPositive() {
		emission, err := k.emission(ctx)
		if err != nil {
			return err
		}
		emission.UndividedRouters = emission.UndividedRouters.Add(e.Minted).Sub(e.Paid)
		if err := k.Emission.Set(ctx, emission); err != nil {
			return err
		}
	}
	if err := k.Epochs.Clear(ctx, nil); err != nil {
		return err
	}
	if err := k.Targets.Clear(ctx, nil); err != nil {
		return err
	}
	if err := k.Reports.Clear(ctx, nil); err != nil {
		return err
	}
	over := types.NewProbeEpoch(e.Number, 0, 0, e.Beacon)
	over.Phase = types.PROBE_PHASE_CLOSED
	return k.Epochs.Set(ctx, over.Number, over)
}

// Migrate1to2 brings probes to a chain of the first version: their parameters, and
// the routers that it has.
func (k *Keeper) Migrate1to2(ctx sdk.Context) error {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return err
	}
	if err := k.Params.Set(ctx, params.WithProbeDefaults()); err != nil {
		return err
	}
	e, err := k.emission(ctx)
	if err != nil {
		return err
	}
	if err := k.Emission.Set(ctx, e); err != nil {
		return err
	}
	return k.watchAll(ctx)
}
