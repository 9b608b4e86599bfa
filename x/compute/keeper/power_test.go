package keeper_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// power gives a node proven power in micro-E.
func (f *fixture) power(node string, micro uint64) {
	f.t.Helper()
	require.NoError(f.t, f.k.SetPower(f.ctx, sdk.MustAccAddressFromBech32(node), micro))
	f.check()
}

// powerful asks for a slot with so many micro-E.
func powerful(customer sdk.AccAddress, micro uint64) *types.MsgSubmitJob {
	m := submission(customer)
	m.Requirements.MinSlotPower = micro
	return m
}

func TestPriceOfPower(t *testing.T) {
	for _, tc := range []struct {
		price, slots, power, want int64
	}{
		{3_600_000, 1, 1_000_000, 3_600_000},
		{3_600_000, 4, 2_000_000, 7_200_000},
		{1, 1, 3_000_000, 1}, // rounded up
		{10, 3, 7_000_000, 5},
		{1, 1, 1, 1_000_000},
		{0, 2, 5, 0},
	} {
		n := types.Node{Power: uint64(tc.power), Offer: types.Offer{Slots: uint32(tc.slots), SlotHourPrice: coin(tc.price)}}
		got, ok := types.EHourPrice(n)
		require.True(t, ok)
		require.Equal(t, tc.want, got.Int64(), "%+v", tc)
		require.Equal(t, coin(tc.want).String(), types.EHourPriceWord(n))
	}
	_, ok := types.EHourPrice(types.Node{Offer: offer(1)})
	require.False(t, ok)
	require.Empty(t, types.EHourPriceWord(types.Node{Offer: offer(1)}))
	dear := types.Node{Power: 1, Offer: types.Offer{Slots: types.MaxSlots, SlotHourPrice: coin(types.MaxAmount)}}
	got, _ := types.EHourPrice(dear)
	require.Equal(t, math.NewInt(types.MaxAmount).MulRaw(types.MaxSlots).MulRaw(1_000_000), got)
}

func TestJobReservesItsPower(t *testing.T) {
	f, operator, customer, node := market(t) // two slots
	_, err := f.submit(powerful(customer, 1))
	require.ErrorIs(t, err, types.ErrNoNodeFits)
	require.ErrorContains(t, err, "needs a slot with 0.000001 E of proven power, a slot has 0 E")

	f.power(node, 1_000_000)
	_, err = f.submit(powerful(customer, 500_001))
	require.ErrorContains(t, err, "needs a slot with 0.500001 E of proven power, a slot has 0.5 E")
	res := f.mustSubmit(powerful(customer, 400_000))
	require.EqualValues(t, 400_000, f.load(node).ReservedPower)
	f.mustSubmit(submission(customer))
	require.EqualValues(t, 400_000, f.load(node).ReservedPower, "who asks for no power reserves none")
	require.NoError(t, f.cancel(customer.String(), res.Job))
	require.Zero(t, f.load(node).ReservedPower)

	// Power that a lease or a socket was promised is not given to a job.
	addr := sdk.MustAccAddressFromBech32(node)
	require.NoError(t, f.k.Reserve(f.ctx, addr, types.Reservation{Promise: "lease/1", Power: 700_000, Stake: math.ZeroInt()}))
	f.check()
	_, err = f.submit(powerful(customer, 400_000))
	require.ErrorIs(t, err, types.ErrNoNodeFits)
	require.ErrorContains(t, err, "needs 0.4 E of proven power, 0.3 E of 1 E are not promised yet")
	m := powerful(customer, 400_000)
	m.Node = node
	_, err = f.submit(m)
	require.ErrorContains(t, err, "needs 0.4 E of proven power, 0.3 E of 1 E are not promised yet")
	running := f.mustSubmit(powerful(customer, 300_000))

	// Power that falls below what is promised takes nothing from a job that has it.
	f.power(node, 100_000)
	require.Equal(t, node, f.job(running.Job).Node)
	require.NoError(t, f.k.Release(f.ctx, addr, "lease/1"))
	f.check()
	_, err = f.msg.UpdateNode(f.ctx, &types.MsgUpdateNode{Operator: operator.String(), Node: node, Offer: offer(3_600_000)})
	require.NoError(t, err)
	f.check()
	require.NoError(t, f.cancel(customer.String(), running.Job))
	require.Zero(t, f.load(node).ReservedPower)
}

func TestPassedOnJobReservesItsPowerAgain(t *testing.T) {
	f, operator, customer, first := market(t)
	second, weak := f.node(2, operator, offer(3_600_000)), f.node(3, operator, offer(100))
	f.power(first, 4_000_000)
	f.power(second, 2_000_000)
	f.power(weak, 10)
	res := f.mustSubmit(powerful(customer, 1_000_000))
	require.Equal(t, first, res.Node)
	_, err := f.msg.DeclineJob(f.ctx, &types.MsgDeclineJob{Node: first, Job: res.Job, Reason: "no"})
	require.NoError(t, err)
	f.check()
	require.Equal(t, second, f.job(res.Job).Node)
	require.Zero(t, f.load(first).ReservedPower)
	require.EqualValues(t, 1_000_000, f.load(second).ReservedPower)
}

func TestCheapestPowerWins(t *testing.T) {
	f, operator, customer, first := market(t) // 3.6 EMC an hour
	strong, equal, weak := f.node(2, operator, offer(4_000_000)), f.node(3, operator, offer(8_000_000)), f.node(4, operator, offer(10))
	f.power(first, 2_000_000)  // 3.6 EMC for one E
	f.power(strong, 4_000_000) // 2 EMC
	f.power(equal, 8_000_000)  // 2 EMC, and stands behind it
	m := powerful(customer, 1_000_000)
	m.MaxPrice = coin(1_500_000)
	match := func(req types.Requirements, node string) *types.QueryMatchResponse {
		res, err := f.query.Match(f.ctx, &types.QueryMatchRequest{App: "charlm", Node: node, MaxSeconds: 600, Requirements: req})
		require.NoError(t, err)
		return res
	}
	res := match(m.Requirements, "")
	require.Equal(t, strong, res.Node)
	require.Equal(t, "2000000uemc", res.EHourPrice)
	require.Equal(t, "cheapest by the price of one E for one hour, of those that fit among the 4 cheapest by slot-hour price", res.Chosen)
	for _, c := range res.Candidates {
		if c.Node == first {
			require.Equal(t, "3600000uemc", c.EHourPrice)
			require.EqualValues(t, 1_000_000, c.SlotPower)
		}
		if c.Node == weak {
			require.Empty(t, c.EHourPrice, "no power is proven")
			require.Zero(t, c.SlotPower)
		}
	}
	res = match(types.Requirements{}, "")
	require.Equal(t, weak, res.Node)
	require.Equal(t, "cheapest by slot-hour price", res.Chosen)
	require.Empty(t, res.EHourPrice)
	require.Equal(t, "named in the request", match(types.Requirements{}, first).Chosen)
	require.Empty(t, match(types.Requirements{Region: "US"}, "").Chosen)

	require.Equal(t, strong, f.mustSubmit(m).Node)
	require.Equal(t, strong, f.mustSubmit(m).Node)
	require.Equal(t, equal, f.mustSubmit(m).Node, "the other one is full")
	m.MaxPrice = coin(700_000)
	require.Equal(t, first, f.mustSubmit(m).Node, "the maximum price is a requirement, too")
	m.MaxPrice, m.Node = coin(1_500_000), first
	require.Equal(t, first, f.mustSubmit(m).Node, "a named node is not compared")
}

func TestPowerIsChosenAmongTheScannedAlone(t *testing.T) {
	f, operator, customer, first := market(t)
	p := types.DefaultParams()
	p.MaxScan = 2
	require.NoError(t, f.k.Params.Set(f.ctx, p))
	second, third := f.node(2, operator, offer(3_700_000)), f.node(3, operator, offer(3_800_000))
	f.power(first, 2_000_000)
	f.power(second, 3_000_000)
	f.power(third, 9_000_000)
	m := powerful(customer, 1)
	require.Equal(t, second, f.mustSubmit(m).Node, "the third is the cheapest by far, and was not looked at")
}

func TestNodeShowsItsPower(t *testing.T) {
	f, _, _, node := market(t)
	view := func() types.NodeView {
		res, err := f.query.Node(f.ctx, &types.QueryNodeRequest{Node: node})
		require.NoError(t, err)
		return res.Node
	}
	v := view()
	require.Empty(t, v.Power)
	require.Empty(t, v.EHourPrice)
	require.Zero(t, v.SlotPower)
	f.power(node, 1_500_001)
	v = view()
	require.Equal(t, "1.500001 E", v.Power)
	require.EqualValues(t, 1_500_001, v.Node.Power, "the stored number stays as it is")
	require.EqualValues(t, 750_000, v.SlotPower, "a half, rounded down")
	require.Equal(t, "4799997uemc", v.EHourPrice)
}
