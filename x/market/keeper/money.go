package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"

	"github.com/edgematrix/emc/pkg/escrow"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

// pay moves uemc.
func (k *Keeper) pay(ctx context.Context, from, to sdk.AccAddress, amount math.Int) error {
	if !amount.IsPositive() {
		return nil
	}
	return k.bank.SendCoins(ctx, from, to, sdk.NewCoins(types.Uemc(amount)))
}

// payInto moves uemc into a derived address of this module.
func (k *Keeper) payInto(ctx context.Context, from, derived sdk.AccAddress, amount math.Int) error {
	return k.pay(escrow.To(ctx, derived), from, derived, amount)
}

// payValidators pays the validators' share: it goes the way of the fees.
func (k *Keeper) payValidators(ctx context.Context, from sdk.AccAddress, amount math.Int) error {
	if !amount.IsPositive() {
		return nil
	}
	return k.bank.SendCoinsFromAccountToModule(ctx, from, authtypes.FeeCollectorName, sdk.NewCoins(types.Uemc(amount)))
}

// sweep closes a derived address: what a stranger sent there goes to the
// community pool, and the account that the gift made leaves the state.
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

// payee is who is paid for a node: its operator, or its own account when it is
// not registered, or left meanwhile.
func (k *Keeper) payee(ctx context.Context, node sdk.AccAddress) (sdk.AccAddress, error) {
	n, err := k.compute.Node(ctx, node)
	if errors.Is(err, computetypes.ErrNodeNotFound) {
		return node, nil
	}
	if err != nil {
		return nil, err
	}
	return types.Address("operator", n.Operator, types.ErrInvalidRouter)
}
