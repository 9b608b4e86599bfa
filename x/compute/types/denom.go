package types

import (
	"math"

	errorsmod "cosmossdk.io/errors"
	sdkmath "cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
)

// Denom is the only denomination that x/compute deals in.
const Denom = amount.BaseDenom

// MaxAmount bounds every amount in a message, in uemc: far above any supply,
// far below what multiplying by seconds could overflow.
const MaxAmount = math.MaxInt64 / 1_000

// Uemc returns an amount of the network's own coin.
func Uemc(amount sdkmath.Int) sdk.Coin { return sdk.Coin{Denom: Denom, Amount: amount} }

// validateAmount checks a coin of a message. Name is what the person calls it.
func validateAmount(name string, c sdk.Coin, allowZero bool) error {
	switch {
	case c.Amount.IsNil():
		return errorsmod.Wrapf(ErrInvalidAmount, "%s is missing", name)
	case c.Denom != Denom:
		return errorsmod.Wrapf(ErrInvalidAmount, "%s must be in %s, got %q", name, Denom, c.Denom)
	case c.Amount.IsNegative():
		return errorsmod.Wrapf(ErrInvalidAmount, "%s must not be negative, got %s", name, c)
	case !allowZero && c.Amount.IsZero():
		return errorsmod.Wrapf(ErrInvalidAmount, "%s must be more than zero", name)
	case c.Amount.GT(sdkmath.NewInt(MaxAmount)):
		return errorsmod.Wrapf(ErrInvalidAmount, "%s must be at most %d%s, got %s", name, int64(MaxAmount), Denom, c)
	}
	return nil
}
