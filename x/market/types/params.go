package types

import (
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour

	// ShareScale is the whole, in the unit of the shares: a hundredth of a percent.
	ShareScale = 10_000
	// MaxRouters of a session.
	MaxRouters = 4
	// MaxRotations of a session's key.
	MaxRotations = 16
	// MaxCollected bounds the sessions of one MsgCollectShares.
	MaxCollected = 100
)

// Uemc is an amount of the chain's coin.
func Uemc(amount math.Int) sdk.Coin { return computetypes.Uemc(amount) }

// Denom is the chain's coin.
const Denom = computetypes.Denom

// DefaultParams are the genesis defaults; the module README motivates each.
func DefaultParams() Params {
	uemc := func(n int64) sdk.Coin { return Uemc(math.NewInt(n)) }
	return Params{
		MinDeposit:           uemc(100_000),
		MaxSessionSeconds:    90 * day,
		ClosingSeconds:       1 * hour,
		LastSeconds:          10 * minute,
		RetentionSeconds:     7 * day,
		ProtocolShare:        200,
		RouterShare:          500,
		MinCover:             uemc(1_000_000),
		OverIssueJailSeconds: 7 * day,
		ReceiptFee:           uemc(10_000),
		MaxVouchers:          400,
		BlockWork:            200,
	}
}

// Validate keeps every parameter within bounds in which the module is safe.
func (p Params) Validate() error {
	for _, c := range []struct {
		name string
		coin sdk.Coin
	}{{"min_deposit", p.MinDeposit}, {"min_cover", p.MinCover}, {"receipt_fee", p.ReceiptFee}} {
		if err := validateAmount(c.name, c.coin, true); err != nil {
			return errorsmod.Wrap(ErrInvalidParams, err.Error())
		}
	}
	for _, b := range []struct {
		name            string
		value, min, max uint64
	}{
		{"max_session_seconds", p.MaxSessionSeconds, minute, 365 * day},
		{"closing_seconds", p.ClosingSeconds, 2, 7 * day},
		{"last_seconds", p.LastSeconds, 2, 7 * day},
		{"retention_seconds", p.RetentionSeconds, 2, 365 * day},
		{"protocol_share", uint64(p.ProtocolShare), 0, 2_000},
		{"router_share", uint64(p.RouterShare), 0, 3_000},
		{"over_issue_jail_seconds", p.OverIssueJailSeconds, 1, 365 * day},
		{"max_vouchers", uint64(p.MaxVouchers), 1, 1_000},
		{"block_work", uint64(p.BlockWork), 10, 100_000},
	} {
		if b.value < b.min || b.value > b.max {
			return errorsmod.Wrapf(ErrInvalidParams, "%s must be between %d and %d, got %d", b.name, b.min, b.max, b.value)
		}
	}
	return nil
}

// MaxAmount is the most that an amount may be: what vouchers count in.
const MaxAmount = 1<<63 - 1

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
