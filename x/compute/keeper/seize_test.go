package keeper_test

import (
	"errors"
	"strings"
	"testing"

	"cosmossdk.io/math"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/escrow"
	"github.com/edgematrix/emc/x/compute/types"
)

func (f *fixture) seize(node, name string, uemc int64, to sdk.AccAddress) (int64, error) {
	f.t.Helper()
	paid, err := atomically(f, func(ctx sdk.Context) (math.Int, error) {
		return f.k.Seize(ctx, sdk.MustAccAddressFromBech32(node), name, math.NewInt(uemc), to, "over-issue")
	})
	return paid.Int64(), err
}

func TestSeize(t *testing.T) {
	// The router has 20 EMC of stake and promised 8 of it to x and 5 to y.
	for _, tc := range []struct {
		name   string
		slash  int64
		retire bool
		jail   bool
		from   string
		amount int64
		paid   int64
		left   int64 // of the promise; 0: it is gone
	}{
		{"success - a part", 0, false, false, "cover/x", 3_000_000, 3_000_000, 5_000_000},
		{"success - all of it", 0, false, false, "cover/x", 8_000_000, 8_000_000, 0},
		{"success - never more than the promise", 0, false, false, "cover/x", 20_000_000, 8_000_000, 0},
		{"success - never more than the stake", 16_000_000, false, true, "cover/x", 8_000_000, 4_000_000, 4_000_000},
		{"success - all that a slash has left, and all of the promise", 12_000_000, false, true, "cover/x", 9_000_000, 8_000_000, 0},
		{"success - from a jailed node", 0, false, true, "cover/x", 1, 1, 7_999_999},
		{"success - from a retiring node", 0, true, false, "cover/x", 8_000_000, 8_000_000, 0},
		{"success - nothing is promised", 0, false, false, "cover/z", 1, 0, 0},
		{"success - nothing is left", 20_000_000, false, true, "cover/x", 8_000_000, 0, 8_000_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			operator, harmed := f.account("operator", 100_000_000), f.account("harmed", 1)
			node := f.router(1, operator, 20_000_000)
			require.NoError(t, f.setReservation(node, promise("cover/x", 0, 0, 8_000_000)))
			require.NoError(t, f.setReservation(node, promise("cover/y", 0, 0, 5_000_000)))
			if tc.slash > 0 {
				f.slash(node, tc.slash)
			}
			if tc.jail {
				require.NoError(t, f.k.Jail(f.ctx, sdk.MustAccAddressFromBech32(node), 0, "test"))
			}
			if tc.retire {
				_, err := f.retire(operator, node, true)
				require.NoError(t, err)
			}
			was := f.load(node)
			f.hooks.calls = nil

			paid, err := f.seize(node, tc.from, tc.amount, harmed)
			require.NoError(t, err)
			require.Equal(t, tc.paid, paid)
			require.Equal(t, 1+tc.paid, f.balance(harmed))
			n := f.load(node)
			require.Equal(t, tc.paid, was.Stake.Sub(n.Stake).Int64())
			require.Equal(t, tc.paid, was.ReservedStake.Sub(n.ReservedStake).Int64())
			require.Equal(t, was.Jailed, n.Jailed, "no promise is covered any worse")
			require.Equal(t, int64(5_000_000), f.reserved(node, "cover/y").Stake.Int64())
			if tc.left == 0 {
				require.Nil(t, f.reserved(node, tc.from))
			} else {
				require.Equal(t, tc.left, f.reserved(node, tc.from).Stake.Int64())
			}
			if tc.paid == 0 {
				require.Empty(t, told[*types.EventStakeSeized](f))
				require.Empty(t, f.hooks.calls)
				return
			}
			require.Equal(t, []*types.EventStakeSeized{{
				Node: node, Promise: tc.from, To: harmed.String(), Amount: coin(tc.paid).String(), Reason: "over-issue",
			}}, told[*types.EventStakeSeized](f))
			short := max(n.ReservedStake.Sub(n.Stake).Int64(), 0)
			require.Equal(t, []string{"slashed " + math.NewInt(tc.paid).String() + " short " + math.NewInt(short).String()}, f.hooks.calls)
			slashes, err := f.query.Slashes(f.ctx, &types.QuerySlashesRequest{Node: node})
			require.NoError(t, err)
			require.Len(t, slashes.Slashes, int(min(tc.slash, 1)), "nothing was burned, no slash is recorded")
		})
	}
}

func TestSeizeBadInput(t *testing.T) {
	f := newFixture(t)
	operator, harmed := f.account("operator", 100_000_000), f.account("harmed", 0)
	node := f.router(1, operator, 20_000_000)
	addr := sdk.MustAccAddressFromBech32(node)
	require.NoError(t, f.setReservation(node, promise("cover/x", 0, 0, 8_000_000)))
	was := f.load(node)
	broken := errors.New("a later module is broken")
	for _, tc := range []struct {
		name   string
		amount math.Int
		to     sdk.AccAddress
		reason string
		hook   error
		err    error
	}{
		{"error - nothing", math.ZeroInt(), harmed, "", nil, types.ErrInvalidAmount},
		{"error - less than nothing", math.NewInt(-1), harmed, "", nil, types.ErrInvalidAmount},
		{"error - no amount", math.Int{}, harmed, "", nil, types.ErrInvalidAmount},
		{"error - no recipient", math.OneInt(), nil, "", nil, types.ErrInvalidNode},
		{"error - overlong reason", math.OneInt(), harmed, strings.Repeat("x", 257), nil, types.ErrInvalidNode},
		{"error - a hook", math.OneInt(), harmed, "", broken, broken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f.hooks.fail = tc.hook
			defer func() { f.hooks.fail = nil }()
			paid, err := atomically(f, func(ctx sdk.Context) (math.Int, error) {
				return f.k.Seize(ctx, addr, "cover/x", tc.amount, tc.to, tc.reason)
			})
			require.ErrorIs(t, err, tc.err)
			require.True(t, paid.IsZero())
			require.Equal(t, was, f.load(node))
			require.Zero(t, f.balance(harmed))
		})
	}
}

// A promise that holds a slot besides is not over when its stake is.
func TestSeizeLeavesTheSlots(t *testing.T) {
	f := newFixture(t)
	operator, harmed := f.account("operator", 100_000_000), f.account("harmed", 0)
	node := f.node(1, operator, offer(1))
	require.NoError(t, f.stake(operator, node, coin(10_000_000)))
	require.NoError(t, f.setReservation(node, promise("lease/1", 1, 0, 8_000_000)))
	paid, err := f.seize(node, "lease/1", 8_000_000, harmed)
	require.NoError(t, err)
	require.Equal(t, int64(8_000_000), paid)
	require.Equal(t, uint32(1), f.reserved(node, "lease/1").Slots)
	require.True(t, f.reserved(node, "lease/1").Stake.IsZero())
	require.ErrorIs(t, f.stake(operator, node, coin(1)), types.ErrStakeTooSmall, "who is below the minimum brings all of it")
}

// What is seized of the last promise lets a retiring node go, once; a second
// voucher against it finds nothing.
func TestSeizeRetires(t *testing.T) {
	f := newFixture(t)
	operator := f.account("operator", 100_000_000)
	node := f.router(1, operator, 20_000_000)
	require.NoError(t, f.setReservation(node, promise("cover/x", 0, 0, 8_000_000)))
	_, err := f.retire(operator, node, true)
	require.NoError(t, err)

	deal := types.JobEscrow("another module's deal")
	paid, err := atomically(f, func(ctx sdk.Context) (math.Int, error) {
		return f.k.Seize(escrow.To(ctx, deal), sdk.MustAccAddressFromBech32(node), "cover/x", math.NewInt(9_000_000), deal, "over-issue")
	})
	require.NoError(t, err)
	require.Equal(t, int64(8_000_000), paid.Int64())
	require.Equal(t, int64(8_000_000), f.balance(deal))
	require.False(t, f.accounts.HasAccount(f.ctx, deal), "a marked context makes no account")
	_, err = f.k.Node(f.ctx, sdk.MustAccAddressFromBech32(node))
	require.ErrorIs(t, err, types.ErrNodeNotFound)
	again, err := f.seize(node, "cover/x", 1, operator)
	require.NoError(t, err)
	require.Zero(t, again)

	f.block(15 * 86_400)
	require.Equal(t, int64(92_000_000), f.balance(operator), "the rest unbonds as ever")
}
