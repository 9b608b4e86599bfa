package keeper_test

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"cosmossdk.io/math"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// Routers that answer share what is due by stake; what rounding leaves is the next
// epoch's. A node earns nothing here, and who does not answer, is jailed or has no
// stake, neither.
func TestRoutersArePaid(t *testing.T) {
	f := probing(newFixture(t, 3), 1, 1, 1)
	one, two, dead, jailed, poor, node := f.router(1, 2), f.router(2, 1), f.router(3, 100), f.router(4, 100), f.router(5, 0), f.answering(6)
	f.opened()
	f.due(100)
	for i := range 3 {
		f.reports(i, is(dead))
	}
	jailed.node().Jailed = true
	e := f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.EqualValues(t, []int64{66, 33, 0, 0, 0, 0}, claims(one, two, dead, jailed, poor, node))
	require.EqualValues(t, []int64{3, 100, 99}, []int64{e.Weight.Int64(), e.Minted.Int64(), e.Paid.Int64()})
	emission, err := f.k.Emission.Get(f.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, emission.UndividedRouters.Int64())
	require.True(t, emission.RoutersDue.IsZero())
	require.EqualValues(t, 100, f.bank.supply.Int64())

	f.opened()
	f.due(2)
	for i := range 3 {
		f.reports(i, nil)
	}
	two.node().Stake, dead.node().Stake = math.ZeroInt(), math.ZeroInt()
	f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.EqualValues(t, []int64{69, 33, 0, 0, 0, 0}, claims(one, two, dead, jailed, poor, node), "with what was left over")

	answer, err := f.msg.ClaimRewards(f.ctx, &types.MsgClaimRewards{Operator: one.operator.String()})
	require.NoError(t, err)
	require.EqualValues(t, 69, answer.Amount.Amount.Int64())
}

func claims(miners ...*miner) (out []int64) {
	for _, m := range miners {
		out = append(out, m.claimable().Int64())
	}
	return out
}

// What is due lapses when no router answers: after a quiet week the first one would
// get all of it. So it does while nothing can be concluded.
func TestDueLapses(t *testing.T) {
	f := probing(newFixture(t, 3), 1, 1, 1)
	router, _ := f.router(1, 5), f.answering(2)
	f.opened()
	f.due(100)
	for i := range 3 {
		f.reports(i, is(router))
	}
	f.untilEpoch(types.PROBE_PHASE_CLOSED)
	f.opened()
	f.due(100)
	f.reports(0, nil)
	f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.EqualValues(t, []int64{0}, claims(router))
	require.True(t, f.bank.supply.IsZero())
	emission, err := f.k.Emission.Get(f.ctx)
	require.NoError(t, err)
	require.True(t, emission.RoutersDue.IsZero())
	require.EqualValues(t, 200, emission.Accounted.Int64())
}

// A window leaves the routers' part to the epoch: 5 % of what it issues.
func TestWindowsOweRouters(t *testing.T) {
	f := newFixture(t, 3)
	key := started(f)
	for i := range 3 {
		f.power(i, 1)
		require.NoError(t, f.setProber(i, prober(i)))
	}
	m, router := f.miner(1, 1, 1_000_000_000), f.router(2, 7)
	f.params(func(p *types.Params) { p.ProbeEpochBlocks = 100 }) // a window passes meanwhile
	f.next(nil)
	e := f.epoch()
	e.ClosesAt = f.ctx.BlockHeight()
	require.NoError(t, f.k.Epochs.Set(f.ctx, e.Number, e))
	f.opened()
	w := f.proves(key, 1, m)
	require.True(t, w.Minted.IsPositive())
	emission, err := f.k.Emission.Get(f.ctx)
	require.NoError(t, err)
	due := emission.RoutersDue
	require.True(t, due.IsPositive())
	require.InDelta(t, float64(w.Minted.MulRaw(500).QuoRaw(8_000).Int64()), float64(due.Int64()), 1)
	for i := range 3 {
		f.reports(i, nil)
	}
	before := f.bank.supply
	e = f.untilEpoch(types.PROBE_PHASE_CLOSED)
	require.Equal(t, due.String(), e.Minted.String())
	require.Equal(t, due.String(), router.claimable().String())
	require.Equal(t, before.Add(due).String(), f.bank.supply.String())
}

// The part of a router's stake that is paid for.
func TestBacked(t *testing.T) {
	for _, row := range []struct {
		passed, power uint64
		want          int64
	}{
		{0, 3, 0}, {1, 3, 0}, {100, 299, 334}, {1, 2, 500}, {199, 299, 665}, {2, 3, 1_000}, {3, 3, 1_000}, {0, 0, 0},
		{1 << 62, 1<<63 - 1, 500}, {1<<63 - 1, 1<<63 - 1, 1_000},
	} {
		c := types.ProbeCount{Reporters: 3, Power: row.power, Passed: row.passed}
		require.EqualValues(t, row.want, c.Backed(math.NewInt(1_000)).Int64(), "%d of %d", row.passed, row.power)
	}
}

// The books of random epochs agree with a plain model: who is unreachable, what each
// router is paid to the last uemc, and that nothing is lost or made.
func TestProbesModel(t *testing.T) {
	reached := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		validators := rapid.IntRange(1, 6).Draw(r, "validators")
		f := probing(newFixture(t, validators), make([]int64, validators)...)
		f.params(func(p *types.Params) {
			p.ProbeMinReporters = uint32(rapid.IntRange(1, 3).Draw(r, "reporters"))
			p.ProbeQuorumBps = uint32(rapid.IntRange(1, types.Whole).Draw(r, "quorum"))
			p.BlockWork = uint32(rapid.IntRange(3, 20).Draw(r, "work"))
		})
		params, err := f.k.Params.Get(f.ctx)
		require.NoError(t, err)
		var all []*miner
		for seed := range byte(rapid.IntRange(1, 4).Draw(r, "routers")) {
			all = append(all, f.router(seed+1, rapid.Int64Range(0, 1_000).Draw(r, "stake")))
		}
		for seed := range byte(rapid.IntRange(0, 3).Draw(r, "nodes")) {
			all = append(all, f.answering(seed+100))
		}
		claimable, minted, undivided := map[string]int64{}, int64(0), int64(0)
		for range rapid.IntRange(1, 4).Draw(r, "epochs") {
			powers := make([]int64, validators)
			bonded := int64(0)
			for i := range powers {
				powers[i] = rapid.SampledFrom([]int64{0, 1, 1, 2, 3, 10}).Draw(r, "power")
				f.power(i, powers[i])
				bonded += powers[i]
			}
			marked := map[string]bool{}
			for _, m := range all {
				marked[m.addr.String()] = m.node().UnreachableSince != 0
			}
			for before := f.epoch().Number; f.epoch().Number == before; {
				f.next(nil)
			}
			e := f.epoch()
			for e.Phase == types.PROBE_PHASE_DRAWING {
				f.next(nil)
				e = f.epoch()
			}
			due := rapid.Int64Range(0, 1_000).Draw(r, "due")
			if e.Phase == types.PROBE_PHASE_OPEN {
				f.due(due)
			}
			// Who said what of whom: 0 nothing, 1 failed, 2 passed.
			said := map[string][]int{}
			for _, m := range all {
				said[m.addr.String()] = make([]int, validators)
			}
			for i := range validators {
				if e.Phase != types.PROBE_PHASE_OPEN || !e.Member(f.validator(i)) || rapid.IntRange(0, 5).Draw(r, "absent") == 0 {
					continue
				}
				say := map[string]int{}
				for _, m := range all {
					say[m.addr.String()] = rapid.SampledFrom([]int{0, 1, 2, 2}).Draw(r, "say")
				}
				report := f.report(i, func(n *computetypes.Node) bool { return say[n.Address] == 1 }, func(n *computetypes.Node) bool { return say[n.Address] == 0 })
				if f.tell(report) != nil {
					continue // nothing probed
				}
				for node, what := range say {
					said[node][i] = what
				}
			}
			for f.epoch().Number == e.Number && f.epoch().Active() {
				f.next(nil)
			}
			closed, err := f.k.Epochs.Get(f.ctx, e.Number)
			require.NoError(t, err)
			require.Equal(t, types.PROBE_PHASE_CLOSED, closed.Phase)

			// The model, in exact rationals.
			weights, total := map[string]int64{}, int64(0)
			for _, m := range all {
				node := m.addr.String()
				reporters, power, passed := 0, int64(0), int64(0)
				for i, what := range said[node] {
					if what == 0 {
						continue
					}
					reporters, power = reporters+1, power+powers[i]
					if what == 2 {
						passed += powers[i]
					}
				}
				switch {
				case reporters < int(params.ProbeMinReporters) || big.NewRat(power, max(bonded, 1)).Cmp(big.NewRat(int64(params.ProbeQuorumBps), types.Whole)) < 0 || power == 0:
					marked[node] = false
					reached["undecided"]++
				case big.NewRat(power-passed, power).Cmp(big.NewRat(2, 3)) >= 0:
					marked[node] = true
					reached["unreachable"]++
				default:
					marked[node] = false
					reached["answered"]++
					part := big.NewRat(passed, power)
					if part.Cmp(big.NewRat(2, 3)) >= 0 {
						part = big.NewRat(1, 1)
					} else {
						reached["in between"]++
					}
					if m.node().Role == computetypes.ROLE_ROUTER {
						w := new(big.Rat).Mul(part, new(big.Rat).SetInt(m.node().Stake.BigInt()))
						weights[node] = floor(w).Num().Int64()
						total += weights[node]
					}
				}
				require.Equal(t, marked[node], m.node().UnreachableSince != 0, "%s: %v of %v", node, said[node], powers)
			}
			if e.Phase == types.PROBE_PHASE_OPEN && total > 0 {
				minted += due
				pot, paid := due+undivided, int64(0)
				for _, m := range all {
					share := pot * weights[m.addr.String()] / total
					claimable[m.operator.String()] += share
					paid += share
				}
				undivided = pot - paid
				reached["paid"]++
			}
			for _, m := range all {
				require.Equal(t, claimable[m.operator.String()], m.claimable().Int64())
			}
			require.Equal(t, minted, f.bank.supply.Int64())
			emission, err := f.k.Emission.Get(f.ctx)
			require.NoError(t, err)
			require.Equal(t, undivided, emission.UndividedRouters.Int64())
		}
	})
	t.Log(reached)
	for _, what := range []string{"undecided", "unreachable", "answered", "in between", "paid"} {
		require.Positive(t, reached[what], "no epoch had: %s", what)
	}
}
