package types

import (
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/receipt"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Address parses an address of a message. Name is what the person calls it.
func Address(name, bech32 string, sentinel error) (sdk.AccAddress, error) {
	addr, err := sdk.AccAddressFromBech32(bech32)
	if err != nil {
		return nil, errorsmod.Wrapf(sentinel, "%s: %s", name, err)
	}
	return addr, nil
}

// validateKey checks a session key: a point of the curve, compressed.
func validateKey(key []byte) error {
	if _, err := receipt.ParsePublicKey(key); err != nil {
		return errorsmod.Wrap(ErrInvalidKey, err.Error())
	}
	return nil
}

// validateAllotments checks the routers of a message by form, and returns the sum.
func validateAllotments(list []Allotment, zero bool) (math.Int, error) {
	sum := math.ZeroInt()
	if len(list) > MaxRouters {
		return sum, errorsmod.Wrapf(ErrTooMany, "a session has at most %d routers, got %d", MaxRouters, len(list))
	}
	for i, a := range list {
		if _, err := Address("router", a.Router, ErrInvalidRouter); err != nil {
			return sum, err
		}
		for _, before := range list[:i] {
			if before.Router == a.Router {
				return sum, errorsmod.Wrapf(ErrInvalidRouter, "%s is named twice", a.Router)
			}
		}
		if err := validateAmount("allotment", a.Amount, zero); err != nil {
			return sum, err
		}
		sum = sum.Add(a.Amount.Amount)
	}
	return sum, nil
}

// validateSeconds checks a lifetime from now.
func validateSeconds(p Params, seconds uint64) error {
	if seconds == 0 || seconds > p.MaxSessionSeconds {
		return errorsmod.Wrapf(ErrInvalidSession, "seconds must be between 1 and %d, got %d", p.MaxSessionSeconds, seconds)
	}
	return nil
}

// Validate checks what can be checked without the state.
func (m MsgOpenSession) Validate(p Params) error {
	if err := validateAmount("deposit", m.Deposit, false); err != nil {
		return err
	}
	if m.Deposit.Amount.LT(p.MinDeposit.Amount) {
		return errorsmod.Wrapf(ErrInvalidAmount, "a deposit is at least %s, got %s", p.MinDeposit, m.Deposit)
	}
	if err := validateKey(m.Key); err != nil {
		return err
	}
	sum, err := validateAllotments(m.Allotments, true)
	if err != nil {
		return err
	}
	if sum.GT(m.Deposit.Amount) {
		return errorsmod.Wrapf(ErrNotFree, "the allotments are %s, the deposit is %s", Uemc(sum), m.Deposit)
	}
	return validateSeconds(p, m.Seconds)
}

// Validate checks what can be checked without the state.
func (m MsgTopUpSession) Validate(p Params) error {
	if err := ValidateSessionID(m.Session); err != nil {
		return err
	}
	if err := validateAmount("amount", m.Amount, true); err != nil {
		return err
	}
	if m.Amount.IsPositive() && m.Amount.Amount.LT(p.MinDeposit.Amount) {
		return errorsmod.Wrapf(ErrInvalidAmount, "at least %s are added at once, got %s", p.MinDeposit, m.Amount)
	}
	if _, err := validateAllotments(m.Allotments, true); err != nil {
		return err
	}
	if m.Amount.IsZero() && len(m.Allotments) == 0 && m.Seconds == 0 {
		return errorsmod.Wrap(ErrInvalidSession, "nothing to add: name an amount, allotments or seconds")
	}
	if m.Seconds == 0 {
		return nil
	}
	return validateSeconds(p, m.Seconds)
}

// Validate checks what can be checked without the state.
func (m MsgRotateSessionKey) Validate() error {
	if err := ValidateSessionID(m.Session); err != nil {
		return err
	}
	return validateKey(m.Key)
}

// Job is the job as x/compute is asked for it. It checks the job.
func (m MsgSubmitSessionJob) Job() *computetypes.MsgSubmitJob {
	return &computetypes.MsgSubmitJob{
		Customer: m.Customer, App: m.App, Node: m.Node, Requirements: m.Requirements, MaxSeconds: m.MaxSeconds, MaxPrice: m.MaxPrice,
		SpecDigest: m.SpecDigest, InputsDigest: m.InputsDigest, AccessKey: m.AccessKey,
	}
}

// Validate checks what can be checked without the state, but the job itself.
func (m MsgSubmitSessionJob) Validate() error {
	if err := ValidateSessionID(m.Session); err != nil {
		return err
	}
	return validateAmount("max_price", m.MaxPrice, false)
}

// Validate checks what can be checked without the state.
func (m MsgSetCover) Validate(p Params) error {
	if _, err := Address("node", m.Node, ErrInvalidRouter); err != nil {
		return err
	}
	if m.Node == m.Router {
		return errorsmod.Wrap(ErrInvalidRouter, "a router covers other nodes, not itself")
	}
	if err := validateAmount("amount", m.Amount, true); err != nil {
		return err
	}
	if m.Amount.IsPositive() && m.Amount.Amount.LT(p.MinCover.Amount) {
		return errorsmod.Wrapf(ErrInvalidAmount, "a cover is at least %s, or 0 to end it; got %s", p.MinCover, m.Amount)
	}
	return nil
}

// Validate checks what can be checked without the state.
func (m MsgRedeemVouchers) Validate(p Params) error {
	if len(m.Vouchers) == 0 {
		return errorsmod.Wrap(ErrInvalidVoucher, "no voucher is in the message")
	}
	if len(m.Vouchers) > int(p.MaxVouchers) {
		return errorsmod.Wrapf(ErrTooMany, "a message has at most %d vouchers, got %d; send several", p.MaxVouchers, len(m.Vouchers))
	}
	return nil
}

// Validate checks what can be checked without the state.
func (m MsgCollectShares) Validate() error {
	if len(m.Sessions) == 0 || len(m.Sessions) > MaxCollected {
		return errorsmod.Wrapf(ErrTooMany, "between 1 and %d sessions, got %d", MaxCollected, len(m.Sessions))
	}
	for _, id := range m.Sessions {
		if err := ValidateSessionID(id); err != nil {
			return err
		}
	}
	return nil
}

// Validate checks the receipt's form and returns it with the path.
func (m MsgRecordReceipt) Validate() (receipt.Receipt, receipt.Path, error) {
	r, err := receipt.UnmarshalReceipt(m.Receipt)
	if err != nil {
		return r, nil, errorsmod.Wrap(ErrInvalidReceipt, err.Error())
	}
	if len(m.Path) > receipt.MaxDepth {
		return r, nil, errorsmod.Wrapf(ErrInvalidReceipt, "a path has at most %d steps, got %d", receipt.MaxDepth, len(m.Path))
	}
	path := make(receipt.Path, len(m.Path))
	for i, step := range m.Path {
		if len(step) != len(path[i]) {
			return r, nil, errorsmod.Wrapf(ErrInvalidReceipt, "step %d of the path has %d bytes, expected %d", i, len(step), len(path[i]))
		}
		copy(path[i][:], step)
	}
	return r, path, nil
}
