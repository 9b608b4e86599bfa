package types

import (
	errorsmod "cosmossdk.io/errors"
	sdkmath "cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

const (
	minute = 60
	hour   = 60 * minute
	day    = 24 * hour
)

// DefaultParams are the genesis defaults; the module README motivates each.
func DefaultParams() Params {
	uemc := func(n int64) sdk.Coin { return Uemc(sdkmath.NewInt(n)) }
	return Params{
		MinStake:             uemc(10_000_000),
		RegistrationDeposit:  uemc(1_000_000),
		AppRegistrationFee:   uemc(1_000_000),
		JobMinFee:            uemc(5_000),
		JobReservationFee:    uemc(2_500),
		OnlineSeconds:        30 * minute,
		UnbondingSeconds:     14 * day,
		AcknowledgeSeconds:   1 * minute,
		InputSeconds:         30 * minute,
		StartSeconds:         2 * minute,
		ReceiptSeconds:       5 * minute,
		AcceptanceSeconds:    1 * hour,
		JobRetentionSeconds:  7 * day,
		MaxJobSeconds:        30 * day,
		MissedStartSeconds:   5 * minute,
		MaxSuspensionSeconds: 1 * day,
		MaxAttempts:          3,
		MaxScan:              64,
		BlockWork:            500,
	}
}

// Validate keeps every parameter within bounds in which the module is safe.
func (p Params) Validate() error {
	for _, c := range []struct {
		name string
		coin sdk.Coin
	}{
		{"min_stake", p.MinStake},
		{"registration_deposit", p.RegistrationDeposit},
		{"app_registration_fee", p.AppRegistrationFee},
		{"job_min_fee", p.JobMinFee},
		{"job_reservation_fee", p.JobReservationFee},
	} {
		if err := validateAmount(c.name, c.coin, true); err != nil {
			return errorsmod.Wrap(ErrInvalidParams, err.Error())
		}
	}
	if p.JobReservationFee.Amount.GT(p.JobMinFee.Amount) {
		return errorsmod.Wrapf(ErrInvalidParams, "job_reservation_fee %s must be at most job_min_fee %s: a job that never starts cannot cost more than one that does",
			p.JobReservationFee, p.JobMinFee)
	}
	for _, b := range []struct {
		name            string
		value, min, max uint64
	}{
		{"online_seconds", p.OnlineSeconds, 10, day},
		{"unbonding_seconds", p.UnbondingSeconds, 1, 365 * day},
		{"acknowledge_seconds", p.AcknowledgeSeconds, 2, hour},
		{"input_seconds", p.InputSeconds, 2, 7 * day},
		{"start_seconds", p.StartSeconds, 2, day},
		{"receipt_seconds", p.ReceiptSeconds, 2, day},
		{"acceptance_seconds", p.AcceptanceSeconds, 2, 30 * day},
		{"job_retention_seconds", p.JobRetentionSeconds, 2, 365 * day},
		{"max_job_seconds", p.MaxJobSeconds, 1, 365 * day},
		{"missed_start_seconds", p.MissedStartSeconds, 1, day},
		{"max_suspension_seconds", p.MaxSuspensionSeconds, p.MissedStartSeconds, 30 * day},
		{"max_attempts", uint64(p.MaxAttempts), 1, 10},
		{"max_scan", uint64(p.MaxScan), 1, 1_000},
		{"block_work", uint64(p.BlockWork), uint64(p.MaxScan) + 1, 100_000},
	} {
		if b.value < b.min || b.value > b.max {
			return errorsmod.Wrapf(ErrInvalidParams, "%s must be between %d and %d, got %d", b.name, b.min, b.max, b.value)
		}
	}
	return nil
}
