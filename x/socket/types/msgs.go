package types

import (
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Address parses an address of a message. Name is what the person calls it.
func Address(name, bech32 string) (sdk.AccAddress, error) {
	addr, err := sdk.AccAddressFromBech32(bech32)
	if err != nil {
		return nil, errorsmod.Wrapf(ErrInvalidAddress, "%s: %s", name, err)
	}
	return addr, nil
}

// Validate checks what can be checked without the state.
func (m MsgMint) Validate(p Params) error {
	if err := computetypes.ValidateAppID(m.App); err != nil {
		return errorsmod.Wrap(ErrInvalidSocket, err.Error())
	}
	switch {
	case m.Slots == 0 || m.Slots > MaxSlots:
		return errorsmod.Wrapf(ErrInvalidSocket, "a socket has 1 to %d slots, got %d", MaxSlots, m.Slots)
	case m.SlotPower == 0 || m.SlotPower > MaxSlotPower:
		return errorsmod.Wrapf(ErrInvalidSocket, "the power of a slot is between 1 and %d micro-E (1 E is %d), got %d", uint64(MaxSlotPower), MicroE, m.SlotPower)
	case m.Seconds < p.MinSeconds || m.Seconds > p.MaxSeconds:
		return errorsmod.Wrapf(ErrInvalidSocket, "a socket is valid for %d to %d seconds, got %d", p.MinSeconds, p.MaxSeconds, m.Seconds)
	case m.Royalty > p.MaxRoyalty:
		return errorsmod.Wrapf(ErrInvalidSocket, "the royalty is at most %d hundredths of a percent, got %d", p.MaxRoyalty, m.Royalty)
	}
	return validateAsk(p, m.Ask, true)
}

// validateAsk checks a price.
func validateAsk(p Params, ask sdk.Coin, none bool) error {
	if err := validateAmount("ask", ask, none); err != nil || none && ask.IsZero() {
		return err
	}
	if ask.Amount.LT(p.MinPrice.Amount) {
		return errorsmod.Wrapf(ErrInvalidAmount, "a socket is sold for at least %s, got %s", p.MinPrice, ask)
	}
	return nil
}

// Validate checks what can be checked without the state.
func (m MsgList) Validate(p Params) error {
	if err := ValidateSocketID(m.Socket); err != nil {
		return err
	}
	return validateAsk(p, m.Ask, false)
}

// Validate checks what can be checked without the state.
func (m MsgBuy) Validate() error {
	if err := ValidateSocketID(m.Socket); err != nil {
		return err
	}
	return validateAmount("max_price", m.MaxPrice, false)
}

// Validate checks what can be checked without the state.
func (m MsgSplit) Validate() error {
	if err := ValidateSocketID(m.Socket); err != nil {
		return err
	}
	if m.Slots == 0 {
		return errorsmod.Wrap(ErrInvalidSocket, "name the slots that go into the new socket, at least 1")
	}
	return nil
}
