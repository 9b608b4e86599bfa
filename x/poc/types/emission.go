package types

import (
	"math/bits"
	"time"

	"cosmossdk.io/math"
)

//go:generate go run github.com/edgematrix/emc/scripts/emission emission_table.go

// EmissionCap is how much is issued in all, in uemc: 100,000,000 EMC.
const EmissionCap uint64 = 100_000_000_000_000

const nanosecondsPerDay = 86_400_000_000_000

// Schedule lists the periods of the emission. The last one ends when
// EmissionCap is reached.
func Schedule() []Period { return append([]Period(nil), emissionTable[:]...) }

// Scheduled is how much the schedule allows in all after the network has run
// for elapsed, standstills left out: in uemc, rounded down once, never more
// than EmissionCap. A time.Duration ends after 292 years, with 72 of the 100
// million EMC.
func Scheduled(elapsed time.Duration) math.Int {
	days, rest := split(elapsed)
	return math.NewIntFromUint64(scheduled(days, rest))
}

// PeriodAt is the period that is running, counted from 1, after the network
// has run for elapsed; the last one once the schedule is over.
func PeriodAt(elapsed time.Duration) (number int, p Period) {
	days, _ := split(elapsed)
	return periodAt(days)
}

// Split divides what is issued, each part rounded down. Together they are no more
// than the amount.
func Split(amount math.Int, p Params) (nodes, validators, routers math.Int) {
	part := func(bps uint32) math.Int { return share(amount, uint64(bps), Whole) }
	return part(p.NodesBps), part(p.ValidatorsBps), part(p.RoutersBps)
}

// Due is how much may be issued now: what the schedule allows beyond what is
// accounted for, in proportion while the network's weight is below the target.
// Rounded down, never negative; nothing without any weight.
func Due(scheduled, accounted math.Int, weight, target uint64) math.Int {
	open := scheduled.Sub(accounted)
	switch {
	case weight == 0 || !open.IsPositive():
		return math.ZeroInt()
	case weight >= target: // a target of 0 ends here and not in a division
		return open
	}
	return share(open, weight, target)
}

func share(amount math.Int, part, whole uint64) math.Int {
	return amount.Mul(math.NewIntFromUint64(part)).Quo(math.NewIntFromUint64(whole))
}

// split counts whole days, so that no product below needs more than 128 bits.
func split(elapsed time.Duration) (days, rest uint64) {
	ns := uint64(max(elapsed, 0))
	return ns / nanosecondsPerDay, ns % nanosecondsPerDay
}

// scheduled goes over the periods that are over; whole days have no fraction,
// so that the only rounding is that of the day that runs.
func scheduled(days, rest uint64) uint64 {
	sum := uint64(0)
	for _, p := range emissionTable {
		if days < uint64(p.Days) {
			// rest is below a day, so that the quotient is below p.PerDay.
			high, low := bits.Mul64(p.PerDay, rest)
			today, _ := bits.Div64(high, low, nanosecondsPerDay)
			return min(sum+days*p.PerDay+today, EmissionCap)
		}
		sum += uint64(p.Days) * p.PerDay
		days -= uint64(p.Days)
	}
	return EmissionCap
}

func periodAt(days uint64) (int, Period) {
	for i, p := range emissionTable {
		if days < uint64(p.Days) {
			return i + 1, p
		}
		days -= uint64(p.Days)
	}
	return len(emissionTable), emissionTable[len(emissionTable)-1]
}
