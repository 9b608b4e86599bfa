package keeper

import (
	"context"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/escrow"
	"github.com/edgematrix/emc/x/compute/types"
)

// payFrom moves uemc out of an address that only this module controls.
func (k *Keeper) payFrom(ctx context.Context, from, to sdk.AccAddress, amount math.Int) error {
	if !amount.IsPositive() {
		return nil
	}
	return k.bank.SendCoins(ctx, from, to, sdk.NewCoins(types.Uemc(amount)))
}

// payInto moves uemc into a derived address, this module's or that of another
// module which pays for a job.
func (k *Keeper) payInto(ctx context.Context, from, derived sdk.AccAddress, amount math.Int) error {
	return k.payFrom(escrow.To(ctx, derived), from, derived, amount)
}

// sweep closes a derived address: what a stranger sent there goes to the
// community pool, and the account that the gift made leaves the state. Other
// denominations stay where they are: looking for them would be unbounded work.
func (k *Keeper) sweep(ctx context.Context, addr sdk.AccAddress) error {
	rest := k.bank.GetBalance(ctx, addr, types.Denom)
	if !rest.IsPositive() {
		return nil
	}
	if err := k.pool.FundCommunityPool(ctx, sdk.NewCoins(rest), addr); err != nil {
		return err
	}
	if account := k.accounts.GetAccount(ctx, addr); account != nil {
		k.accounts.RemoveAccount(ctx, account)
	}
	return nil
}
