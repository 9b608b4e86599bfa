package keeper_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

func TestRouterRegisters(t *testing.T) {
	f, operator, customer, node := market(t)
	for _, tc := range []struct {
		name   string
		change func(*types.MsgRegisterNode)
		err    error
	}{
		{"error - slots", func(m *types.MsgRegisterNode) { m.Offer.Slots = 1 }, types.ErrInvalidNode},
		{"error - an app", func(m *types.MsgRegisterNode) { m.Offer.Apps = []string{"charlm"} }, types.ErrInvalidNode},
		{"error - a runtime", func(m *types.MsgRegisterNode) { m.Offer.Runtimes = []string{types.RuntimeWasm} }, types.ErrInvalidNode},
		{"error - a price", func(m *types.MsgRegisterNode) { m.Offer.SlotHourPrice = coin(1) }, types.ErrInvalidNode},
		{"error - no price", func(m *types.MsgRegisterNode) { m.Offer.SlotHourPrice = sdk.Coin{} }, types.ErrInvalidAmount},
		{"error - foreign price", func(m *types.MsgRegisterNode) { m.Offer.SlotHourPrice.Denom = "uatom" }, types.ErrInvalidAmount},
		{"error - isolation", func(m *types.MsgRegisterNode) { m.Offer.Isolation = 1 }, types.ErrInvalidNode},
		{"error - egress", func(m *types.MsgRegisterNode) { m.Offer.Egress = true }, types.ErrInvalidNode},
		{"error - region", func(m *types.MsgRegisterNode) { m.Offer.Region = "de" }, types.ErrInvalidNode},
		{"error - hardware", func(m *types.MsgRegisterNode) { m.Offer.Hardware.Gpus = make([]types.Gpu, 1) }, types.ErrInvalidNode},
		{"error - a router's offer for a computing node", func(m *types.MsgRegisterNode) { m.Role = types.ROLE_COMPUTING }, types.ErrInvalidNode},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := registration(nodeKey(7), operator, routerOffer())
			m.Role = types.ROLE_ROUTER
			tc.change(m)
			before := f.balance(operator)
			_, err := atomically(f, func(ctx sdk.Context) (*types.MsgRegisterNodeResponse, error) { return f.msg.RegisterNode(ctx, m) })
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, before, f.balance(operator))
		})
	}

	router := f.router(7, operator, 20_000_000)
	n := f.load(router)
	require.Equal(t, types.ROLE_ROUTER, n.Role)
	require.Equal(t, int64(20_000_000), n.Stake.Int64())
	require.Empty(t, n.Listing.Keys, "no job may find a router")
	require.Zero(t, n.FreeSlots())
	m := submission(customer)
	require.Equal(t, node, f.mustSubmit(m).Node)
	m.Node = router
	_, err := f.submit(m)
	require.ErrorIs(t, err, types.ErrNoNodeFits)
	require.ErrorContains(t, err, "is not a computing node")
	match, err := f.query.Match(f.ctx, &types.QueryMatchRequest{App: "charlm", MaxSeconds: 60})
	require.NoError(t, err)
	require.Equal(t, node, match.Node)
	require.Len(t, match.Candidates, 2)
}

// A role never changes, and so neither does what a node may offer.
func TestUpdateNodeKeepsTheRole(t *testing.T) {
	f, operator, _, node := market(t)
	router := f.router(7, operator, 0)
	elsewhere := routerOffer()
	elsewhere.Region, elsewhere.Hardware.CpuCores = "FR", 2
	for _, tc := range []struct {
		name  string
		node  string
		offer types.Offer
		err   error
	}{
		{"success - a router moves", router, elsewhere, nil},
		{"success - a node's price", node, offer(5), nil},
		{"error - a router sells slots", router, offer(1), types.ErrInvalidNode},
		{"error - a computing node sells none", node, elsewhere, types.ErrInvalidNode},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := f.load(tc.node).Offer
			_, err := atomically(f, func(ctx sdk.Context) (*types.MsgUpdateNodeResponse, error) {
				return f.msg.UpdateNode(ctx, &types.MsgUpdateNode{Operator: operator.String(), Node: tc.node, Offer: tc.offer})
			})
			require.ErrorIs(t, err, tc.err)
			if tc.err != nil {
				require.Equal(t, before, f.load(tc.node).Offer)
				return
			}
			require.Equal(t, tc.offer, f.load(tc.node).Offer)
			require.Equal(t, []*types.EventNodeUpdated{{Node: tc.node}}, told[*types.EventNodeUpdated](f))
			f.block(1)
		})
	}
}
