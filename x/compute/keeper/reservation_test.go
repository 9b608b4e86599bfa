package keeper_test

import (
	"testing"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

func promise(name string, slots uint32, power uint64, stake int64) types.Reservation {
	return types.Reservation{Promise: name, Slots: slots, Power: power, Stake: math.NewInt(stake)}
}

func (f *fixture) setReservation(node string, r types.Reservation) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (struct{}, error) {
		return struct{}{}, f.k.SetReservation(ctx, sdk.MustAccAddressFromBech32(node), r)
	})
	return err
}

// reserved is what stands in the ledger under a promise; nil is nothing.
func (f *fixture) reserved(node, name string) *types.Reservation {
	f.t.Helper()
	key := collections.Join(sdk.MustAccAddressFromBech32(node), name)
	known, err := f.k.Reservations.Has(f.ctx, key)
	require.NoError(f.t, err)
	if !known {
		return nil
	}
	r, err := f.k.Reservations.Get(f.ctx, key)
	require.NoError(f.t, err)
	return &r
}

// promises lists the whole ledger.
func (f *fixture) promises() []types.Reservation {
	f.t.Helper()
	iter, err := f.k.Reservations.Iterate(f.ctx, nil)
	require.NoError(f.t, err)
	list, err := iter.Values()
	require.NoError(f.t, err)
	return list
}

func TestSetReservation(t *testing.T) {
	const name = "cover/x"
	jail := func(f *fixture, operator sdk.AccAddress, node string) {
		require.NoError(f.t, f.k.Jail(f.ctx, sdk.MustAccAddressFromBech32(node), f.ctx.BlockTime().Unix()+60, "test"))
	}
	retire := func(f *fixture, operator sdk.AccAddress, node string) {
		_, err := f.retire(operator, node, true)
		require.NoError(f.t, err)
	}
	slashed := func(f *fixture, operator sdk.AccAddress, node string) { f.slash(node, 15_000_000) }
	// The node has 2 slots, 1,000 micro-E and 20 EMC of stake; name has promised
	// 1 slot, 600 and 8 EMC of it, another promise 1 EMC.
	for _, tc := range []struct {
		name   string
		before func(f *fixture, operator sdk.AccAddress, node string)
		set    types.Reservation
		err    error
	}{
		{"success - a new one", nil, promise("cover/y", 1, 400, 11_000_000), nil},
		{"success - more of everything that is left", nil, promise(name, 2, 1_000, 19_000_000), nil},
		{"success - less of everything", nil, promise(name, 0, 1, 1), nil},
		{"success - the same again", nil, promise(name, 1, 600, 8_000_000), nil},
		{"success - more of one, less of another", nil, promise(name, 2, 0, 1), nil},
		{"success - released", nil, promise(name, 0, 0, 0), nil},
		{"success - nothing is released", nil, promise("cover/y", 0, 0, 0), nil},
		{"success - more while jailed, covered", jail, promise(name, 1, 600, 19_000_000), nil},
		{"success - less while jailed", jail, promise(name, 1, 600, 7_000_000), nil},
		{"success - released while jailed", jail, promise(name, 0, 0, 0), nil},
		{"success - less than a slash has uncovered, still too much", slashed, promise(name, 1, 600, 7_000_000), nil},
		{"success - less stake, more slots, after a slash", slashed, promise(name, 2, 600, 7_000_000), nil},
		{"success - less while retiring", retire, promise(name, 1, 0, 8_000_000), nil},
		{"success - released while retiring, another promise stays", retire, promise(name, 0, 0, 0), nil},
		{"error - more slots than there are", nil, promise(name, 3, 600, 8_000_000), types.ErrReserved},
		{"error - more power than is left", nil, promise(name, 1, 1_001, 8_000_000), types.ErrReserved},
		{"error - power, overflowing", nil, promise(name, 1, ^uint64(0), 8_000_000), types.ErrReserved},
		{"error - more stake than is left", nil, promise(name, 1, 600, 19_000_001), types.ErrReserved},
		{"error - a new one of more than is left", nil, promise("cover/y", 0, 0, 11_000_001), types.ErrReserved},
		{"error - more stake after a slash", slashed, promise(name, 1, 600, 8_000_001), types.ErrReserved},
		{"error - more while retiring", retire, promise(name, 2, 600, 8_000_000), types.ErrRetiring},
		{"error - more of one, less of another while retiring", retire, promise(name, 0, 601, 0), types.ErrRetiring},
		{"error - a new one while retiring", retire, promise("cover/y", 1, 0, 0), types.ErrRetiring},
		{"error - negative stake", nil, promise(name, 1, 600, -1), types.ErrInvalidAmount},
		{"error - missing stake", nil, types.Reservation{Promise: name, Slots: 1}, types.ErrInvalidAmount},
		{"error - no name", nil, promise("", 1, 0, 0), types.ErrInvalidNode},
		{"error - a job's name", nil, promise("job/x", 1, 0, 0), types.ErrInvalidNode},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			operator := f.account("operator", 100_000_000)
			node := f.node(1, operator, offer(1))
			f.power(node, 1_000)
			require.NoError(t, f.stake(operator, node, coin(20_000_000)))
			require.NoError(t, f.setReservation(node, promise(name, 1, 600, 8_000_000)))
			require.NoError(t, f.setReservation(node, promise("cover/other", 0, 0, 1_000_000)))
			if tc.before != nil {
				tc.before(f, operator, node)
			}
			was, ledger := f.load(node), f.reserved(node, tc.set.Promise)
			money := f.balance(operator)
			err := f.setReservation(node, tc.set)
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, money, f.balance(operator), "promises move no money")
			if tc.err != nil {
				require.Equal(t, was, f.load(node))
				require.Equal(t, ledger, f.reserved(node, tc.set.Promise))
				return
			}
			n := f.load(node)
			require.Equal(t, was.Jailed, n.Jailed)
			require.Equal(t, was.Stake, n.Stake)
			if !tc.set.Binds() {
				require.Nil(t, f.reserved(node, tc.set.Promise))
				return
			}
			want := tc.set
			want.Node = node
			require.Equal(t, &want, f.reserved(node, tc.set.Promise))
		})
	}
}

// A node that leaves does so with its last promise, whichever call ends it.
func TestSetReservationRetires(t *testing.T) {
	f := newFixture(t)
	operator := f.account("operator", 100_000_000)
	node := f.router(1, operator, 20_000_000)
	require.NoError(t, f.setReservation(node, promise("cover/x", 0, 0, 8_000_000)))
	retired, err := f.retire(operator, node, true)
	require.NoError(t, err)
	require.False(t, retired)
	require.NoError(t, f.setReservation(node, promise("cover/x", 0, 0, 0)))
	_, err = f.k.Node(f.ctx, sdk.MustAccAddressFromBech32(node))
	require.ErrorIs(t, err, types.ErrNodeNotFound)
	require.Equal(t, []*types.EventNodeRetired{{Node: node, Operator: operator.String()}}, told[*types.EventNodeRetired](f))
	require.Equal(t, int64(80_000_000), f.balance(operator), "the deposit is back, the stake unbonds")

	require.NoError(t, f.setReservation(node, promise("cover/x", 0, 0, 0)), "it has ended by itself already")
	require.ErrorIs(t, f.setReservation(node, promise("cover/x", 0, 0, 1)), types.ErrNodeNotFound)
}

func TestReserveRefusesJobNames(t *testing.T) {
	f := newFixture(t)
	node := f.node(1, f.account("operator", 100_000_000), offer(1))
	require.ErrorIs(t, f.k.Reserve(f.ctx, sdk.MustAccAddressFromBech32(node), promise("job/x", 1, 0, 0)), types.ErrInvalidNode)
	require.ErrorIs(t, f.k.Reserve(f.ctx, sdk.MustAccAddressFromBech32(node), types.Reservation{Promise: "lease/1", Slots: 1}), types.ErrInvalidAmount)
	f.check()
}
