package keeper_test

import (
	"strings"
	"testing"

	"cosmossdk.io/math"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

func (f *fixture) stake(operator sdk.AccAddress, node string, c sdk.Coin) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgStakeResponse, error) {
		return f.msg.Stake(ctx, &types.MsgStake{Operator: operator.String(), Node: node, Amount: c})
	})
	return err
}

func (f *fixture) unstake(operator sdk.AccAddress, node string, uemc int64) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgUnstakeResponse, error) {
		return f.msg.Unstake(ctx, &types.MsgUnstake{Operator: operator.String(), Node: node, Amount: coin(uemc)})
	})
	return err
}

func (f *fixture) retire(operator sdk.AccAddress, node string, whenIdle bool) (bool, error) {
	f.t.Helper()
	res, err := atomically(f, func(ctx sdk.Context) (*types.MsgRetireNodeResponse, error) {
		return f.msg.RetireNode(ctx, &types.MsgRetireNode{Operator: operator.String(), Node: node, WhenIdle: whenIdle})
	})
	return err == nil && res.Retired, err
}

func (f *fixture) slash(node string, uemc int64) math.Int {
	f.t.Helper()
	burned, err := f.k.Slash(f.ctx, sdk.MustAccAddressFromBech32(node), math.NewInt(uemc), "test", []byte("evidence"))
	require.NoError(f.t, err)
	f.supply = f.supply.Sub(burned)
	f.check()
	return burned
}

func TestRegisterBadInput(t *testing.T) {
	f := newFixture(t)
	operator, thief, poor := f.account("operator", 10_000_000), f.account("thief", 10_000_000), f.account("poor", 999_999)
	for _, tc := range []struct {
		name   string
		change func(*types.MsgRegisterNode)
		err    error
	}{
		{"error - somebody else's key", func(m *types.MsgRegisterNode) { m.Operator = thief.String() }, types.ErrInvalidKey},
		{"error - no signature", func(m *types.MsgRegisterNode) { m.KeySignature = nil }, types.ErrInvalidKey},
		{"error - another key's signature", func(m *types.MsgRegisterNode) { m.Pubkey = nodeKey(2).PubKey().Bytes() }, types.ErrInvalidKey},
		{"error - short key", func(m *types.MsgRegisterNode) { m.Pubkey = m.Pubkey[:32] }, types.ErrInvalidKey},
		{"error - no role", func(m *types.MsgRegisterNode) { m.Role = 0 }, types.ErrInvalidNode},
		{"error - no slots", func(m *types.MsgRegisterNode) { m.Offer.Slots = 0 }, types.ErrInvalidNode},
		{"error - serves nothing", func(m *types.MsgRegisterNode) { m.Offer.Runtimes = nil }, types.ErrInvalidNode},
		{"error - unknown runtime", func(m *types.MsgRegisterNode) { m.Offer.Runtimes = []string{"exe"} }, types.ErrInvalidApp},
		{"error - the same app twice", func(m *types.MsgRegisterNode) { m.Offer.Apps = []string{"charlm", "charlm"} }, types.ErrInvalidNode},
		{"error - region", func(m *types.MsgRegisterNode) { m.Offer.Region = "de" }, types.ErrInvalidNode},
		{"error - foreign price", func(m *types.MsgRegisterNode) { m.Offer.SlotHourPrice.Denom = "uatom" }, types.ErrInvalidAmount},
		{"error - negative price", func(m *types.MsgRegisterNode) { m.Offer.SlotHourPrice.Amount = math.NewInt(-1) }, types.ErrInvalidAmount},
		{"error - overlong words", func(m *types.MsgRegisterNode) { m.Offer.Hardware.CpuModel = strings.Repeat("x", 1000) }, types.ErrInvalidNode},
		{"error - bad operator", func(m *types.MsgRegisterNode) { m.Operator = "nobody" }, types.ErrInvalidNode},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := registration(nodeKey(1), operator, offer(1))
			tc.change(m)
			_, err := atomically(f, func(ctx sdk.Context) (*types.MsgRegisterNodeResponse, error) { return f.msg.RegisterNode(ctx, m) })
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, int64(10_000_000), f.balance(operator))
		})
	}
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgRegisterNodeResponse, error) {
		return f.msg.RegisterNode(ctx, registration(nodeKey(1), poor, offer(1)))
	})
	require.ErrorContains(t, err, "registration deposit")

	f.node(1, operator, offer(1))
	_, err = atomically(f, func(ctx sdk.Context) (*types.MsgRegisterNodeResponse, error) {
		return f.msg.RegisterNode(ctx, registration(nodeKey(1), operator, offer(1)))
	})
	require.ErrorIs(t, err, types.ErrNodeExists)
	// Replayed on another chain the same signature is worth nothing.
	_, err = f.msg.RegisterNode(f.ctx.WithChainID("emc-other-1"), registration(nodeKey(3), operator, offer(1)))
	require.ErrorIs(t, err, types.ErrInvalidKey)
}

func TestStake(t *testing.T) {
	f := newFixture(t)
	operator := f.account("operator", 100_000_000)
	node := f.node(1, operator, offer(1))

	require.ErrorIs(t, f.stake(operator, node, coin(0)), types.ErrInvalidAmount)
	require.ErrorIs(t, f.stake(operator, node, coin(9_999_999)), types.ErrStakeTooSmall)
	require.ErrorIs(t, f.stake(operator, node, sdk.Coin{Denom: "uatom", Amount: math.NewInt(10_000_000)}), types.ErrInvalidAmount)
	require.ErrorIs(t, f.stake(f.account("stranger", 50_000_000), node, coin(10_000_000)), types.ErrNotOperator)
	require.Error(t, f.stake(operator, node, coin(99_000_001)), "more than the operator has")
	require.NoError(t, f.stake(operator, node, coin(20_000_000)))

	require.NoError(t, f.k.Reserve(f.ctx, sdk.MustAccAddressFromBech32(node), types.Reservation{Promise: "lease/1", Stake: math.NewInt(8_000_000)}))
	f.check()
	require.ErrorIs(t, f.unstake(operator, node, 12_000_001), types.ErrReserved, "promised stake stays")
	require.ErrorIs(t, f.unstake(operator, node, 11_000_000), types.ErrStakeTooSmall)
	require.NoError(t, f.unstake(operator, node, 10_000_000))

	before := f.balance(operator)
	f.ctx = f.ctx.WithBlockTime(f.ctx.BlockTime().AddDate(0, 0, 13))
	f.block(1)
	require.Equal(t, before, f.balance(operator), "not before its time")
	f.ctx = f.ctx.WithBlockTime(f.ctx.BlockTime().AddDate(0, 0, 1))
	f.block(1)
	require.Equal(t, before+10_000_000, f.balance(operator))
}

func TestUnbondingsAreBounded(t *testing.T) {
	f := newFixture(t)
	operator := f.account("operator", 100_000_000)
	node := f.node(1, operator, offer(1))
	require.NoError(t, f.stake(operator, node, coin(50_000_000)))
	for range 16 {
		require.NoError(t, f.unstake(operator, node, 1))
	}
	require.ErrorIs(t, f.unstake(operator, node, 1), types.ErrTooManyEntries)
	retired, err := f.retire(operator, node, false)
	require.NoError(t, err)
	require.True(t, retired, "retirement always goes through")
	f.node(1, operator, offer(1))
	require.ErrorIs(t, f.stake(operator, node, coin(10_000_000)), types.ErrTooManyEntries, "no way around the bound")
}

func TestSlash(t *testing.T) {
	f := newFixture(t)
	operator := f.account("operator", 100_000_000)
	node := f.node(1, operator, offer(1))
	addr := sdk.MustAccAddressFromBech32(node)
	require.NoError(t, f.stake(operator, node, coin(40_000_000)))
	require.NoError(t, f.unstake(operator, node, 10_000_000))
	require.NoError(t, f.unstake(operator, node, 5_000_000))
	require.NoError(t, f.k.Reserve(f.ctx, addr, types.Reservation{Promise: "lease/1", Stake: math.NewInt(20_000_000)}))

	require.Equal(t, int64(30_000_000), f.slash(node, 30_000_000).Int64(), "stake first, then the newest unbonding")
	n := f.load(node)
	require.True(t, n.Stake.IsZero())
	require.True(t, n.Jailed, "the promise is no longer covered")
	require.Equal(t, "slashed 30000000 short 20000000", f.hooks.calls[0])

	unjail := func() error {
		_, err := atomically(f, func(ctx sdk.Context) (*types.MsgUnjailResponse, error) {
			return f.msg.Unjail(ctx, &types.MsgUnjail{Operator: operator.String(), Node: node})
		})
		return err
	}
	require.ErrorIs(t, unjail(), types.ErrStakeTooSmall)
	require.NoError(t, f.stake(operator, node, coin(20_000_000)))
	require.NoError(t, unjail())
	require.ErrorIs(t, unjail(), types.ErrNotJailed)

	require.Equal(t, int64(20_000_000+10_000_000), f.slash(node, 100_000_000).Int64(), "15 unbonded, 5 of it burned above")
	res, err := f.query.Slashes(f.ctx, &types.QuerySlashesRequest{Node: node})
	require.NoError(t, err)
	require.Len(t, res.Slashes, 2)
	require.Equal(t, []byte("evidence"), res.Slashes[1].Evidence)

	_, err = f.k.Slash(f.ctx, addr, math.ZeroInt(), "", nil)
	require.ErrorIs(t, err, types.ErrInvalidAmount)
	_, err = f.k.Slash(f.ctx, addr, math.OneInt(), "", make([]byte, 2000))
	require.ErrorIs(t, err, types.ErrInvalidNode)
}

func TestSlashAfterRetirement(t *testing.T) {
	f := newFixture(t)
	operator := f.account("operator", 100_000_000)
	node := f.node(1, operator, offer(1))
	require.NoError(t, f.stake(operator, node, coin(20_000_000)))
	retired, err := f.retire(operator, node, false)
	require.NoError(t, err)
	require.True(t, retired)
	require.Equal(t, int64(15_000_000), f.slash(node, 15_000_000).Int64())

	// The node comes back: numbers of old entries are not reused.
	f.node(1, operator, offer(1))
	require.NoError(t, f.stake(operator, node, coin(20_000_000)))
	require.NoError(t, f.unstake(operator, node, 10_000_000))
	f.slash(node, 1)
	open, err := f.query.Unbondings(f.ctx, &types.QueryUnbondingsRequest{Node: node})
	require.NoError(t, err)
	require.Len(t, open.Unbondings, 2)
}

func TestJail(t *testing.T) {
	f, operator, customer, node := market(t)
	until := f.ctx.BlockTime().Unix() + 100
	require.NoError(t, f.k.Jail(f.ctx, sdk.MustAccAddressFromBech32(node), until, "test"))
	f.check()
	_, err := f.submit(submission(customer))
	require.ErrorIs(t, err, types.ErrNoNodeFits)
	_, err = f.msg.Unjail(f.ctx, &types.MsgUnjail{Operator: operator.String(), Node: node})
	require.ErrorIs(t, err, types.ErrStillJailed)
	f.pass(100)
	_, err = f.msg.Unjail(f.ctx, &types.MsgUnjail{Operator: operator.String(), Node: node})
	require.NoError(t, err)
	f.mustSubmit(submission(customer))
}

func TestRetire(t *testing.T) {
	f, operator, customer, node := market(t)
	before := f.balance(operator)
	res := f.running(submission(customer))
	_, err := f.retire(operator, node, false)
	require.ErrorIs(t, err, types.ErrLivePromises)
	_, err = f.retire(customer, node, true)
	require.ErrorIs(t, err, types.ErrNotOperator)
	retired, err := f.retire(operator, node, true)
	require.NoError(t, err)
	require.False(t, retired)
	_, err = f.submit(submission(customer))
	require.ErrorIs(t, err, types.ErrNoNodeFits)
	require.ErrorIs(t, f.stake(operator, node, coin(10_000_000)), types.ErrRetiring)

	require.NoError(t, f.finish(node, res.Job, receipt(1)))
	_, err = f.k.Node(f.ctx, sdk.MustAccAddressFromBech32(node))
	require.ErrorIs(t, err, types.ErrNodeNotFound, "it left with its last promise")
	require.Equal(t, before+1_000_000, f.balance(operator), "the deposit came back")
	require.NoError(t, f.accept(customer.String(), res.Job), "a job outlives its node")
	require.Equal(t, before+1_000_000+5_000, f.balance(operator))
}

func TestOnlineRunsOut(t *testing.T) {
	f, _, customer, node := market(t)
	f.pass(30*60 - 1)
	f.mustSubmit(submission(customer))
	f.pass(1)
	_, err := f.submit(submission(customer))
	require.ErrorIs(t, err, types.ErrNoNodeFits)
	require.Empty(t, f.load(node).Listing.Keys, "out of the index without anyone's message")
	f.report(node)
	f.pass(10)
	f.report(node)
}

func TestDrain(t *testing.T) {
	f, _, customer, node := market(t)
	_, err := f.msg.ReportStatus(f.ctx, &types.MsgReportStatus{Node: node, Accepting: false})
	require.NoError(t, err)
	f.check()
	_, err = f.submit(submission(customer))
	require.ErrorIs(t, err, types.ErrNoNodeFits)
	m := submission(customer)
	m.Node = node
	_, err = f.submit(m)
	require.ErrorContains(t, err, "draining")
	_, err = f.msg.ReportStatus(f.ctx, &types.MsgReportStatus{Node: node, Endpoints: []string{"http://x"}})
	require.ErrorIs(t, err, types.ErrInvalidNode)
}

func TestLedgerOfPromises(t *testing.T) {
	f := newFixture(t)
	operator := f.account("operator", 100_000_000)
	node := f.node(1, operator, offer(1))
	addr := sdk.MustAccAddressFromBech32(node)
	require.NoError(t, f.k.SetPower(f.ctx, addr, 1_000))
	reserve := func(promise string, slots uint32, power uint64, stake int64) error {
		_, err := atomically(f, func(ctx sdk.Context) (struct{}, error) {
			return struct{}{}, f.k.Reserve(ctx, addr, types.Reservation{Promise: promise, Slots: slots, Power: power, Stake: math.NewInt(stake)})
		})
		return err
	}
	require.NoError(t, reserve("socket/1", 1, 600, 0))
	require.ErrorIs(t, reserve("socket/1", 0, 0, 0), types.ErrReservationKnown)
	require.ErrorIs(t, reserve("socket/2", 2, 0, 0), types.ErrReserved, "slots")
	require.ErrorIs(t, reserve("socket/2", 0, 401, 0), types.ErrReserved, "power")
	require.ErrorIs(t, reserve("socket/2", 0, ^uint64(0), 0), types.ErrReserved, "power, overflowing")
	require.ErrorIs(t, reserve("socket/2", 0, 0, 1), types.ErrReserved, "stake")
	require.NoError(t, reserve("socket/2", 1, 400, 0))
	require.NoError(t, f.k.SetPower(f.ctx, addr, 10), "power may fall below what is promised; new promises are refused")
	require.ErrorIs(t, reserve("socket/3", 0, 1, 0), types.ErrReserved)
	_, err := f.retire(operator, node, false)
	require.ErrorIs(t, err, types.ErrLivePromises)
	_, err = f.retire(operator, node, true)
	require.NoError(t, err)
	require.ErrorIs(t, reserve("socket/3", 0, 0, 0), types.ErrRetiring)
	require.NoError(t, f.k.Release(f.ctx, addr, "socket/1"))
	f.check()
	require.Error(t, f.k.Release(f.ctx, addr, "socket/1"), "twice")
	require.NoError(t, f.k.Release(f.ctx, addr, "socket/2"))
	f.check()
	_, err = f.k.Node(f.ctx, addr)
	require.ErrorIs(t, err, types.ErrNodeNotFound)
}

func TestUpdateNode(t *testing.T) {
	f, operator, customer, node := market(t)
	res := f.running(submission(customer))
	cheaper := offer(1_800_000)
	cheaper.Slots = 1
	_, err := f.msg.UpdateNode(f.ctx, &types.MsgUpdateNode{Operator: customer.String(), Node: node, Offer: cheaper})
	require.ErrorIs(t, err, types.ErrNotOperator)
	_, err = f.msg.UpdateNode(f.ctx, &types.MsgUpdateNode{Operator: operator.String(), Node: node, Offer: cheaper})
	require.NoError(t, err)
	f.check()
	require.Zero(t, f.load(node).FreeSlots())
	f.pass(10)
	require.NoError(t, f.finish(node, res.Job, receipt(10)))
	require.Equal(t, int64(10_000), f.job(res.Job).Paid.Amount.Int64(), "a running job keeps its price")
}
