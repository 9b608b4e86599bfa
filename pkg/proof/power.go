package proof

import (
	"math/big"
	"time"
)

// MicroE is the power that a commitment claims, in micro-E: 10^6 multiply-
// accumulates a second, rounded down. A window that took no time proves nothing.
func MicroE(c Commitment, took time.Duration) *big.Int {
	if took <= 0 || c.Validate() != nil {
		return new(big.Int)
	}
	// rounds · n³ / (10^6 · seconds) = rounds · n³ · 1000 / nanoseconds
	macs := new(big.Int).Lsh(new(big.Int).SetUint64(c.Rounds), 3*uint(c.LogN))
	return macs.Div(macs.Mul(macs, big.NewInt(1000)), big.NewInt(took.Nanoseconds()))
}
