package keeper_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// A node that probes do not reach is offline, whatever it reports: no job finds it,
// and its outage runs. It loses no stake, and is back when probes reach it.
func TestUnreachable(t *testing.T) {
	f, operator, customer, node := market(t)
	require.NoError(t, f.stake(operator, node, coin(20_000_000)))
	addr := sdk.MustAccAddressFromBech32(node)
	set := func(unreachable bool) {
		require.NoError(t, f.k.SetUnreachable(f.ctx, addr, unreachable))
		f.check()
	}
	view := func() types.NodeView {
		r, err := f.query.Node(f.ctx, &types.QueryNodeRequest{Node: node})
		require.NoError(t, err)
		return r.Node
	}
	require.True(t, view().Online)
	set(false)
	require.Empty(t, told[*types.EventNodeReachable](f), "nothing changed")

	f.block(10)
	set(true)
	require.Equal(t, []*types.EventNodeUnreachable{{Node: node, Times: 1}}, told[*types.EventNodeUnreachable](f))
	_, err := f.submit(submission(customer))
	require.ErrorIs(t, err, types.ErrNoNodeFits)
	named := submission(customer)
	named.Node = node
	_, err = f.submit(named)
	require.ErrorContains(t, err, "does not answer the validators' probes")
	require.Empty(t, f.load(node).Listing.Keys)
	require.False(t, view().Online)
	reports, err := f.k.Reports(f.ctx, f.load(node))
	require.NoError(t, err)
	require.True(t, reports, "it goes on saying that it is there, and is probed on")

	f.block(100)
	f.report(node)
	require.Empty(t, f.load(node).Listing.Keys, "a report alone brings nobody back")
	set(true)
	require.EqualValues(t, 2, f.load(node).Reputation.ProbesFailed)
	require.EqualValues(t, 100, f.outage(node))
	require.EqualValues(t, 20_000_000, f.load(node).Stake.Int64(), "nothing is slashed")
	require.False(t, f.load(node).Jailed)

	f.block(50)
	set(false)
	require.Len(t, told[*types.EventNodeReachable](f), 1)
	require.EqualValues(t, 150, f.outage(node))
	require.True(t, view().Online)
	f.mustSubmit(submission(customer))
	require.EqualValues(t, 2, f.load(node).Reputation.ProbesFailed, "marks only grow")

	// Its report runs out while it is unreachable: being reached does not bring it back.
	set(true)
	f.block(1_800)
	set(false)
	require.Empty(t, f.load(node).Listing.Keys)
	require.ErrorIs(t, f.k.SetUnreachable(f.ctx, operator, true), types.ErrNodeNotFound)
}

func TestNodesAfter(t *testing.T) {
	f := newFixture(t)
	operator := f.account("operator", 100_000_000)
	for i := range 5 {
		f.node(i, operator, offer(1))
	}
	all, err := f.k.NodesAfter(f.ctx, nil, 10)
	require.NoError(t, err)
	require.Len(t, all, 5)
	some, err := f.k.NodesAfter(f.ctx, all[1], 2)
	require.NoError(t, err)
	require.Equal(t, all[2:4], some)
	none, err := f.k.NodesAfter(f.ctx, all[4], 2)
	require.NoError(t, err)
	require.Empty(t, none)
}

// An unreachable node is so on the chain that goes on from an export, too.
func TestUnreachableIsExported(t *testing.T) {
	f, _, _, node := market(t)
	f.block(10)
	require.NoError(t, f.k.SetUnreachable(f.ctx, sdk.MustAccAddressFromBech32(node), true))
	f.block(10)
	g, err := f.k.ExportGenesis(f.ctx)
	require.NoError(t, err)
	require.NoError(t, g.Validate())
	fresh := newFixture(t)
	fresh.ctx = fresh.ctx.WithBlockTime(f.ctx.BlockTime())
	fresh.bank.InitGenesis(fresh.ctx, f.bank.ExportGenesis(f.ctx))
	fresh.supply = f.supply
	require.NoError(t, fresh.k.InitGenesis(fresh.ctx, g))
	fresh.check()
	require.Equal(t, f.load(node).UnreachableSince, fresh.load(node).UnreachableSince)
	require.EqualValues(t, 10, fresh.outage(node))
	require.Empty(t, fresh.load(node).Listing.Keys)
	g.Nodes[0].UnreachableSince = -1
	require.ErrorIs(t, g.Validate(), types.ErrInvalidNode)
}
