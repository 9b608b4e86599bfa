package keeper_test

import (
	"bytes"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// epochBlocks is how long the tests' epochs are: the shortest.
const epochBlocks = 10

// probing is a fixture whose validators have so much power each, and probers.
func probing(f *fixture, powers ...int64) *fixture {
	f.Helper()
	f.params(func(p *types.Params) { p.ProbeEpochBlocks = epochBlocks })
	for i, power := range powers {
		f.power(i, power)
		require.NoError(f, f.setProber(i, prober(i)))
	}
	f.untilEpoch(types.PROBE_PHASE_CLOSED) // one that began without them
	return f
}

// power sets a validator's power.
func (f *fixture) power(i int, power int64) {
	f.staking.list[i].Tokens = sdk.DefaultPowerReduction.MulRaw(power)
	f.staking.list[i].Status = 3 // bonded
}

// prober is the hot key of the i-th validator.
func prober(i int) string { return sdk.AccAddress(bytes.Repeat([]byte{200 + byte(i)}, 20)).String() }

func (f *fixture) validator(i int) string { return f.staking.list[i].OperatorAddress }

func (f *fixture) setProber(i int, prober string) error {
	_, err := f.msg.SetProber(f.ctx, &types.MsgSetProber{Validator: f.validator(i), Prober: prober})
	return err
}

// answering registers a node that reports.
func (f *fixture) answering(seed byte) *miner {
	f.Helper()
	m := f.miner(seed, seed, 0)
	m.node().ReportedAt = 1
	require.NoError(f, f.k.Hooks().AfterNodeRegistered(f.ctx, m.addr))
	return m
}

// router registers a router that reports.
func (f *fixture) router(seed byte, stake int64) *miner {
	f.Helper()
	m := f.miner(seed, seed, stake)
	m.node().ReportedAt, m.node().Role = 1, computetypes.ROLE_ROUTER
	require.NoError(f, f.k.Hooks().AfterNodeRegistered(f.ctx, m.addr))
	return m
}

func (f *fixture) epoch() types.ProbeEpoch {
	f.Helper()
	r, err := f.query.ProbeEpoch(f.ctx, &types.QueryProbeEpochRequest{})
	require.NoError(f, err)
	return r.Epoch
}

// untilEpoch makes blocks until a later epoch is in a phase, or this one in a later phase.
func (f *fixture) untilEpoch(phase types.ProbePhase) types.ProbeEpoch {
	f.Helper()
	for range 300 {
		f.next(nil)
		if e := f.epoch(); e.Phase == phase {
			return e
		}
	}
	f.Fatalf("no epoch of probes in %s", phase)
	return types.ProbeEpoch{}
}

// opened waits until the next epoch takes reports.
func (f *fixture) opened() types.ProbeEpoch {
	f.Helper()
	for before := f.epoch().Number; ; {
		if e := f.untilEpoch(types.PROBE_PHASE_OPEN); e.Number > before {
			return e
		}
	}
}

// report is the i-th validator's: all were asked but those that skip names, and all
// answered but those that fail names.
func (f *fixture) report(i int, fail, skip func(*computetypes.Node) bool) *types.MsgReportProbes {
	f.Helper()
	e := f.epoch()
	m := &types.MsgReportProbes{
		Prober: prober(i), Validator: f.validator(i), Epoch: e.Number,
		Probed: make([]byte, types.ReportBytes(e.Targets)), Passed: make([]byte, types.ReportBytes(e.Targets)),
	}
	for index := range e.Targets {
		t, err := f.k.Targets.Get(f.ctx, index)
		require.NoError(f, err)
		n := f.compute.byAddress[sdk.AccAddress(t.Node).String()]
		if skip != nil && skip(n) {
			continue
		}
		types.SetBit(m.Probed, index)
		if fail == nil || !fail(n) {
			types.SetBit(m.Passed, index)
		}
	}
	return m
}

func (f *fixture) reports(i int, fail func(*computetypes.Node) bool) {
	f.Helper()
	require.NoError(f, f.tell(f.report(i, fail, nil)))
}

// tell carries a report out.
func (f *fixture) tell(m *types.MsgReportProbes) error {
	cached, write := f.ctx.CacheContext()
	_, err := f.msg.ReportProbes(cached, m)
	if err == nil {
		write()
	}
	return err
}

func is(m *miner) func(*computetypes.Node) bool {
	return func(n *computetypes.Node) bool { return n.Address == m.addr.String() }
}

// due lets the schedule owe routers so much.
func (f *fixture) due(uemc int64) {
	f.Helper()
	e, err := f.k.Emission.Get(f.ctx)
	require.NoError(f, err)
	e.RoutersDue, e.Accounted = e.RoutersDue.AddRaw(uemc), e.Accounted.AddRaw(uemc)
	require.NoError(f, f.k.Emission.Set(f.ctx, e))
}

func (m *miner) claimable() math.Int {
	m.Helper()
	r, err := m.query.Rewards(m.ctx, &types.QueryRewardsRequest{Operator: m.operator.String()})
	require.NoError(m, err)
	return r.Reward.Claimable.Amount
}
