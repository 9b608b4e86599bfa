package keeper_test

import (
	"errors"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/beacon"
	"github.com/edgematrix/emc/x/poc/types"
)

// Market power is the lower quartile of the last four windows here: it comes with
// the third proof, survives one absence and falls with the second; an absent node
// is written once.
func TestMarketPower(t *testing.T) {
	f := newFixture(t, 1)
	key := started(f)
	m, steady := f.miner(1, 1, 1_000_000_000), f.miner(2, 2, 1_000_000_000)
	f.proves(key, 2, m, steady)
	require.Zero(t, m.node().Power)
	f.proves(key, 1, m, steady)
	full := m.node().Power
	require.Positive(t, full)
	f.proves(key, 1, m, steady)
	writes := f.compute.writes
	f.proves(key, 1, steady)
	require.Equal(t, full, m.node().Power, "one absence is forgiven")
	require.Equal(t, writes, f.compute.writes, "and costs no write")
	f.proves(key, 1, steady)
	require.Zero(t, m.node().Power)
	f.proves(key, 6, steady)
	require.Equal(t, writes+1, f.compute.writes, "an absent node is written when its power changes, and then no more")
	require.Equal(t, full, steady.node().Power)
	// It comes back as it came first.
	f.proves(key, 2, m, steady)
	require.Zero(t, m.node().Power)
	f.proves(key, 1, m, steady)
	require.Equal(t, full, m.node().Power)
	p, err := f.query.Power(f.ctx, &types.QueryPowerRequest{Node: m.addr.String()})
	require.NoError(t, err)
	require.EqualValues(t, 1, p.Missed)
}

// Drawn and silent three times in the last windows: jailed, not slashed.
func TestSilence(t *testing.T) {
	f := newFixture(t, 1)
	key := started(f)
	f.params(func(p *types.Params) { p.MaxSilent = 3 })
	m := f.miner(1, 1, 1_000_000_000)
	for i := range 3 {
		require.False(t, m.node().Jailed, "after %d", i)
		w := f.until(key, types.PHASE_OPEN)
		f.next(key, func() { require.NoError(t, m.commits(m.computes(w, 1))) })
		f.until(key, types.PHASE_CLOSED)
	}
	require.True(t, m.node().Jailed)
	require.Equal(t, math.NewInt(1_000_000_000), m.node().Stake)
}

// With more commitments than places some are drawn, suspects with them, and who
// is not drawn counts as its last proven power at most.
func TestMoreThanPlaces(t *testing.T) {
	f := newFixture(t, 1)
	key := started(f)
	var old, fresh []*miner
	for i := range 12 {
		old = append(old, f.miner(byte(i+1), byte(i+1), 1_000_000_000))
	}
	f.proves(key, 4, old...) // no longer new
	proven := old[0].node().Power
	f.params(func(p *types.Params) { p.MaxReveals = 6 })
	for i := range 12 {
		fresh = append(fresh, f.miner(byte(i+101), byte(i+101), 1_000_000_000))
	}
	drawn := map[bool]int{}
	for range 8 {
		w := f.until(key, types.PHASE_OPEN)
		f.next(key, func() {
			for _, m := range append(append([]*miner(nil), old...), fresh...) {
				require.NoError(t, m.commits(m.computes(w, 4)), "twice what was proven")
			}
		})
		w = f.until(key, types.PHASE_REVEAL)
		require.EqualValues(t, 12, w.Suspects)
		require.EqualValues(t, types.Below(3, 12), w.SuspectDrawBelow)
		require.EqualValues(t, types.Below(3, 12), w.DrawBelow, "half of the places stay for the others")
		for _, m := range append(append([]*miner(nil), old...), fresh...) {
			c, err := f.k.Commits.Get(f.ctx, m.addr)
			require.NoError(t, err)
			if w.Drawn(c) {
				drawn[c.Suspect]++
				require.NoError(t, m.reveals(m.opens(w)))
			} else {
				require.ErrorIs(t, m.reveals(&types.MsgRevealProof{Node: m.addr.String(), Window: w.Height, Proof: []byte{1}}), types.ErrNotDrawn)
			}
		}
		w = f.until(key, types.PHASE_CLOSED)
		require.Equal(t, uint64(24), w.Proved+w.NotDrawn)
		for _, m := range append(append([]*miner(nil), old...), fresh...) {
			r, err := f.k.Records.Get(f.ctx, m.addr)
			require.NoError(t, err)
			if last := r.Scores[len(r.Scores)-1]; last.Outcome == types.OUTCOME_NOT_DRAWN {
				require.LessOrEqual(t, last.Power, r.Proven)
			} else {
				require.InDelta(t, 2*proven, last.Power, 1)
			}
		}
		for _, m := range fresh { // keep them new
			r, err := f.k.Records.Get(f.ctx, m.addr)
			require.NoError(t, err)
			r.Proved = 0
			require.NoError(t, f.k.Records.Set(f.ctx, m.addr, r))
		}
	}
	require.InDelta(t, 24, drawn[true], 12)
	require.InDelta(t, 24, drawn[false], 12)
}

// A block settles no more than its share, and a genesis taken in any phase goes
// on as if nothing had happened.
func TestBoundedWorkAndGenesis(t *testing.T) {
	f := newFixture(t, 1)
	key := started(f)
	f.params(func(p *types.Params) { p.BlockWork = 2 })
	var miners []*miner
	for i := range 7 {
		miners = append(miners, f.miner(byte(i+1), byte(i%3+1), 1_000_000_000))
	}
	f.proves(key, 2, miners...)
	seen := map[types.Phase]bool{}
	w := f.until(key, types.PHASE_OPEN)
	for range 60 {
		f.next(key, func() {
			w = f.last()
			for _, m := range miners {
				_, err := f.k.Commits.Get(f.ctx, m.addr)
				switch {
				case w.Phase == types.PHASE_OPEN && err != nil && f.ctx.BlockHeight() > w.Height:
					require.NoError(t, m.commits(m.computes(w, 2)))
				case w.Phase == types.PHASE_REVEAL && f.ctx.BlockHeight() == w.DrawnAt+1:
					require.NoError(t, m.reveals(m.opens(w)))
				}
			}
		})
		f.reimports(key)
		if w = f.last(); w.Phase == types.PHASE_CLOSED {
			break
		}
		seen[w.Phase] = true
	}
	for _, phase := range []types.Phase{types.PHASE_OPEN, types.PHASE_DRAWING, types.PHASE_REVEAL, types.PHASE_SETTLING, types.PHASE_PAYING} {
		require.True(t, seen[phase], phase)
	}
	require.EqualValues(t, 7, w.Proved)
}

// reimports starts a second chain from this one's genesis and lets both go on.
func (f *fixture) reimports(key *beacon.Key) {
	f.Helper()
	exported, err := f.k.ExportGenesis(f.ctx)
	require.NoError(f, err)
	require.NoError(f, exported.Validate())
	g := newFixture(f.T, 1)
	g.compute.byAddress, g.staking = f.compute.byAddress, f.staking
	*g.bank = *f.bank
	require.NoError(f, g.k.InitGenesis(g.ctx, exported))
	g.ctx = g.ctx.WithBlockHeader(f.ctx.BlockHeader()).WithBlockHeight(f.ctx.BlockHeight())
	again, err := g.k.ExportGenesis(g.ctx)
	require.NoError(f, err)
	require.Equal(f, exported, again)
	require.NoError(f, g.k.RestartAtZero(g.ctx))
	require.NoError(f, g.k.CheckInvariants(g.ctx), "begun anew at height 0")
	zero, err := g.k.ExportGenesis(g.ctx)
	require.NoError(f, err)
	require.NoError(f, zero.Validate())
	require.Empty(f, zero.Commits)
}

// A node that cannot be settled stops nobody else.
func TestSettleErrorIsIsolated(t *testing.T) {
	f := newFixture(t, 1)
	key := started(f)
	bad, good := f.miner(1, 1, 1_000_000_000), f.miner(2, 2, 1_000_000_000)
	f.proves(key, 2, bad, good)
	f.compute.fail = map[string]error{bad.addr.String(): errors.New("no")}
	w := f.until(key, types.PHASE_OPEN)
	f.next(key, func() {
		require.NoError(t, bad.commits(bad.computes(w, 2)))
		require.NoError(t, good.commits(good.computes(w, 2)))
	})
	w = f.until(key, types.PHASE_REVEAL)
	f.next(key, func() {
		require.NoError(t, bad.reveals(bad.opens(w)))
		require.NoError(t, good.reveals(good.opens(w)))
	})
	w = f.until(key, types.PHASE_CLOSED)
	require.EqualValues(t, 1, w.Proved)
	require.Positive(t, good.node().Power)
	require.True(t, w.Minted.Sub(w.Paid).Abs().LTE(math.NewInt(2)), "all of it is paid: %s of %s", w.Paid, w.Minted)
}

// A node that retires in the middle leaves nothing behind but its operator's rewards.
func TestRetires(t *testing.T) {
	f := newFixture(t, 1)
	key := started(f)
	m, other := f.miner(1, 1, 1_000_000_000), f.miner(2, 2, 1_000_000_000)
	f.proves(key, 3, m, other)
	w := f.until(key, types.PHASE_OPEN)
	f.next(key, func() { require.NoError(t, m.commits(m.computes(w, 2))) })
	require.NoError(t, f.compute.retire(f.ctx, m.addr))
	w = f.until(key, types.PHASE_REVEAL)
	require.ErrorIs(t, func() error { _, err := f.msg.RevealProof(f.ctx, m.opens(w)); return err }(), types.ErrInvalidNode)
	f.until(key, types.PHASE_CLOSED)
	g, err := f.k.ExportGenesis(f.ctx)
	require.NoError(t, err)
	require.Len(t, g.Records, 1)
	require.Len(t, g.Rewards, 2)
}

// Two identities on one machine, and one operator with half the stake for each,
// earn together no more than one: the rule is linear, and rounds down.
func TestSplittingGainsNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		power, stake, perE := r.Uint64N(1<<40), math.NewInt(r.Int64N(1<<50)), math.NewInt(1+r.Int64N(1<<30))
		part := r.Uint64N(power + 1)
		stakePart := math.NewInt(r.Int64N(stake.Int64() + 1))
		one := types.Weight(power, stake, perE)
		require.LessOrEqual(t, types.Weight(part, stakePart, perE)+types.Weight(power-part, stake.Sub(stakePart), perE), one)
	}
}

// The books of 10,000 random windows agree with a model in exact rationals: what
// is issued is the schedule's, what is owed is each node's share rounded down, and
// nothing is lost or made.
func TestEmissionModel(t *testing.T) {
	windows := 10_000
	if testing.Short() {
		windows = 500
	}
	f := newFixture(t, 1)
	key := started(f)
	r := rand.New(rand.NewPCG(7, 7))
	var miners []*miner
	for i := range 5 {
		miners = append(miners, f.miner(byte(i+1), byte(i%2+1), 0))
	}
	params, err := f.k.Params.Get(f.ctx)
	require.NoError(t, err)
	accounted, minted, undivided := new(big.Rat), math.ZeroInt(), math.ZeroInt()
	owed := map[string]math.Int{}
	w := f.until(key, types.PHASE_OPEN)
	e, err := f.k.Emission.Get(f.ctx)
	require.NoError(t, err)
	for number := range windows {
		// The window is written as it is when all proofs are in: the work is another test's.
		w = types.Window{
			Height: f.ctx.BlockHeight(), Phase: types.PHASE_REVEAL, Beacon: make([]byte, 32), Draw: make([]byte, 32), Opened: f.ctx.BlockTime(),
			ClosesAt: f.ctx.BlockHeight() + 1, TookNanoseconds: 1, Number: uint64(number + 1), DrawnAt: f.ctx.BlockHeight(), RevealUntil: f.ctx.BlockHeight() + 1,
			DrawBelow: types.Everyone, SuspectDrawBelow: types.Everyone, Samples: 1, SuspectSamples: 1,
			Minted: math.ZeroInt(), MintedValidators: math.ZeroInt(), Paid: math.ZeroInt(),
		}
		require.NoError(t, f.k.Windows.Set(f.ctx, w.Height, w))
		require.NoError(t, f.k.Last.Set(f.ctx, w.Height))
		require.NoError(t, f.k.Number.Set(f.ctx, w.Number))
		weights, total := map[string]uint64{}, uint64(0)
		for _, m := range miners {
			if r.IntN(4) == 0 {
				continue
			}
			m.node().Stake = math.NewInt(r.Int64N(600_000))
			c := types.Commit{Node: m.addr, Window: w.Height, Log2N: logN, Rounds: 1, Root: make([]byte, 32), Outcome: types.OUTCOME_PROVED, Power: r.Uint64N(500_000)}
			require.NoError(t, f.k.Commits.Set(f.ctx, m.addr, c))
			backed := new(big.Rat).SetFrac(new(big.Int).Mul(m.node().Stake.BigInt(), big.NewInt(types.MicroE)), params.StakePerE.Amount.BigInt())
			weight := min(c.Power, new(big.Int).Quo(backed.Num(), backed.Denom()).Uint64())
			weights[m.addr.String()] = weight
			total += weight
		}
		f.ctx = f.ctx.WithBlockTime(f.ctx.BlockTime().Add(time.Duration(r.IntN(40_000)) * time.Second)).WithBlockHeight(f.ctx.BlockHeight() + 1)
		require.NoError(t, f.k.EndBlock(f.ctx))

		// The model.
		seconds := f.ctx.BlockTime().Unix() - e.Started
		scheduled := exactSchedule(seconds)
		due := new(big.Rat).Sub(floor(scheduled), accounted)
		due = floor(due.Mul(due, big.NewRat(int64(min(total, params.TargetPower)), int64(params.TargetPower))))
		accounted = floor(scheduled)
		pot := floor(new(big.Rat).Mul(due, big.NewRat(int64(params.NodesBps), types.Whole)))
		validators := floor(new(big.Rat).Mul(due, big.NewRat(int64(params.ValidatorsBps), types.Whole)))
		minted = minted.Add(math.NewIntFromBigInt(pot.Num())).Add(math.NewIntFromBigInt(validators.Num()))
		divide := new(big.Rat).Add(pot, new(big.Rat).SetInt(undivided.BigInt()))
		paid := math.ZeroInt()
		for _, m := range miners {
			if weights[m.addr.String()] == 0 {
				continue
			}
			share := math.NewIntFromBigInt(floor(new(big.Rat).Mul(divide, new(big.Rat).SetFrac(new(big.Int).SetUint64(weights[m.addr.String()]), new(big.Int).SetUint64(total)))).Num())
			if owed[m.operator.String()].IsNil() {
				owed[m.operator.String()] = math.ZeroInt()
			}
			owed[m.operator.String()] = owed[m.operator.String()].Add(share)
			paid = paid.Add(share)
		}
		undivided = undivided.Add(math.NewIntFromBigInt(pot.Num())).Sub(paid)

		if r.IntN(50) == 0 {
			operator := miners[r.IntN(2)].operator
			if answer, err := f.msg.ClaimRewards(f.ctx, &types.MsgClaimRewards{Operator: operator.String()}); err == nil {
				require.Equal(t, owed[operator.String()], answer.Amount.Amount)
				owed[operator.String()] = math.ZeroInt()
			}
		}
		now, err := f.k.Emission.Get(f.ctx)
		require.NoError(t, err)
		require.Equal(t, minted.String(), now.Minted.String(), "window %d", number)
		require.Equal(t, undivided.String(), now.Undivided.String())
		require.Equal(t, minted.String(), f.bank.supply.String())
		for operator, amount := range owed {
			reward, err := f.query.Rewards(f.ctx, &types.QueryRewardsRequest{Operator: operator})
			require.NoError(t, err)
			require.Equal(t, amount.String(), reward.Reward.Claimable.Amount.String())
		}
		if number%97 == 0 {
			require.NoError(t, f.k.CheckInvariants(f.ctx))
		}
	}
	require.NoError(t, f.k.CheckInvariants(f.ctx))
	require.True(t, minted.IsPositive())
}

// exactSchedule is the cumulative schedule in uemc, by the rule and in rationals.
func exactSchedule(seconds int64) *big.Rat {
	sum, left := new(big.Rat), seconds
	for _, p := range types.Schedule() {
		part := min(left, int64(p.Days)*86_400)
		sum.Add(sum, new(big.Rat).Mul(new(big.Rat).SetInt(new(big.Int).SetUint64(p.PerDay)), big.NewRat(part, 86_400)))
		if left -= part; left == 0 {
			break
		}
	}
	if limit := new(big.Rat).SetUint64(types.EmissionCap); sum.Cmp(limit) > 0 {
		return limit
	}
	return sum
}

func floor(r *big.Rat) *big.Rat {
	return new(big.Rat).SetInt(new(big.Int).Quo(r.Num(), r.Denom()))
}
