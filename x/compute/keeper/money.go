package keeper

import (
	"context"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// payFrom moves uemc out of an address that only this module controls.
func (k *Keeper) payFrom(ctx context.Context, from, to sdk.AccAddress, amount math.Int) error {
	if !amount.IsPositive() {
		return nil
	}
	return k.bank.SendCoins(ctx, from, to, sdk.NewCoins(types.Uemc(amount)))
}

// sweep closes a derived address: what a stranger sent there goes to the
// community pool, and the account leaves the state, so that a million closed
// jobs leave no million accounts behind. Other denominations stay where they
// are: looking for them would be unbounded work.
func (k *Keeper) sweep(ctx context.Context, addr sdk.AccAddress) error {
	if rest := k.bank.GetBalance(ctx, addr, types.Denom); rest.IsPositive() {
		if err := k.pool.FundCommunityPool(ctx, sdk.NewCoins(rest), addr); err != nil {
			return err
		}
	}
	if account := k.accounts.GetAccount(ctx, addr); account != nil {
		k.accounts.RemoveAccount(ctx, account)
	}
	return nil
}
