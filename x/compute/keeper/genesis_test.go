package keeper_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// TestGenesisInTheMiddleOfEverything exports a state with jobs in every status
// and goes on with it on a fresh chain as if nothing had happened.
func TestGenesisInTheMiddleOfEverything(t *testing.T) {
	f, operator, customer, node := market(t)
	second := f.node(2, operator, offer(3_600_000))
	require.NoError(t, f.stake(operator, node, coin(20_000_000)))
	require.NoError(t, f.unstake(operator, node, 5_000_000))
	f.slash(second, 1)
	running := f.running(submission(customer))
	finished := f.running(submission(customer))
	require.NoError(t, f.finish(finished.Node, finished.Job, receipt(1)))
	cancelled := f.mustSubmit(submission(customer))
	require.NoError(t, f.cancel(customer.String(), cancelled.Job))
	scheduled := f.mustSubmit(submission(customer))

	g, err := f.k.ExportGenesis(f.ctx)
	require.NoError(t, err)
	require.NoError(t, g.Validate())

	fresh := newFixture(t)
	fresh.ctx = fresh.ctx.WithBlockTime(f.ctx.BlockTime()).WithBlockHeight(f.ctx.BlockHeight())
	fresh.bank.InitGenesis(fresh.ctx, f.bank.ExportGenesis(f.ctx))
	fresh.supply = f.supply
	require.NoError(t, fresh.k.InitGenesis(fresh.ctx, g))
	again, err := fresh.k.ExportGenesis(fresh.ctx)
	require.NoError(t, err)
	require.Equal(t, g, again)

	for _, x := range []*fixture{f, fresh} {
		require.NoError(t, x.finish(running.Node, running.Job, receipt(5)))
		require.NoError(t, x.accept(customer.String(), finished.Job))
		x.pass(2 * 3600)
		require.Equal(t, types.JOB_STATUS_FAILED, x.job(scheduled.Job).Status)
	}
	require.Equal(t, f.balance(customer), fresh.balance(customer))
	require.Equal(t, f.balance(operator), fresh.balance(operator))
}

func TestGenesisRefusesWrongStates(t *testing.T) {
	f, _, customer, node := market(t)
	f.running(submission(customer))
	good := func() *types.GenesisState {
		g, err := f.k.ExportGenesis(f.ctx)
		require.NoError(t, err)
		return g
	}
	for name, change := range map[string]func(*types.GenesisState){
		"parameters":         func(g *types.GenesisState) { g.Params.MaxScan = 0 },
		"node twice":         func(g *types.GenesisState) { g.Nodes = append(g.Nodes, g.Nodes[0]) },
		"app twice":          func(g *types.GenesisState) { g.Apps = append(g.Apps, g.Apps[0]) },
		"job twice":          func(g *types.GenesisState) { g.Jobs = append(g.Jobs, g.Jobs[0]) },
		"forged id":          func(g *types.GenesisState) { g.Jobs[0].Sequence = 9 },
		"sequence":           func(g *types.GenesisState) { g.JobSequences = nil },
		"lost reservation":   func(g *types.GenesisState) { g.Reservations[0].Node = customer.String() },
		"lost node":          func(g *types.GenesisState) { g.Nodes = nil; g.Reservations = nil },
		"negative stake":     func(g *types.GenesisState) { g.Nodes[0].Stake = coin(1).Amount.Neg() },
		"pays too much":      func(g *types.GenesisState) { g.Jobs[0].Paid = coin(1_000_001) },
		"foreign money":      func(g *types.GenesisState) { g.Jobs[0].MaxPrice = sdk.NewInt64Coin("uatom", 1) },
		"payer":              func(g *types.GenesisState) { g.Jobs[0].Payer = "somebody" },
		"out in the past":    func(g *types.GenesisState) { g.Nodes[0].OutageSince = -1 },
		"out in the future":  func(g *types.GenesisState) { g.Clock.BlockTime, g.Nodes[0].OutageSince = startTime, startTime+1 },
		"out for ever":       func(g *types.GenesisState) { g.Nodes[0].OutageSeconds = types.MaxTime + 1 },
		"reported never":     func(g *types.GenesisState) { g.Nodes[0].ReportedAt = -1 },
		"reported beyond":    func(g *types.GenesisState) { g.Nodes[0].ReportedAt = types.MaxTime + 1 },
		"a clock beyond":     func(g *types.GenesisState) { g.Clock.BlockTime = types.MaxTime + 1 },
		"grace beyond":       func(g *types.GenesisState) { g.Clock.GraceFrom = -1 },
		"stood still":        func(g *types.GenesisState) { g.Clock.BlockTime, g.Clock.Standstill = 5, 6 },
		"a router's slots":   func(g *types.GenesisState) { g.Nodes[0].Role = types.ROLE_ROUTER },
		"no role":            func(g *types.GenesisState) { g.Nodes[0].Role = 0 },
		"finished, no proof": func(g *types.GenesisState) { g.Jobs[0].Status = types.JOB_STATUS_FINISHED },
	} {
		g := good()
		change(g)
		require.Error(t, g.Validate(), name)
	}
	// Sums that only the other modules' state can tell.
	g := good()
	g.Nodes[0].Stake = coin(5).Amount
	require.NoError(t, g.Validate())
	fresh := newFixture(t)
	require.ErrorContains(t, fresh.k.InitGenesis(fresh.ctx, g), "escrow")
	_ = node
}

func TestUpdateParams(t *testing.T) {
	f := newFixture(t)
	update := func(authority string, change func(*types.Params)) error {
		p := types.DefaultParams()
		change(&p)
		_, err := f.msg.UpdateParams(f.ctx, &types.MsgUpdateParams{Authority: authority, Params: p})
		return err
	}
	require.ErrorIs(t, update(f.account("stranger", 0).String(), func(*types.Params) {}), types.ErrInvalidAuthority)
	require.NoError(t, update(f.authority, func(p *types.Params) { p.MaxScan = 100 }))
	for name, change := range map[string]func(*types.Params){
		"zero":            func(p *types.Params) { p.OnlineSeconds = 0 },
		"too much":        func(p *types.Params) { p.MaxAttempts = 99 },
		"fees":            func(p *types.Params) { p.JobReservationFee = coin(6_000) },
		"denomination":    func(p *types.Params) { p.MinStake.Denom = "uatom" },
		"negative":        func(p *types.Params) { p.MinStake.Amount = coin(1).Amount.Neg() },
		"missing":         func(p *types.Params) { p.MinStake = sdk.Coin{} },
		"work below scan": func(p *types.Params) { p.BlockWork = p.MaxScan },
	} {
		require.ErrorIs(t, update(f.authority, change), types.ErrInvalidParams, name)
	}
}
