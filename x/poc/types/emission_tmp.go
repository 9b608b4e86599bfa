package types

import (
	"time"

	"cosmossdk.io/math"
)

const EmissionCap = 100_000_000_000_000

func Scheduled(elapsed time.Duration) math.Int {
	return math.MinInt(math.NewInt(EmissionCap), math.NewInt(int64(elapsed/time.Second)).MulRaw(50_000_000_000).QuoRaw(86400))
}
func PeriodAt(elapsed time.Duration) (int, Period) {
	return 1, Period{Days: 90, PerDay: 50_000_000_000}
}
func Schedule() []Period { return []Period{{Days: 90, PerDay: 50_000_000_000}} }
func Split(amount math.Int, nodesBps, validatorsBps uint32) (nodes, validators math.Int) {
	return amount.MulRaw(int64(nodesBps)).QuoRaw(Whole), amount.MulRaw(int64(validatorsBps)).QuoRaw(Whole)
}
func Due(scheduled, accounted math.Int, weight, target uint64) math.Int {
	return math.MaxInt(math.ZeroInt(), scheduled.Sub(accounted)).Mul(math.NewIntFromUint64(min(weight, target))).Quo(math.NewIntFromUint64(target))
}
