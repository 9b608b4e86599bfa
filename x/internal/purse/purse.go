// Package purse moves the money of deals that stand at derived addresses.
package purse

import (
	"context"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/escrow"
)

// Bank is what is needed of x/bank.
type Bank interface {
	GetBalance(ctx context.Context, addr sdk.AccAddress, denom string) sdk.Coin
	SendCoins(ctx context.Context, from, to sdk.AccAddress, amt sdk.Coins) error
}

// Accounts is what is needed of x/auth.
type Accounts interface {
	GetAccount(ctx context.Context, addr sdk.AccAddress) sdk.AccountI
	RemoveAccount(ctx context.Context, account sdk.AccountI)
}

// Pool takes what belongs to nobody.
type Pool interface {
	FundCommunityPool(ctx context.Context, amount sdk.Coins, sender sdk.AccAddress) error
}

// Purse moves uemc for a module.
type Purse struct {
	Bank     Bank
	Accounts Accounts
	Pool     Pool
}

// Pay moves uemc to a person; nothing is no error.
func (p Purse) Pay(ctx context.Context, from, to sdk.AccAddress, uemc math.Int) error {
	if !uemc.IsPositive() {
		return nil
	}
	return p.Bank.SendCoins(ctx, from, to, sdk.NewCoins(sdk.NewCoin(amount.BaseDenom, uemc)))
}

// PayInto moves uemc into a derived address.
func (p Purse) PayInto(ctx context.Context, from, derived sdk.AccAddress, uemc math.Int) error {
	return p.Pay(escrow.To(ctx, derived), from, derived, uemc)
}

// Gift moves uemc to the community pool.
func (p Purse) Gift(ctx context.Context, from sdk.AccAddress, uemc math.Int) error {
	if !uemc.IsPositive() {
		return nil
	}
	return p.Pool.FundCommunityPool(ctx, sdk.NewCoins(sdk.NewCoin(amount.BaseDenom, uemc)), from)
}

// Sweep closes a derived address: what a stranger sent there goes to the
// community pool, and the account that the gift made leaves the state. Other
// denominations stay where they are: looking for them would be unbounded work.
func (p Purse) Sweep(ctx context.Context, addr sdk.AccAddress) error {
	rest := p.Bank.GetBalance(ctx, addr, amount.BaseDenom)
	if !rest.IsPositive() {
		return nil
	}
	if err := p.Gift(ctx, addr, rest.Amount); err != nil {
		return err
	}
	if account := p.Accounts.GetAccount(ctx, addr); account != nil {
		p.Accounts.RemoveAccount(ctx, account)
	}
	return nil
}
