package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"github.com/edgematrix/emc/x/poc/types"
)

// SetProber implements types.MsgServer. The new key may report at once, and the old
// one no more: a stolen key is of no use to the thief from then on.
func (k msgServer) SetProber(ctx context.Context, m *types.MsgSetProber) (*types.MsgSetProberResponse, error) {
	validator, err := m.Validate()
	if err != nil {
		return nil, err
	}
	known, err := k.Probers.Has(ctx, validator)
	if err != nil {
		return nil, err
	}
	if m.Prober == "" {
		if !known {
			return nil, errorsmod.Wrapf(types.ErrProber, "%s has none that could be taken back", m.Validator)
		}
		return &types.MsgSetProberResponse{}, errors.Join(k.Probers.Remove(ctx, validator), emit(ctx, &types.EventProberSet{Validator: m.Validator}))
	}
	if _, err := k.staking.GetValidator(ctx, validator); errors.Is(err, stakingtypes.ErrNoValidatorFound) {
		return nil, errorsmod.Wrapf(types.ErrNotValidator, "%s: create the validator first", m.Validator)
	} else if err != nil {
		return nil, err
	}
	if err := k.Probers.Set(ctx, validator, types.Prober{Validator: m.Validator, Prober: m.Prober}); err != nil {
		return nil, err
	}
	return &types.MsgSetProberResponse{}, emit(ctx, &types.EventProberSet{Validator: m.Validator, Prober: m.Prober})
}

// ReportProbes implements types.MsgServer. A report replaces an earlier one of the
// epoch, so that who takes his key back from a thief can undo what he reported.
func (k msgServer) ReportProbes(ctx context.Context, m *types.MsgReportProbes) (*types.MsgReportProbesResponse, error) {
	validator, err := m.Validate()
	if err != nil {
		return nil, err
	}
	prober, err := k.Probers.Get(ctx, validator)
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		return nil, err
	}
	if err != nil || prober.Prober != m.Prober {
		return nil, errorsmod.Wrapf(types.ErrProber, "%s is not authorised by %s; `emcd prober set` does it", m.Prober, m.Validator)
	}
	e, err := k.epoch(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case e.Number != m.Epoch || e.Phase != types.PROBE_PHASE_OPEN:
		return nil, errorsmod.Wrapf(types.ErrEpoch, "epoch %d takes no reports: the newest is %d, in %s, up to height %d", m.Epoch, e.Number, e.Phase, e.ClosesAt)
	case !e.Member(m.Validator):
		return nil, errorsmod.Wrapf(types.ErrEpoch, "%s was not bonded, or had no prober, when epoch %d began; the next one counts", m.Validator, e.Number)
	}
	if err := types.CheckReport(e.Targets, m.Probed, m.Passed); err != nil {
		return nil, err
	}
	if err := k.Reports.Set(ctx, validator, types.ProbeReport{Validator: m.Validator, Probed: m.Probed, Passed: m.Passed}); err != nil {
		return nil, err
	}
	return &types.MsgReportProbesResponse{},
		emit(ctx, &types.EventProbesReported{Validator: m.Validator, Epoch: e.Number, Probed: types.Ones(m.Probed), Passed: types.Ones(m.Passed)})
}
