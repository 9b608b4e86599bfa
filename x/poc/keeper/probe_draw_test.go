package keeper_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// drawn are the targets of the epoch under way, by class.
func (f *fixture) drawn() (routers, unreachable, nodes []string) {
	f.Helper()
	for index := range f.epoch().Targets {
		t, err := f.k.Targets.Get(f.ctx, index)
		require.NoError(f, err)
		n := f.compute.byAddress[sdk.AccAddress(t.Node).String()]
		require.Equal(f, n.Role == computetypes.ROLE_ROUTER, t.Router)
		switch {
		case t.Router:
			routers = append(routers, n.Address)
		case n.UnreachableSince != 0:
			unreachable = append(unreachable, n.Address)
		default:
			nodes = append(nodes, n.Address)
		}
	}
	return routers, unreachable, nodes
}

// Of more nodes than there are places, each is drawn now and then, and none twice in
// an epoch; routers and unreachable nodes leave places to the others.
func TestDrawOfTargets(t *testing.T) {
	f := probing(newFixture(t, 3), 1, 1, 1)
	f.params(func(p *types.Params) { p.ProbeTargets = 16 })
	seed := byte(0)
	add := func(n int, change func(*computetypes.Node)) {
		for range n {
			seed++
			m := f.answering(seed)
			change(m.node())
			require.NoError(t, f.k.Hooks().AfterNodeRegistered(f.ctx, m.addr))
		}
	}
	add(10, func(n *computetypes.Node) { n.Role = computetypes.ROLE_ROUTER })
	add(10, func(n *computetypes.Node) { n.UnreachableSince = 1 })
	add(10, func(*computetypes.Node) {})
	seen := map[string]int{}
	epochs := 40
	for range epochs {
		f.opened()
		routers, unreachable, nodes := f.drawn()
		require.Len(t, routers, 8)
		require.Len(t, unreachable, 4)
		require.Len(t, nodes, 4)
		for _, list := range [][]string{routers, unreachable, nodes} {
			twice := map[string]bool{}
			for _, n := range list {
				require.False(t, twice[n], "drawn twice")
				twice[n] = true
				seen[n]++
			}
		}
		e := f.epoch() // nobody reports: what was unreachable stays so for the test
		for _, n := range f.compute.byAddress {
			if n.UnreachableSince != 0 {
				n.ReportedAt = 0
			}
		}
		for f.epoch().Number == e.Number && f.epoch().Active() {
			f.next(nil)
		}
		for _, n := range f.compute.byAddress {
			n.ReportedAt = 1
		}
	}
	require.Len(t, seen, 30, "each was drawn")

	// With fewer than places, all are.
	f.params(func(p *types.Params) { p.ProbeTargets = 100 })
	e := f.opened()
	require.EqualValues(t, 30, e.Targets)
}

// Nodes that are registered and say nothing cost a bounded number of looks, and the
// draw is over by the end of the epoch whatever there is to look at.
func TestDrawIsBounded(t *testing.T) {
	f := probing(newFixture(t, 3), 1, 1, 1)
	for seed := range byte(60) {
		f.answering(seed).node().ReportedAt = 0
	}
	f.params(func(p *types.Params) { p.ProbeTargets, p.BlockWork = 1, 5 })
	for before := f.epoch().Number; f.epoch().Number == before; {
		f.next(nil)
	}
	e := f.epoch()
	require.EqualValues(t, types.PROBE_PHASE_DRAWING, e.Phase)
	require.EqualValues(t, 5, e.Looked, "in one block")
	e = f.untilEpoch(types.PROBE_PHASE_OPEN)
	require.EqualValues(t, 3, f.ctx.BlockHeight()-e.Height, "16 looks for one place, 5 in a block")
	require.Zero(t, e.Targets)
	require.ErrorIs(t, f.tell(&types.MsgReportProbes{Prober: prober(0), Validator: f.validator(0), Epoch: e.Number}), types.ErrInvalidReport)
	f.params(func(p *types.Params) { p.ProbeTargets, p.BlockWork = 100, 1 })
	for f.epoch().Number == e.Number {
		f.next(nil)
	}
	e = f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.LessOrEqual(t, f.ctx.BlockHeight(), e.ClosesAt+2)
}

// One target in a block, and the chain exported and begun anew after each: it ends
// the same. A chain that begins at height zero leaves the epoch, and no money, behind.
func TestProbesGenesis(t *testing.T) {
	f := probing(newFixture(t, 3), 1, 1, 1)
	dead, _, router, second := f.answering(1), f.answering(2), f.router(3, 3), f.router(4, 2)
	f.params(func(p *types.Params) { p.BlockWork = 1 })
	begin := func(zero bool) *fixture {
		g, err := f.k.ExportGenesis(f.ctx)
		require.NoError(t, err)
		require.NoError(t, g.Validate())
		fresh := newFixture(t, 3)
		fresh.staking, fresh.compute, fresh.bank = f.staking, f.compute, f.bank
		fresh.rebuild()
		fresh.ctx = fresh.ctx.WithBlockHeight(f.ctx.BlockHeight()).WithBlockTime(f.ctx.BlockTime())
		require.NoError(t, fresh.k.InitGenesis(fresh.ctx, g))
		again, err := fresh.k.ExportGenesis(fresh.ctx)
		require.NoError(t, err)
		require.Equal(t, g, again)
		if zero {
			require.NoError(t, fresh.k.RestartAtZero(fresh.ctx))
			require.NoError(t, fresh.k.CheckInvariants(fresh.ctx))
		}
		return fresh
	}
	e := f.opened()
	f.due(100)
	for i := range 3 {
		f.reports(i, is(dead))
	}
	phases := map[types.ProbePhase]int{}
	for f.epoch().Number == e.Number && f.epoch().Active() {
		phases[f.epoch().Phase]++
		begin(true)
		f = begin(false)
		dead.fixture, router.fixture, second.fixture = f, f, f
		f.next(nil)
	}
	require.Len(t, phases, 3, "open, tallying, paying: %v", phases)
	require.Greater(t, phases[types.PROBE_PHASE_TALLYING], 2)
	require.NotZero(t, dead.node().UnreachableSince)
	require.EqualValues(t, []int64{60, 40}, claims(router, second))
}

// A chain of the first version gets the parameters, and its routers are probed.
func TestMigrate1to2(t *testing.T) {
	f := newFixture(t, 3)
	router := f.router(1, 5)
	require.NoError(t, f.k.Watched.Clear(f.ctx, nil))
	p := types.DefaultParams()
	p.ProbeEpochBlocks, p.ProbeTargets, p.ProbeMinReporters, p.ProbeQuorumBps = 0, 0, 0, 0
	require.Error(t, p.Validate())
	require.NoError(t, f.k.Params.Set(f.ctx, p))
	require.Error(t, f.k.CheckInvariants(f.ctx))
	require.NoError(t, f.k.Migrate1to2(f.ctx))
	require.NoError(t, f.k.CheckInvariants(f.ctx))
	got, err := f.k.Params.Get(f.ctx)
	require.NoError(t, err)
	require.Equal(t, types.DefaultParams(), got)
	probing(f, 1, 1, 1)
	f.opened()
	routers, _, _ := f.drawn()
	require.Equal(t, []string{router.addr.String()}, routers)
}
