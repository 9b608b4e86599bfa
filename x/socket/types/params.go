package types

import (
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
)

const (
	hour = 3600
	day  = 24 * hour

	// ShareScale is the whole, in the unit of the royalty: a hundredth of a percent.
	ShareScale = 10_000
	// MicroE is one E in micro-E.
	MicroE = 1_000_000
	// MaxAmount is the most that an amount may be, as in x/market.
	MaxAmount = 1<<63 - 1
	// MaxSlots of a socket.
	MaxSlots = 4096
	// MaxSlotPower of a socket in micro-E: a million E.
	MaxSlotPower = 1_000_000 * MicroE
)

// Denom is the chain's coin.
const Denom = amount.BaseDenom

// Uemc is an amount of the chain's coin.
func Uemc(n math.Int) sdk.Coin { return sdk.NewCoin(Denom, n) }

// UemcOf is an amount of the chain's coin.
func UemcOf(n uint64) sdk.Coin { return Uemc(math.NewIntFromUint64(n)) }

// DefaultParams are the genesis defaults; the module README motivates each.
func DefaultParams() Params {
	uemc := func(n int64) sdk.Coin { return Uemc(math.NewInt(n)) }
	return Params{
		MintFee:          uemc(100_000),
		MinPrice:         uemc(100_000),
		MinSeconds:       1 * hour,
		MaxSeconds:       365 * day,
		MaxRoyalty:       1_000,
		CollateralPerE:   uemc(1_000_000),
		RetentionSeconds: 7 * day,
		BlockWork:        200,
	}
}

// Validate keeps every parameter within bounds in which the module is safe.
func (p Params) Validate() error {
	for _, c := range []struct {
		name string
		coin sdk.Coin
	}{{"mint_fee", p.MintFee}, {"min_price", p.MinPrice}, {"collateral_per_e", p.CollateralPerE}} {
		if err := validateAmount(c.name, c.coin, true); err != nil {
			return errorsmod.Wrap(ErrInvalidParams, err.Error())
		}
	}
	for _, b := range []struct {
		name            string
		value, min, max uint64
	}{
		{"min_seconds", p.MinSeconds, 1, 365 * day},
		{"max_seconds", p.MaxSeconds, 1, 3 * 365 * day},
		{"max_royalty", uint64(p.MaxRoyalty), 0, 5_000},
		{"retention_seconds", p.RetentionSeconds, 2, 365 * day},
		{"block_work", uint64(p.BlockWork), 10, 100_000},
	} {
		if b.value < b.min || b.value > b.max {
			return errorsmod.Wrapf(ErrInvalidParams, "%s must be between %d and %d, got %d", b.name, b.min, b.max, b.value)
		}
	}
	if p.MinSeconds > p.MaxSeconds {
		return errorsmod.Wrapf(ErrInvalidParams, "min_seconds is %d, above max_seconds, %d", p.MinSeconds, p.MaxSeconds)
	}
	return nil
}

// validateAmount checks a coin of a message or parameter.
func validateAmount(name string, c sdk.Coin, zero bool) error {
	switch {
	case c.Denom != Denom:
		return errorsmod.Wrapf(ErrInvalidAmount, "%s must be in %s, got %q", name, Denom, c.Denom)
	case c.Amount.IsNil() || c.Amount.IsNegative():
		return errorsmod.Wrapf(ErrInvalidAmount, "%s must not be negative", name)
	case !zero && c.Amount.IsZero():
		return errorsmod.Wrapf(ErrInvalidAmount, "%s must be more than zero", name)
	case c.Amount.GT(math.NewInt(MaxAmount)):
		return errorsmod.Wrapf(ErrInvalidAmount, "%s must be at most %d%s, got %s", name, int64(MaxAmount), Denom, c.Amount)
	}
	return nil
}
