package simulation

import (
	"context"
	"errors"

	"cosmossdk.io/collections"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"github.com/edgematrix/emc/x/poc/keeper"
	"github.com/edgematrix/emc/x/poc/types"
)

// setProber has a validator name a hot key, take it back now and then, or name his
// own key, which is refused.
func setProber(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgSetProber](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgSetProber, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		var validators []string
		for _, a := range data.AllAccounts() {
			_, err := k.Staking().GetValidator(ctx, sdk.ValAddress(a.Address))
			if err != nil && !errors.Is(err, stakingtypes.ErrNoValidatorFound) {
				panic(err)
			}
			if err == nil {
				validators = append(validators, a.AddressBech32)
			}
		}
		owner, ok := pick(s, "validator", validators)
		if !ok {
			return nil, nil, nil
		}
		validator := sdk.ValAddress(sdk.MustAccAddressFromBech32(owner))
		m := &types.MsgSetProber{Validator: validator.String(), Prober: data.AnyAccount(reporter).AddressBech32}
		handler := simsx.SimDeliveryResultHandler(nil)
		known, err := k.Probers.Has(ctx, validator)
		if err != nil {
			panic(err)
		}
		switch {
		case m.Prober == owner:
			handler = refused(types.ErrProber)
		case known && s.r.Intn(8) == 0:
			m.Prober = ""
		case !known && s.r.Intn(30) == 0:
			m.Prober, handler = "", refused(types.ErrProber)
		}
		return s.who(owner), m, handler
	})
}

// duty is a validator who may report, and his prober's account.
type duty struct{ validator, prober string }

// duties lists who may report in the epoch under way, if it is open.
func (s scene) duties() (types.ProbeEpoch, []duty) {
	number, err := s.k.EpochNumber.Get(s.ctx)
	if errors.Is(err, collections.ErrNotFound) {
		return types.ProbeEpoch{}, nil
	}
	if err != nil {
		panic(err)
	}
	e, err := s.k.Epochs.Get(s.ctx, number)
	if err != nil {
		panic(err)
	}
	var out []duty
	if e.Phase != types.PROBE_PHASE_OPEN || e.Targets == 0 {
		return e, nil
	}
	for _, m := range e.Members {
		addr, err := sdk.ValAddressFromBech32(m.Validator)
		if err != nil {
			panic(err)
		}
		p, err := s.k.Probers.Get(s.ctx, addr)
		if errors.Is(err, collections.ErrNotFound) {
			continue // taken back
		}
		if err != nil {
			panic(err)
		}
		out = append(out, duty{m.Validator, p.Prober})
	}
	return e, out
}

// findings are what a prober finds: a fifth of the nodes is gone in an epoch, and
// one probe in ten goes wrong.
func (s scene) findings(e types.ProbeEpoch, d duty) *types.MsgReportProbes {
	size := types.ReportBytes(e.Targets)
	m := &types.MsgReportProbes{Prober: d.prober, Validator: d.validator, Epoch: e.Number, Probed: make([]byte, size), Passed: make([]byte, size)}
	for index := range e.Targets {
		types.SetBit(m.Probed, index)
		t, err := s.k.Targets.Get(s.ctx, index)
		if err != nil {
			panic(err)
		}
		gone := (int(t.Node[0])+int(e.Number))%5 == 0
		if gone == (s.r.Intn(10) == 0) {
			types.SetBit(m.Passed, index)
		}
	}
	return m
}

// reportProbes reports for a validator whose hot key is one of the accounts.
func reportProbes(k *keeper.Keeper) simsx.SimMsgFactoryFn[*types.MsgReportProbes] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgReportProbes) {
		s := newScene(ctx, k, data, reporter)
		e, duties := s.duties()
		d, ok := pick(s, "validator to report probes", duties)
		if !ok {
			return nil, nil
		}
		return s.who(d.prober), s.findings(e, d)
	}
}

// reportRefused reports for another epoch, for another validator, or on what was not
// drawn.
func reportRefused(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgReportProbes](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgReportProbes, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		e, duties := s.duties()
		d, ok := pick(s, "validator to report probes", duties)
		if !ok {
			return nil, nil, nil
		}
		m := s.findings(e, d)
		handler := refused(types.ErrInvalidReport)
		switch s.r.Intn(4) {
		case 0:
			m.Epoch++
			handler = refused(types.ErrEpoch)
		case 1:
			m.Prober = data.AnyAccount(reporter).AddressBech32
			if m.Prober == d.prober {
				reporter.Skip("it is his prober")
				return nil, nil, nil
			}
			handler = refused(types.ErrProber)
		case 2:
			m.Probed, m.Passed = append(m.Probed, 0), append(m.Passed, 0)
		case 3:
			clear(m.Probed)
			clear(m.Passed)
		}
		return s.who(m.Prober), m, handler
	})
}
