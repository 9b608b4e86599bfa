package keeper

import (
	"context"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// Seize pays stake that a node reserved under a promise to somebody to whom the
// promise was broken, and returns what was paid: at most amount, at most what is
// reserved, at most the stake that a slash has left. What is reserved shrinks
// with the stake, so no other promise is covered any worse. A promise that then
// holds nothing is released, and a retiring node leaves with its last one. Where
// nothing is reserved nothing is paid, and that is no error. An address without
// an account is paid with a context marked by escrow.To.
func (k *Keeper) Seize(ctx context.Context, addr sdk.AccAddress, promise string, amount math.Int, to sdk.AccAddress, reason string) (math.Int, error) {
	none := math.ZeroInt()
	switch {
	case amount.IsNil() || !amount.IsPositive():
		return none, errorsmod.Wrapf(types.ErrInvalidAmount, "a seizure must be more than zero, got %s", amount)
	case to.Empty():
		return none, errorsmod.Wrap(types.ErrInvalidNode, "a seizure needs a recipient")
	case len(reason) > types.MaxReasonBytes:
		return none, errorsmod.Wrapf(types.ErrInvalidNode, "a seizure's reason is at most %d bytes, got %d", types.MaxReasonBytes, len(reason))
	}
	r, known, err := k.Reservation(ctx, addr, promise)
	if err != nil || !known {
		return none, err
	}
	n, err := k.Node(ctx, addr)
	if err != nil {
		return none, err
	}
	paid := math.MinInt(amount, math.MinInt(r.Stake, n.Stake))
	if paid.IsZero() {
		return none, nil
	}

	if err := k.bank.SendCoinsFromModuleToAccount(ctx, types.ModuleName, to, sdk.NewCoins(types.Uemc(paid))); err != nil {
		return none, errorsmod.Wrapf(err, "seized stake of %s", n.Address)
	}
	r.Stake, n.Stake, n.ReservedStake = r.Stake.Sub(paid), n.Stake.Sub(paid), n.ReservedStake.Sub(paid)
	if err := k.Reservations.Set(ctx, collections.Join(addr, promise), r); err != nil {
		return none, err
	}
	if err := k.writeLoss(ctx, addr, n, paid); err != nil {
		return none, err
	}
	err = emit(ctx, &types.EventStakeSeized{Node: n.Address, Promise: promise, To: to.String(), Amount: types.Uemc(paid).String(), Reason: reason})
	if err == nil && !r.Binds() && r.Jobs == 0 { // what jobs have comes back to it
		err = k.Release(ctx, addr, promise)
	}
	if err != nil {
		return none, err
	}
	return paid, nil
}
