package types

import (
	"bytes"

	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/beacon"
)

// ActiveAt is the key that counts at a height, or nil.
func (k BeaconKey) ActiveAt(height int64) []byte {
	if len(k.NextPubkey) > 0 && height >= k.NextActiveFrom {
		return k.NextPubkey
	}
	if len(k.Pubkey) > 0 && height >= k.ActiveFrom {
		return k.Pubkey
	}
	return nil
}

// Has reports whether a key counts now or was registered last: one from before
// may come back.
func (k BeaconKey) Has(pubkey []byte, now int64) bool {
	last := k.NextPubkey
	if len(last) == 0 {
		last = k.Pubkey
	}
	return bytes.Equal(pubkey, last) || bytes.Equal(pubkey, k.ActiveAt(now))
}

// Register replaces the key from a height on. Until then the one that counts at
// now goes on; one that never came to count is forgotten.
func (k BeaconKey) Register(pubkey []byte, now, from int64) BeaconKey {
	active := k.ActiveAt(now)
	if active == nil {
		k.Pubkey, k.ActiveFrom = pubkey, from
		k.NextPubkey, k.NextActiveFrom = nil, 0
		return k
	}
	if bytes.Equal(active, k.NextPubkey) {
		k.Pubkey, k.ActiveFrom = k.NextPubkey, k.NextActiveFrom
	}
	k.NextPubkey, k.NextActiveFrom = pubkey, from
	return k
}

// Since counts the key's heights from a height on, at which a new chain begins.
func (k BeaconKey) Since(height int64) BeaconKey {
	k.ActiveFrom = max(0, k.ActiveFrom-height)
	if len(k.NextPubkey) > 0 {
		// A next key that counts already is the key.
		if k.NextActiveFrom <= height {
			k.Pubkey, k.ActiveFrom, k.NextPubkey, k.NextActiveFrom = k.NextPubkey, 0, nil, 0
		} else {
			k.NextActiveFrom -= height
		}
	}
	k.LastContribution = 0
	return k
}

// Validate checks a stored key.
func (k BeaconKey) Validate() error {
	if _, err := sdk.ValAddressFromBech32(k.Validator); err != nil {
		return errorsmod.Wrapf(ErrInvalidKey, "validator: %s", err)
	}
	if err := beacon.ValidatePubKey(k.Pubkey); err != nil {
		return errorsmod.Wrapf(ErrInvalidKey, "key of %s: %s", k.Validator, err)
	}
	if len(k.NextPubkey) > 0 {
		if err := beacon.ValidatePubKey(k.NextPubkey); err != nil {
			return errorsmod.Wrapf(ErrInvalidKey, "next key of %s: %s", k.Validator, err)
		}
	}
	if k.ActiveFrom < 0 || k.NextActiveFrom < 0 || k.LastContribution < 0 || (len(k.NextPubkey) == 0) != (k.NextActiveFrom == 0) {
		return errorsmod.Wrapf(ErrInvalidKey, "heights of %s: from %d, next from %d, last contribution %d", k.Validator, k.ActiveFrom, k.NextActiveFrom, k.LastContribution)
	}
	return nil
}

// Validate checks a stored beacon.
func (b Beacon) Validate() error {
	if b.Height < 0 || len(b.Value) != len(beacon.Value{}) {
		return errorsmod.Wrapf(ErrInvalidGenesis, "beacon of height %d has %d bytes, expected %d", b.Height, len(b.Value), len(beacon.Value{}))
	}
	if b.Contributor != "" {
		if _, err := sdk.ValAddressFromBech32(b.Contributor); err != nil {
			return errorsmod.Wrapf(ErrInvalidGenesis, "contributor of height %d: %s", b.Height, err)
		}
	}
	return nil
}
