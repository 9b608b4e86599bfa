package types

import (
	errorsmod "cosmossdk.io/errors"
)

// DefaultGenesis is a new chain's.
func DefaultGenesis() *GenesisState {
	return &GenesisState{Params: DefaultParams(), Emission: NewEmission()}
}

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
	if err := g.validateWindows(); err != nil {
		return err
	}
	if err := g.Emission.Validate(); err != nil {
		return err
	}
	if err := g.validateRecords(); err != nil {
		return err
	}
	return g.validateProbes()
}

// validateWindows checks the windows, and that commitments are those of one under way.
func (g GenesisState) validateWindows() error {
	var last Window
	for i, w := range g.Windows {
		if err := w.Validate(); err != nil {
			return err
		}
		if i > 0 && (w.Height <= last.Height || last.Active()) {
			return errorsmod.Wrapf(ErrInvalidGenesis, "window %d follows %d, which is in %s", w.Height, last.Height, last.Phase)
		}
		if w.Number > g.Number {
			return errorsmod.Wrapf(ErrInvalidGenesis, "window %d is number %d of %d", w.Height, w.Number, g.Number)
		}
		last = w
	}
	seen := map[string]bool{}
	for _, c := range g.Commits {
		if err := c.Validate(); err != nil {
			return err
		}
		if !last.Active() || c.Window != last.Height || seen[string(c.Node)] {
			return errorsmod.Wrapf(ErrInvalidGenesis, "commitment of node %X in window %d: the last window opened at %d (%s), and a node has one", c.Node, c.Window, last.Height, last.Phase)
		}
		seen[string(c.Node)] = true
	}
	return nil
}

func (g GenesisState) validateRecords() error {
	seen := map[string]bool{}
	for _, r := range g.Records {
		if err := r.Validate(); err != nil {
			return err
		}
		if seen[r.Node] {
			return errorsmod.Wrapf(ErrInvalidGenesis, "node %s has two records", r.Node)
		}
		if n := len(r.Scores); n > 0 && r.Scores[n-1].Number > g.Number {
			return errorsmod.Wrapf(ErrInvalidGenesis, "node %s has a score of window %d of %d", r.Node, r.Scores[n-1].Number, g.Number)
		}
		seen[r.Node] = true
	}
	for _, r := range g.Rewards {
		if err := r.Validate(); err != nil {
			return err
		}
		if seen[r.Operator+" rewards"] {
			return errorsmod.Wrapf(ErrInvalidGenesis, "operator %s has rewards twice", r.Operator)
		}
		seen[r.Operator+" rewards"] = true
	}
	return nil
}
