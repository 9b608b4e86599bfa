package types

import (
	"math/big"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"
)

const never = time.Duration(1<<63 - 1)

// modelPeriod is a period of the tests' own model: where it begins and what a
// day of it pays.
type modelPeriod struct {
	first, days uint64
	perDay      *big.Int
}

// model derives the schedule in another way than the generator does. The
// product of all factors up to n telescopes: ∏ ((k+1)/k)^k for k = 2…n is
// (n+1)^n / (2·n!).
func model() []modelPeriod {
	var out []modelPeriod
	sum, first := new(big.Int), uint64(0)
	for n := int64(1); sum.Cmp(new(big.Int).SetUint64(EmissionCap)) < 0; n++ {
		power := func(base, exponent int64) *big.Int {
			return new(big.Int).Exp(big.NewInt(base), big.NewInt(exponent), nil)
		}
		above := new(big.Int).Mul(big.NewInt(50_000_000_000), power(n+1, n))
		below := new(big.Int).Mul(big.NewInt(2), new(big.Int).MulRange(1, n))
		rate := new(big.Rat).SetFrac(above, below)
		rate.Mul(rate, new(big.Rat).SetFrac(power(10_000, n-1), power(31_416, n-1)))
		p := modelPeriod{first: first, days: 90, perDay: new(big.Int).Quo(rate.Num(), rate.Denom())}
		for range (n - 1) / 4 {
			p.days += p.days
		}
		out = append(out, p)
		first += p.days
		sum.Add(sum, new(big.Int).Mul(p.perDay, new(big.Int).SetUint64(p.days)))
	}
	return out
}

// modelScheduled adds up each period's share as an exact fraction and rounds
// the sum down.
func modelScheduled(periods []modelPeriod, days, rest uint64) uint64 {
	elapsed := new(big.Rat).SetFrac(new(big.Int).SetUint64(rest), big.NewInt(24*3600*1_000_000_000))
	elapsed.Add(elapsed, new(big.Rat).SetInt(new(big.Int).SetUint64(days)))
	sum := new(big.Rat)
	for _, p := range periods {
		in := new(big.Rat).Sub(elapsed, new(big.Rat).SetInt(new(big.Int).SetUint64(p.first)))
		if in.Sign() <= 0 {
			break
		}
		if whole := new(big.Rat).SetInt(new(big.Int).SetUint64(p.days)); in.Cmp(whole) > 0 {
			in = whole
		}
		sum.Add(sum, in.Mul(in, new(big.Rat).SetInt(p.perDay)))
	}
	floor := new(big.Int).Quo(sum.Num(), sum.Denom())
	if most := new(big.Int).SetUint64(EmissionCap); floor.Cmp(most) > 0 {
		floor = most
	}
	return floor.Uint64()
}

func TestEmissionTable(t *testing.T) {
	periods := model()
	require.Len(t, emissionTable, len(periods))
	for i, p := range emissionTable {
		require.Equal(t, periods[i].days, uint64(p.Days), "period %d", i+1)
		require.Equal(t, periods[i].perDay.Uint64(), p.PerDay, "period %d", i+1)
	}
	// The numbers that the documents print.
	require.Equal(t, []Period{{90, 50_000_000_000}, {90, 35_809_778_456}, {90, 27_018_855_940}}, Schedule()[:3])
	require.EqualValues(t, 100_000_000*1_000_000, EmissionCap)
}

func TestScheduleIsACopy(t *testing.T) {
	Schedule()[0].PerDay = 1
	require.EqualValues(t, 50_000_000_000, Schedule()[0].PerDay)
}

func TestScheduledAgreesWithTheModel(t *testing.T) {
	periods, r := model(), rand.New(rand.NewSource(4))
	for i := range 10_000 {
		elapsed := time.Duration(r.Int63())
		if i%2 == 0 { // half of them in the first two years, where the rates change soon
			elapsed = time.Duration(r.Int63n(int64(2 * 365 * 24 * time.Hour)))
		}
		days, rest := split(elapsed)
		require.Equal(t, modelScheduled(periods, days, rest), Scheduled(elapsed).Uint64(), "after %d ns", elapsed)
	}
	last := periods[len(periods)-1]
	for range 2_000 { // beyond what a time.Duration holds
		days, rest := uint64(r.Int63n(int64(last.first+last.days))), uint64(r.Int63n(nanosecondsPerDay))
		require.Equal(t, modelScheduled(periods, days, rest), scheduled(days, rest), "after %d days and %d ns", days, rest)
	}
}

func TestPeriodsBeginAndEnd(t *testing.T) {
	const day = 24 * time.Hour
	for i, p := range model() {
		number, at := periodAt(p.first)
		require.Equal(t, i+1, number)
		require.Equal(t, Period{uint32(p.days), p.perDay.Uint64()}, at)
		if i == 0 {
			continue
		}
		number, _ = periodAt(p.first - 1)
		require.Equal(t, i, number)
		for _, shift := range []int64{-1, 0, 1} {
			days, rest := p.first, uint64(max(shift, 0))
			if shift < 0 {
				days, rest = p.first-1, nanosecondsPerDay-1
			}
			want := modelScheduled(model(), days, rest)
			require.Equal(t, want, scheduled(days, rest), "period %d, %d ns", i+1, shift)
			if days > uint64(never/day)-1 {
				continue // later than a time.Duration can say
			}
			elapsed := time.Duration(p.first)*day + time.Duration(shift)
			require.Equal(t, want, Scheduled(elapsed).Uint64(), "period %d, %d ns", i+1, shift)
			number, _ := PeriodAt(elapsed)
			require.Equal(t, i+1+int(min(shift, 0)), number)
		}
	}
}

func TestEmissionEndsAtTheCap(t *testing.T) {
	last := model()[len(emissionTable)-1]
	before := scheduled(last.first, 0)
	require.Less(t, before, EmissionCap)
	days := (EmissionCap - before) / last.perDay.Uint64()
	require.Less(t, days, last.days, "the last period ends before its length")
	require.Less(t, scheduled(last.first+days, 0), EmissionCap)
	require.Equal(t, EmissionCap, scheduled(last.first+days+1, 0))
	require.Equal(t, EmissionCap, scheduled(last.first+last.days-1, nanosecondsPerDay-1))
	require.Equal(t, EmissionCap, scheduled(1<<62, 0))
	number, p := periodAt(1 << 62)
	require.Equal(t, len(emissionTable), number)
	require.Equal(t, last.perDay.Uint64(), p.PerDay)
}

func TestScheduledNeverFalls(t *testing.T) {
	require.True(t, Scheduled(0).IsZero())
	require.True(t, Scheduled(-1).IsZero())
	require.True(t, Scheduled(-never-1).IsZero())
	number, p := PeriodAt(-1)
	require.Equal(t, 1, number)
	require.Equal(t, Schedule()[0], p)
	require.True(t, Scheduled(24*time.Hour).Equal(math.NewInt(50_000_000_000)))

	r, elapsed, last := rand.New(rand.NewSource(5)), time.Duration(0), math.ZeroInt()
	for elapsed < never-time.Duration(1<<50) {
		elapsed += time.Duration(r.Int63n(1 << uint(1+r.Intn(50))))
		now := Scheduled(elapsed)
		require.True(t, now.GTE(last), "after %d ns", elapsed)
		last = now
	}
	require.True(t, Scheduled(never).GTE(last))
	require.True(t, Scheduled(never).LT(math.NewIntFromUint64(EmissionCap)))
}

func TestSplit(t *testing.T) {
	split := func(amount math.Int, n, v, r uint32) (nodes, validators, routers uint64) {
		a, b, c := Split(amount, Params{NodesBps: n, ValidatorsBps: v, RoutersBps: r})
		return a.Uint64(), b.Uint64(), c.Uint64()
	}
	nodes, validators, routers := split(math.NewInt(12_345), 8_000, 1_500, 500)
	require.EqualValues(t, 9_876, nodes)
	require.EqualValues(t, 1_851, validators, "1,851.75 rounded down")
	require.EqualValues(t, 617, routers, "617.25 rounded down")
	nodes, validators, routers = split(math.NewInt(3), 3_400, 3_300, 3_300)
	require.EqualValues(t, []uint64{1, 0, 0}, []uint64{nodes, validators, routers})
	nodes, validators, routers = split(math.NewIntFromUint64(EmissionCap), Whole, 0, 0)
	require.Equal(t, []uint64{EmissionCap, 0, 0}, []uint64{nodes, validators, routers})
}

func TestDue(t *testing.T) {
	for _, tc := range []struct {
		name                 string
		scheduled, accounted int64
		weight, target       uint64
		want                 int64
	}{
		{"in full", 100, 40, 7, 7, 60},
		{"beyond the target", 100, 40, 1 << 63, 7, 60},
		{"in proportion, rounded down", 100, 40, 6, 7, 51},
		{"little", 100, 40, 1, 1 << 60, 0},
		{"nobody", 100, 40, 0, 7, 0},
		{"nobody and no target", 100, 40, 0, 0, 0},
		{"no target", 100, 40, 1, 0, 60},
		{"all accounted for", 100, 100, 7, 7, 0},
		{"more than scheduled", 100, 101, 7, 7, 0},
		{"the whole schedule", int64(EmissionCap), 0, 1<<60 - 1, 1 << 60, int64(EmissionCap) - 1},
	} {
		got := Due(math.NewInt(tc.scheduled), math.NewInt(tc.accounted), tc.weight, tc.target)
		require.Equal(t, tc.want, got.Int64(), tc.name)
	}
}
