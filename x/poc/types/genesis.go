package types

import (
	errorsmod "cosmossdk.io/errors"
)

// DefaultGenesis is a new chain's.
func DefaultGenesis() *GenesisState { return &GenesisState{Params: DefaultParams()} }

// Validate checks a genesis.
func (g GenesisState) Validate() error {
	if err := g.Params.Validate(); err != nil {
		return err
	}
	owners, keys := map[string]bool{}, map[string]bool{}
	for _, k := range g.BeaconKeys {
		if err := k.Validate(); err != nil {
			return err
		}
		if owners[k.Validator] {
			return errorsmod.Wrapf(ErrInvalidGenesis, "validator %s has two beacon keys", k.Validator)
		}
		owners[k.Validator] = true
		for _, pubkey := range [][]byte{k.Pubkey, k.NextPubkey} {
			if len(pubkey) > 0 && keys[string(pubkey)] {
				return errorsmod.Wrapf(ErrInvalidGenesis, "the beacon key of %s is another's, too", k.Validator)
			}
			keys[string(pubkey)] = true
		}
	}
	for i, b := range g.Beacons {
		if err := b.Validate(); err != nil {
			return err
		}
		if i > 0 && b.Height != g.Beacons[i-1].Height+1 {
			return errorsmod.Wrapf(ErrInvalidGenesis, "a beacon of height %d follows that of %d", b.Height, g.Beacons[i-1].Height)
		}
	}
	return nil
}
