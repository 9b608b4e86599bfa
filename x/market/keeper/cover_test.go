package keeper_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

func TestSetCover(t *testing.T) {
	s := newScene(newFixture(t))
	for _, c := range []struct {
		name                   string
		operator, router, node sdk.AccAddress
		amount                 int64
		err                    error
	}{
		{"error - not the operator", s.owner, s.router, s.node, cover, types.ErrNotOperator},
		{"error - the hot key itself", s.router, s.router, s.node, cover, types.ErrNotOperator},
		{"error - not registered", s.routing, s.owner, s.node, cover, types.ErrInvalidRouter},
		{"error - a computing node", s.mining, s.node, s.other, cover, types.ErrInvalidRouter},
		{"error - for itself", s.routing, s.router, s.router, cover, types.ErrInvalidRouter},
		{"error - too little", s.routing, s.router, s.node, 999_999, types.ErrInvalidAmount},
		{"error - negative", s.routing, s.router, s.node, -1, types.ErrInvalidAmount},
		{"error - more than the stake", s.routing, s.router2, s.node, 50_000_001, computetypes.ErrReserved},
		{"error - nothing to end", s.routing, s.router2, s.node, 0, types.ErrCoverNotFound},
		{"success - the whole stake", s.routing, s.router2, s.node, 50_000_000, nil},
		{"success - a node that is not registered", s.routing, s.router, s.owner, cover, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := s.setCover(c.operator, c.router, c.node, c.amount)
			require.ErrorIs(t, err, c.err)
		})
	}
}

// TestCoverInTimeOfNeed: a router cannot take its cover away before what a node
// accepted on it can be redeemed.
func TestCoverInTimeOfNeed(t *testing.T) {
	s := newScene(newFixture(t))
	accomplice := s.account("accomplice", 0)
	owed := s.honest().sign(s, s.voucher(s.router, s.node, cover, 7))
	s.redeem(s.honest().sign(s, s.voucher(s.router, accomplice, allotment, 1)))
	res := s.cover(s.router, s.node, 0)
	require.Equal(t, int64(startTime+3_600), res.LowersAt)
	counted, err := s.query.Cover(s.ctx, &types.QueryCoverRequest{Router: s.router.String(), Node: s.node.String()})
	require.NoError(t, err)
	require.True(t, counted.Counted.IsZero(), "a node counts on what it will be")
	_, err = s.nodes.Unstake(s.ctx, &computetypes.MsgUnstake{Operator: s.routing.String(), Node: s.router.String(), Amount: coin(50_000_000)})
	require.ErrorIs(t, err, computetypes.ErrReserved)
	_, err = s.nodes.RetireNode(s.ctx, &computetypes.MsgRetireNode{Operator: s.routing.String(), Node: s.router.String()})
	require.ErrorIs(t, err, computetypes.ErrLivePromises)
	s.pass(3_599)
	require.Equal(t, uint64(cover), s.redeem(owed)[0].FromCover)
}

func TestCoverLowers(t *testing.T) {
	s := newScene(newFixture(t))
	of := func() types.Cover {
		c, err := s.query.Cover(s.ctx, &types.QueryCoverRequest{Router: s.router.String(), Node: s.node.String()})
		require.NoError(t, err)
		return c.Cover
	}
	s.cover(s.router, s.node, 3_000_000)
	s.pass(1_000)
	s.cover(s.router, s.node, 2_000_000)
	require.Equal(t, int64(startTime+1_000+3_600), of().LowersAt, "lowered again: the time begins anew")
	s.pass(3_599)
	require.Equal(t, int64(cover), of().Amount.Int64())
	s.pass(1)
	require.Equal(t, int64(2_000_000), of().Amount.Int64())
	s.cover(s.router, s.node, 1_000_000)
	s.cover(s.router, s.node, 5_000_000)
	require.Zero(t, of().LowersAt, "raised: it does not fall any more")
	require.Equal(t, int64(5_000_000), of().Amount.Int64())
	s.cover(s.router, s.node, 0)
	s.pass(3_600)
	require.True(t, of().Amount.IsZero())
	covers, err := s.query.NodeCovers(s.ctx, &types.QueryNodeCoversRequest{Node: s.node.String()})
	require.NoError(t, err)
	require.Empty(t, covers.Covers)
}

// TestSeizedWhileLowering: what is paid from a cover that falls is taken from
// what it falls to last.
func TestSeizedWhileLowering(t *testing.T) {
	s := newScene(newFixture(t))
	s.redeem(s.honest().sign(s, s.voucher(s.router, s.account("accomplice", 0), allotment, 1)))
	s.cover(s.router, s.node, 3_000_000)
	require.Equal(t, uint64(500_000), s.redeem(s.honest().sign(s, s.voucher(s.router, s.node, 500_000, 1)))[0].FromCover)
	c, err := s.query.Cover(s.ctx, &types.QueryCoverRequest{Router: s.router.String(), Node: s.node.String()})
	require.NoError(t, err)
	require.Equal(t, int64(3_000_000), c.Cover.Lower.Int64())
	require.Equal(t, uint64(2_000_000), s.redeem(s.honest().sign(s, s.voucher(s.router, s.node, 2_500_000, 2)))[0].FromCover)
	s.pass(3_600)
	c, err = s.query.Cover(s.ctx, &types.QueryCoverRequest{Router: s.router.String(), Node: s.node.String()})
	require.NoError(t, err)
	require.Equal(t, int64(1_500_000), c.Cover.Amount.Int64())
}

// TestRouterRetires: a router leaves after its last cover, and what it
// co-signed before is redeemed all the same.
func TestRouterRetires(t *testing.T) {
	s := newScene(newFixture(t))
	v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 1))
	s.cover(s.router, s.node, 0)
	s.cover(s.router, s.other, 0)
	_, err := s.nodes.RetireNode(s.ctx, &computetypes.MsgRetireNode{Operator: s.routing.String(), Node: s.router.String(), WhenIdle: true})
	require.NoError(t, err)
	_, err = s.setCover(s.routing, s.router, s.other, cover+1)
	require.ErrorIs(t, err, computetypes.ErrRetiring)
	s.pass(3_600)
	_, err = s.compute.Node(s.ctx, s.router)
	require.ErrorIs(t, err, computetypes.ErrNodeNotFound)
	require.Zero(t, s.redeem(v)[0].Code)
	over := s.honest().sign(s, s.voucher(s.router, s.node, allotment+5, 2))
	require.Equal(t, uint64(5), s.redeem(over)[0].Unpaid, "nobody to jail")
	require.NoError(t, s.close(s.router), "its own account may close")
	s.pass(3_600)
	s.pass(600)
	require.Equal(t, int64(allotment*500/10_000), s.balance(s.router), "what it earned goes to its own account")
}
