package keeper

import (
	"context"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// MaxUnbondings bounds the open unbondings of a node, and with them the work
// of a slash.
const MaxUnbondings = 16

// addStake counts new stake in n. The coins are moved by the caller.
func addStake(p types.Params, n *types.Node, amount math.Int) error {
	total := n.Stake.Add(amount)
	if total.LT(p.MinStake.Amount) {
		return errorsmod.Wrapf(types.ErrStakeTooSmall, "a staked node needs at least %s, it would have %s%s", p.MinStake, total, types.Denom)
	}
	n.Stake = total
	return nil
}

// checkUnstake allows only free stake to leave, and either all of the stake or
// so little that the minimum stays.
func checkUnstake(p types.Params, n types.Node, amount math.Int) error {
	free := n.Stake.Sub(n.ReservedStake)
	if amount.GT(free) {
		return errorsmod.Wrapf(types.ErrReserved, "free stake is %s%s (%s of %s are promised), got %s", math.MaxInt(free, math.ZeroInt()), types.Denom, n.ReservedStake, n.Stake, amount)
	}
	rest := n.Stake.Sub(amount)
	if rest.IsPositive() && rest.LT(p.MinStake.Amount) {
		return errorsmod.Wrapf(types.ErrStakeTooSmall, "%s%s would stay, but a staked node needs at least %s; withdraw all or less", rest, types.Denom, p.MinStake)
	}
	return nil
}

// unbond moves stake of n into an unbonding entry. The coins stay in the
// module's account until the entry completes. n is written by the caller. It
// returns when that is, in block time as far as it is known.
func (k *Keeper) unbond(ctx context.Context, addr sdk.AccAddress, n *types.Node, amount math.Int) (int64, error) {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return 0, err
	}
	open, err := k.unbondings(ctx, addr)
	if err != nil {
		return 0, err
	}
	// Retirement always goes through: it is the last entry a node adds.
	if len(open) >= MaxUnbondings && !n.Retiring {
		return 0, errorsmod.Wrapf(types.ErrTooManyEntries, "%d withdrawals are under way; wait until the first arrives", len(open))
	}
	clock, err := k.clock(ctx)
	if err != nil {
		return 0, err
	}
	// A node that retired and came back starts at sequence 0 again: take the
	// first number that no open entry has.
	seq := n.Sequence
	for _, u := range open {
		seq = max(seq, u.Sequence+1)
	}
	n.Sequence = seq + 1
	n.Stake = n.Stake.Sub(amount)
	u := types.Unbonding{Node: n.Address, Sequence: seq, Operator: n.Operator, Amount: amount, CompletesAt: clock.Now(blockTime(ctx)) + int64(params.UnbondingSeconds)}
	if err := k.setUnbonding(ctx, addr, u); err != nil {
		return 0, err
	}
	told := clock.Unbonding(u).CompletesAt
	return told, emit(ctx, &types.EventUnstaked{Node: n.Address, Amount: types.Uemc(amount).String(), CompletesAt: told})
}

func (k *Keeper) setUnbonding(ctx context.Context, addr sdk.AccAddress, u types.Unbonding) error {
	if err := k.Unbondings.Set(ctx, collections.Join(addr, u.Sequence), u); err != nil {
		return err
	}
	return k.Agenda.Set(ctx, unbondingEntry(u.CompletesAt, addr, u.Sequence))
}

func (k *Keeper) removeUnbonding(ctx context.Context, addr sdk.AccAddress, u types.Unbonding) error {
	if err := k.Unbondings.Remove(ctx, collections.Join(addr, u.Sequence)); err != nil {
		return err
	}
	return k.Agenda.Remove(ctx, unbondingEntry(u.CompletesAt, addr, u.Sequence))
}

func (k *Keeper) unbondings(ctx context.Context, addr sdk.AccAddress) ([]types.Unbonding, error) {
	iter, err := k.Unbondings.Iterate(ctx, collections.NewPrefixedPairRange[sdk.AccAddress, uint64](addr))
	if err != nil {
		return nil, err
	}
	return iter.Values()
}

// completeUnbonding pays an unbonding out to its operator.
func (k *Keeper) completeUnbonding(ctx context.Context, addr sdk.AccAddress, seq uint64) error {
	u, err := k.Unbondings.Get(ctx, collections.Join(addr, seq))
	if err != nil {
		return err
	}
	operator, err := address("operator", u.Operator, types.ErrInvalidNode)
	if err != nil {
		return err
	}
	if u.Amount.IsPositive() {
		if err := k.bank.SendCoinsFromModuleToAccount(ctx, types.ModuleName, operator, sdk.NewCoins(types.Uemc(u.Amount))); err != nil {
			return err
		}
	}
	if err := k.removeUnbonding(ctx, addr, u); err != nil {
		return err
	}
	return emit(ctx, &types.EventUnbonded{Node: u.Node, Operator: u.Operator, Amount: types.Uemc(u.Amount).String()})
}
