package types

import errorsmod "cosmossdk.io/errors"

// DefaultParams are the genesis defaults; the module README motivates each.
func DefaultParams() Params {
	return Params{KeyDelayBlocks: 1_000, DrawContributors: 4, HistoryBlocks: 20_000}
}

// Validate keeps every parameter within bounds in which the module is safe.
func (p Params) Validate() error {
	for _, b := range []struct {
		name            string
		value, min, max uint64
	}{
		{"key_delay_blocks", p.KeyDelayBlocks, 1, 1_000_000},
		{"draw_contributors", uint64(p.DrawContributors), 1, 100},
		{"history_blocks", p.HistoryBlocks, 100, 10_000_000},
	} {
		if b.value < b.min || b.value > b.max {
			return errorsmod.Wrapf(ErrInvalidParams, "%s must be between %d and %d, got %d", b.name, b.min, b.max, b.value)
		}
	}
	return nil
}
