package types

import (
	"crypto/sha256"

	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// Stateless checks of messages. Handlers call them first; clients may call
// them before they ask anybody to sign.

// Validate checks a registration, except for the key's signature, which needs
// the chain id.
func (m *MsgRegisterNode) Validate() error {
	if err := ValidateCompressedKey(m.Pubkey); err != nil {
		return err
	}
	return m.Offer.Validate(m.Role)
}

// Validate checks the new offer, for a node of the role that it registered with.
func (m *MsgUpdateNode) Validate(role Role) error { return m.Offer.Validate(role) }

// Validate checks the amount.
func (m *MsgStake) Validate() error { return validateAmount("stake", m.Amount, false) }

// Validate checks the amount.
func (m *MsgUnstake) Validate() error { return validateAmount("amount", m.Amount, false) }

// Validate checks the endpoints.
func (m *MsgReportStatus) Validate() error { return ValidateEndpoints(m.Endpoints) }

// App is the entry that the message registers.
func (m *MsgRegisterApp) App() App {
	return App{
		Id: m.Id, Owner: m.Owner, Runtime: m.Runtime, Digest: m.Digest, Interface: m.Interface,
		MinMemoryBytes: m.MinMemoryBytes, MinCpuCores: m.MinCpuCores, MinGpus: m.MinGpus, MinGpuMemoryBytes: m.MinGpuMemoryBytes,
		Unit: m.Unit, Comparison: m.Comparison, Description: m.Description, Image: m.Image,
	}
}

// App is the entry that the message puts in place of the old one.
func (m *MsgUpdateApp) App() App { return (*MsgRegisterApp)(m).App() }

// Validate checks a submission against the rules.
func (m *MsgSubmitJob) Validate(p Params) error {
	if err := ValidateAppID(m.App); err != nil {
		return err
	}
	if m.Node != "" {
		if _, err := sdk.AccAddressFromBech32(m.Node); err != nil {
			return errorsmod.Wrapf(ErrInvalidJob, "node: %s", err)
		}
	}
	if err := m.Requirements.Validate(); err != nil {
		return err
	}
	if m.MaxSeconds == 0 || m.MaxSeconds > p.MaxJobSeconds {
		return errorsmod.Wrapf(ErrInvalidJob, "max_seconds must be between 1 and %d, got %d", p.MaxJobSeconds, m.MaxSeconds)
	}
	if err := validateAmount("max_price", m.MaxPrice, false); err != nil {
		return err
	}
	if m.MaxPrice.Amount.LT(p.JobMinFee.Amount) {
		return errorsmod.Wrapf(ErrInvalidAmount, "max_price must be at least the minimum fee of a job, %s, got %s", p.JobMinFee, m.MaxPrice)
	}
	if len(m.SpecDigest) != sha256.Size || len(m.InputsDigest) != sha256.Size {
		return errorsmod.Wrapf(ErrInvalidJob, "spec_digest and inputs_digest must have %d bytes, got %d and %d", sha256.Size, len(m.SpecDigest), len(m.InputsDigest))
	}
	return ValidateCompressedKey(m.AccessKey)
}

// Validate checks the reason.
func (m *MsgDeclineJob) Validate() error {
	if len(m.Reason) == 0 || len(m.Reason) > MaxReasonBytes {
		return errorsmod.Wrapf(ErrInvalidJob, "the reason must have 1 to %d bytes, got %d", MaxReasonBytes, len(m.Reason))
	}
	return nil
}
