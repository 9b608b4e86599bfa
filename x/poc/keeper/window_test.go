package keeper_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/x/poc/types"
)

// From the opening to the claim: one node proves, another keeps silent, a third
// stays away.
func TestWindow(t *testing.T) {
	f := newFixture(t, 1)
	key := started(f)
	honest, silent, absent := f.miner(1, 1, 1_000_000_000), f.miner(2, 2, 1_000_000_000), f.miner(3, 3, 1_000_000_000)

	w := f.until(key, types.PHASE_OPEN)
	require.Equal(t, w.Height, f.ctx.BlockHeight())
	first := honest.computes(w, 2)
	f.next(key, func() { require.NoError(t, honest.commits(first)) })
	final := honest.computes(w, 3)
	f.next(key, func() {
		require.NoError(t, honest.commits(final), "the last one counts")
		require.NoError(t, silent.commits(silent.computes(w, 3)))
	})
	f.next(key)
	w = f.last()
	require.Equal(t, types.PHASE_DRAWING, w.Phase)
	require.EqualValues(t, 3*time.Second, w.TookNanoseconds)
	require.ErrorIs(t, honest.commits(final), types.ErrWindow, "too late")

	w = f.until(key, types.PHASE_REVEAL)
	require.Equal(t, w.ClosesAt+1, w.DrawnAt)
	require.EqualValues(t, 2, w.Commits)
	require.EqualValues(t, 2, w.Suspects)
	q, err := f.query.Proof(f.ctx, &types.QueryProofRequest{Node: honest.addr.String()})
	require.NoError(t, err)
	require.True(t, q.Drawn)
	require.EqualValues(t, 4, q.Samples)
	reveal := honest.opens(w)
	f.next(key, func() {
		gas := f.ctx.GasMeter().GasConsumed()
		require.NoError(t, honest.reveals(reveal))
		require.GreaterOrEqual(t, f.ctx.GasMeter().GasConsumed()-gas, uint64(4*1_000), "gas follows the work")
		require.ErrorIs(t, honest.reveals(reveal), types.ErrWindow, "twice")
		require.ErrorIs(t, absent.reveals(&types.MsgRevealProof{Node: absent.addr.String(), Window: w.Height, Proof: reveal.Proof}), types.ErrNotDrawn)
	})
	w = f.until(key, types.PHASE_CLOSED)

	power := proof.MicroE(proof.Commitment{LogN: logN, Rounds: 3}, 3*time.Second).Uint64()
	require.EqualValues(t, []uint64{1, 1, 1, 0, 0, power, power}, []uint64{w.Number, w.Proved, w.Silent, w.Wrong, w.NotDrawn, w.Power, w.Weight})
	require.Zero(t, honest.node().Power, "one window of four is no quartile yet")
	p, err := f.query.Power(f.ctx, &types.QueryPowerRequest{Node: honest.addr.String()})
	require.NoError(t, err)
	require.Equal(t, []types.Score{{Number: 1, Outcome: types.OUTCOME_PROVED, Power: power}}, p.Record.Scores)
	require.False(t, silent.node().Jailed, "silence is no crime")

	// What was issued: the schedule so far, in proportion to power below the target.
	e, err := f.query.Emission(f.ctx, &types.QueryEmissionRequest{})
	require.NoError(t, err)
	due := types.Due(e.Emission.Accounted, math.ZeroInt(), power, types.MicroE)
	require.True(t, due.IsPositive())
	nodesShare, validators, _ := types.Split(due, types.DefaultParams())
	require.Equal(t, nodesShare, w.Minted)
	require.Equal(t, validators, f.bank.balance(f.bank.GetModuleAddress("fee_collector")))
	require.Equal(t, nodesShare.Add(validators), f.bank.supply)
	require.Equal(t, f.bank.supply, e.Emission.Minted)

	// And claimed, once.
	claim := &types.MsgClaimRewards{Operator: honest.operator.String()}
	r, err := f.query.Rewards(f.ctx, &types.QueryRewardsRequest{Operator: claim.Operator})
	require.NoError(t, err)
	require.Equal(t, types.Uemc(w.Minted), r.Reward.Claimable)
	answer, err := f.msg.ClaimRewards(f.ctx, claim)
	require.NoError(t, err)
	require.Equal(t, types.Uemc(w.Minted), answer.Amount)
	require.Equal(t, w.Minted, f.bank.balance(honest.operator))
	_, err = f.msg.ClaimRewards(f.ctx, claim)
	require.ErrorIs(t, err, types.ErrNoRewards)
	_, err = f.msg.ClaimRewards(f.ctx, &types.MsgClaimRewards{Operator: silent.operator.String()})
	require.ErrorIs(t, err, types.ErrNoRewards)
	require.NoError(t, f.k.CheckInvariants(f.ctx))
}

// A window in which the chain stood still counts for nobody.
func TestVoidWindows(t *testing.T) {
	f := newFixture(t, 1)
	key := started(f)
	m := f.miner(1, 1, 1_000_000_000)

	w := f.until(key, types.PHASE_OPEN)
	f.next(key, func() { require.NoError(t, m.commits(m.computes(w, 1))) })
	f.ctx = f.ctx.WithBlockTime(f.ctx.BlockTime().Add(4 * time.Second))
	f.next(key)
	f.next(key)
	w = f.last()
	require.Equal(t, types.PHASE_VOID, w.Phase)
	require.Contains(t, w.VoidReason, "7000 ms, at most 6000 ms")

	// One whose sample nobody can draw, too.
	w = f.until(key, types.PHASE_OPEN)
	f.next(key, func() { require.NoError(t, m.commits(m.computes(w, 1))) })
	for range 2 + 5 {
		require.NotEqual(t, types.PHASE_VOID, f.last().Phase)
		f.next(nil)
	}
	require.Equal(t, types.PHASE_VOID, f.last().Phase)
	require.Contains(t, f.last().VoidReason, "0 of 0 validators")
	// While nobody contributes, no window opens; the blocks go on.
	for range 50 {
		f.next(nil)
	}
	require.Equal(t, w.Height, f.last().Height)
	opened := f.until(key, types.PHASE_OPEN)
	require.Greater(t, opened.Height, w.Height+50)
	require.Zero(t, opened.Number)
	_, err := f.query.Power(f.ctx, &types.QueryPowerRequest{Node: m.addr.String()})
	require.ErrorContains(t, err, "NotFound")
}

// Windows open after the gap, as often as the parameter says, and never before
// the last is over.
func TestOpens(t *testing.T) {
	f := newFixture(t, 1)
	key := started(f)
	f.params(func(p *types.Params) { p.WindowMeanBlocks = 5 })
	var opened []int64
	for range 2_000 {
		f.next(key)
		if w, err := f.query.Window(f.ctx, &types.QueryWindowRequest{}); err == nil && w.Window.Height == f.ctx.BlockHeight() {
			opened = append(opened, w.Window.Height)
		}
	}
	for i := 1; i < len(opened); i++ {
		require.GreaterOrEqual(t, opened[i]-opened[i-1], int64(10))
	}
	require.InDelta(t, 2_000.0/14, len(opened), 20) // a gap of ten, then one of five on average, the first included
}
