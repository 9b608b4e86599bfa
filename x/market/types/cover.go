package types

import "cosmossdk.io/math"

// Counted is what a node should count on: the least that the cover will be.
func (c Cover) Counted() math.Int {
	if c.LowersAt != 0 {
		return math.MinInt(c.Amount, c.Lower)
	}
	return c.Amount
}
