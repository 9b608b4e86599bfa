package types

import (
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/beacon"
)

// Validate checks what can be checked without the state.
func (m MsgRegisterBeaconKey) Validate() (sdk.ValAddress, error) {
	validator, err := sdk.ValAddressFromBech32(m.Validator)
	if err != nil {
		return nil, errorsmod.Wrapf(ErrNotValidator, "%q: %s", m.Validator, err)
	}
	if err := beacon.ValidatePubKey(m.Pubkey); err != nil {
		return nil, errorsmod.Wrap(ErrInvalidKey, err.Error())
	}
	if len(m.Proof) != beacon.ProofSize {
		return nil, errorsmod.Wrapf(ErrInvalidKey, "the proof of the key has %d bytes, expected %d; `emcd beacon-key register` makes it", len(m.Proof), beacon.ProofSize)
	}
	return validator, nil
}
