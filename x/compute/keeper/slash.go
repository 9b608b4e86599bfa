package keeper

import (
	"context"
	"errors"
	"slices"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// MaxEvidenceBytes bounds the evidence kept with a slash.
const MaxEvidenceBytes = 1024

// Slash burns up to amount of a node's stake, then of its unbondings, newest
// first, and records the evidence. It returns what was burned. A node that has
// retired meanwhile is still liable with what unbonds. When the promised stake
// then exceeds the stake, the node is jailed: it can promise nothing until the
// operator covers it.
func (k *Keeper) Slash(ctx context.Context, addr sdk.AccAddress, amount math.Int, reason string, evidence []byte) (math.Int, error) {
	if !amount.IsPositive() {
		return math.Int{}, errorsmod.Wrapf(types.ErrInvalidAmount, "a slash must be more than zero, got %s", amount)
	}
	if len(evidence) > MaxEvidenceBytes || len(reason) > types.MaxReasonBytes {
		return math.Int{}, errorsmod.Wrapf(types.ErrInvalidNode, "evidence is at most %d bytes and its reason %d, got %d and %d", MaxEvidenceBytes, types.MaxReasonBytes, len(evidence), len(reason))
	}
	n, err := k.Nodes.Get(ctx, addr)
	registered := err == nil
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		return math.Int{}, err
	}

	burned := math.ZeroInt()
	if registered {
		burned = math.MinInt(amount, n.Stake)
		n.Stake = n.Stake.Sub(burned)
	}
	fromUnbonding, err := k.slashUnbondings(ctx, addr, amount.Sub(burned))
	if err != nil {
		return math.Int{}, err
	}
	burned = burned.Add(fromUnbonding)

	if burned.IsPositive() {
		if err := k.bank.BurnCoins(ctx, types.ModuleName, sdk.NewCoins(types.Uemc(burned))); err != nil {
			return math.Int{}, err
		}
	}
	if err := k.recordSlash(ctx, addr, burned, reason, evidence); err != nil {
		return math.Int{}, err
	}
	if registered {
		if err := k.writeLoss(ctx, addr, n, burned); err != nil {
			return math.Int{}, err
		}
	}
	return burned, emit(ctx, &types.EventNodeSlashed{Node: addr.String(), Amount: types.Uemc(burned).String(), Reason: reason})
}

// writeLoss writes a node that has just lost stake. One that promised more than
// it still has is jailed.
func (k *Keeper) writeLoss(ctx context.Context, addr sdk.AccAddress, n types.Node, lost math.Int) error {
	shortfall := math.MaxInt(n.ReservedStake.Sub(n.Stake), math.ZeroInt())
	if shortfall.IsPositive() {
		n.Jailed = true
	}
	if err := k.setNode(ctx, addr, n); err != nil {
		return err
	}
	return k.hooks.AfterNodeSlashed(ctx, addr, lost, shortfall)
}

// AtRisk is what Slash could burn of a node: its stake, and what unbonds. A node
// that is gone is still liable with the latter.
func (k *Keeper) AtRisk(ctx context.Context, addr sdk.AccAddress) (math.Int, error) {
	sum := math.ZeroInt()
	n, err := k.Nodes.Get(ctx, addr)
	if err == nil {
		sum = n.Stake
	} else if !errors.Is(err, collections.ErrNotFound) {
		return sum, err
	}
	open, err := k.unbondings(ctx, addr)
	if err != nil {
		return sum, err
	}
	for _, u := range open {
		sum = sum.Add(u.Amount)
	}
	return sum, nil
}

// slashUnbondings takes up to amount out of what unbonds; the caller burns it.
func (k *Keeper) slashUnbondings(ctx context.Context, addr sdk.AccAddress, amount math.Int) (math.Int, error) {
	taken := math.ZeroInt()
	if !amount.IsPositive() {
		return taken, nil
	}
	open, err := k.unbondings(ctx, addr)
	if err != nil {
		return taken, err
	}
	for _, u := range slices.Backward(open) {
		cut := math.MinInt(amount.Sub(taken), u.Amount)
		if !cut.IsPositive() {
			break
		}
		taken = taken.Add(cut)
		u.Amount = u.Amount.Sub(cut)
		if u.Amount.IsZero() {
			err = k.removeUnbonding(ctx, addr, u)
		} else {
			err = k.setUnbonding(ctx, addr, u)
		}
		if err != nil {
			return taken, err
		}
	}
	return taken, nil
}

// recordSlash keeps the evidence under the next free number of that address,
// also after the node is gone.
func (k *Keeper) recordSlash(ctx context.Context, addr sdk.AccAddress, amount math.Int, reason string, evidence []byte) error {
	seq := uint64(0)
	iter, err := k.Slashes.Iterate(ctx, collections.NewPrefixedPairRange[sdk.AccAddress, uint64](addr).Descending())
	if err != nil {
		return err
	}
	defer iter.Close()
	if iter.Valid() {
		key, err := iter.Key()
		if err != nil {
			return err
		}
		seq = key.K2() + 1
	}
	return k.Slashes.Set(ctx, collections.Join(addr, seq), types.Slash{
		Node: addr.String(), Sequence: seq, Height: sdk.UnwrapSDKContext(ctx).BlockHeight(), Time: blockTime(ctx),
		Amount: amount, Reason: reason, Evidence: evidence,
	})
}
