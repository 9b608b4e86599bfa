package keeper_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/proof"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// Bad input is refused before anything is multiplied, and changes nothing.
func TestRefusedCommitments(t *testing.T) {
	f := newFixture(t, 1)
	key := started(f)
	m := f.miner(1, 1, 1_000_000_000)
	f.params(func(p *types.Params) { p.MaxRounds = 1_000 })
	require.ErrorIs(t, m.commits(&types.MsgCommitProof{Node: m.addr.String(), Window: 5, Kind: 1, Log2N: logN, Rounds: 1, Root: make([]byte, 32)}), types.ErrWindow, "before the first window")
	w := f.until(key, types.PHASE_OPEN)
	good := types.MsgCommitProof{Node: m.addr.String(), Window: w.Height, Kind: proof.KindInt8, Log2N: logN, Rounds: 7, Root: make([]byte, 32)}
	_, err := f.msg.CommitProof(f.ctx, &good)
	require.ErrorIs(t, err, types.ErrWindow, "in the block that opens it")
	f.next(key)
	for name, row := range map[string]struct {
		change func(*types.MsgCommitProof)
		err    error
	}{
		"no node":             {func(c *types.MsgCommitProof) { c.Node = "" }, types.ErrInvalidNode},
		"a long address":      {func(c *types.MsgCommitProof) { c.Node = sdk.AccAddress(make([]byte, 32)).String() }, types.ErrInvalidNode},
		"an unknown node":     {func(c *types.MsgCommitProof) { c.Node = sdk.AccAddress(make([]byte, 20)).String() }, types.ErrInvalidNode},
		"window 0":            {func(c *types.MsgCommitProof) { c.Window = 0 }, types.ErrWindow},
		"another window":      {func(c *types.MsgCommitProof) { c.Window++ }, types.ErrWindow},
		"another kind":        {func(c *types.MsgCommitProof) { c.Kind = 2 }, types.ErrInvalidCommit},
		"n too small":         {func(c *types.MsgCommitProof) { c.Log2N = 9 }, types.ErrInvalidCommit},
		"n too large":         {func(c *types.MsgCommitProof) { c.Log2N = 15 }, types.ErrInvalidCommit},
		"n beyond a byte":     {func(c *types.MsgCommitProof) { c.Log2N = 256 + logN }, types.ErrInvalidCommit},
		"no rounds":           {func(c *types.MsgCommitProof) { c.Rounds = 0 }, types.ErrInvalidCommit},
		"rounds over a limit": {func(c *types.MsgCommitProof) { c.Rounds = 1_001 }, types.ErrInvalidCommit},
		"rounds over all":     {func(c *types.MsgCommitProof) { c.Rounds = proof.MaxRounds + 1 }, types.ErrInvalidCommit},
		"a short root":        {func(c *types.MsgCommitProof) { c.Root = c.Root[1:] }, types.ErrInvalidCommit},
		"a long root":         {func(c *types.MsgCommitProof) { c.Root = make([]byte, 1<<20) }, types.ErrInvalidCommit},
	} {
		bad := good
		row.change(&bad)
		require.ErrorIs(t, m.commits(&bad), row.err, name)
	}
	for name, change := range map[string]func(*computetypes.Node){
		"a jailed node": func(n *computetypes.Node) { n.Jailed = true },
		"a router":      func(n *computetypes.Node) { n.Role = computetypes.ROLE_ROUTER },
	} {
		before := *m.node()
		change(m.node())
		require.ErrorIs(t, m.commits(&good), types.ErrInvalidNode, name)
		*m.node() = before
	}
	_, err = f.query.Proof(f.ctx, &types.QueryProofRequest{Node: m.addr.String()})
	require.ErrorContains(t, err, "NotFound", "nothing was written")
	require.NoError(t, m.commits(&good))
}

func TestRefusedProofs(t *testing.T) {
	f := newFixture(t, 1)
	key := started(f)
	m, other := f.miner(1, 1, 1_000_000_000), f.miner(2, 1, 1_000_000_000)
	w := f.until(key, types.PHASE_OPEN)
	f.next(key, func() { require.NoError(t, m.commits(m.computes(w, 3))) })
	early := &types.MsgRevealProof{Node: m.addr.String(), Window: w.Height, Proof: make([]byte, proof.Size(m.done, 4))}
	require.ErrorIs(t, m.reveals(early), types.ErrWindow, "before the draw")
	w = f.until(key, types.PHASE_REVEAL)
	good := m.opens(w)
	for name, row := range map[string]struct {
		change func(*types.MsgRevealProof)
		err    error
	}{
		"no node":          {func(r *types.MsgRevealProof) { r.Node = "x" }, types.ErrInvalidNode},
		"another node":     {func(r *types.MsgRevealProof) { r.Node = other.addr.String() }, types.ErrNotDrawn},
		"window 0":         {func(r *types.MsgRevealProof) { r.Window = 0 }, types.ErrWindow},
		"another window":   {func(r *types.MsgRevealProof) { r.Window-- }, types.ErrWindow},
		"no proof":         {func(r *types.MsgRevealProof) { r.Proof = nil }, types.ErrInvalidProof},
		"an opening less":  {func(r *types.MsgRevealProof) { r.Proof = r.Proof[:len(r.Proof)*3/4] }, types.ErrInvalidProof},
		"an opening more":  {func(r *types.MsgRevealProof) { r.Proof = append(bytes.Clone(r.Proof), r.Proof[:len(r.Proof)/4]...) }, types.ErrInvalidProof},
		"a byte less":      {func(r *types.MsgRevealProof) { r.Proof = r.Proof[1:] }, types.ErrInvalidProof},
		"more than any":    {func(r *types.MsgRevealProof) { r.Proof = make([]byte, types.MaxProofBytes+1) }, types.ErrInvalidProof},
		"samples for four": {func(r *types.MsgRevealProof) { r.Proof = r.Proof[:len(r.Proof)/2] }, types.ErrInvalidProof},
	} {
		bad := *good
		row.change(&bad)
		gas := f.ctx.GasMeter().GasConsumed()
		require.ErrorIs(t, m.reveals(&bad), row.err, name)
		require.Less(t, f.ctx.GasMeter().GasConsumed()-gas, uint64(60_000), "%s: refused before the work", name)
	}
	require.NoError(t, m.reveals(good))
	f.until(key, types.PHASE_CLOSED)
	require.ErrorIs(t, m.reveals(good), types.ErrWindow, "late")
}

// What is shown to be wrong costs power, place and stake; the transaction
// succeeds, so that the record stays.
func TestWrongProofs(t *testing.T) {
	for name, change := range map[string]func(m *miner, w types.Window, c *types.MsgCommitProof, r *types.MsgRevealProof){
		"garbage": func(_ *miner, _ types.Window, _ *types.MsgCommitProof, r *types.MsgRevealProof) {
			for i := range r.Proof {
				r.Proof[i] ^= byte(i * 7)
			}
		},
		"one bit of a leaf that is not drawn": func(_ *miner, _ types.Window, _ *types.MsgCommitProof, r *types.MsgRevealProof) { r.Proof[0] ^= 1 },
		"one bit of the path": func(_ *miner, _ types.Window, _ *types.MsgCommitProof, r *types.MsgRevealProof) {
			r.Proof[len(r.Proof)-1] ^= 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1)
			key := started(f)
			m, honest := f.miner(1, 1, 1_000_000_000), f.miner(2, 2, 1_000_000_000)
			f.proves(key, 4, m, honest)
			require.Positive(t, m.node().Power)
			w := f.until(key, types.PHASE_OPEN)
			c := m.computes(w, 3)
			f.next(key, func() {
				require.NoError(t, m.commits(c))
				require.NoError(t, honest.commits(honest.computes(w, 3)))
			})
			w = f.until(key, types.PHASE_REVEAL)
			r := m.opens(w)
			change(m, w, c, r)
			f.next(key, func() {
				answer, err := f.msg.RevealProof(f.ctx, r)
				require.NoError(t, err)
				require.False(t, answer.Right)
				require.Equal(t, math.NewInt(100_000_000), answer.Slashed, "a tenth of the stake")
				require.NoError(t, honest.reveals(honest.opens(w)))
			})
			require.Equal(t, math.NewInt(900_000_000), m.node().Stake)
			require.True(t, m.node().Jailed)
			require.Equal(t, f.ctx.BlockTime().Unix()+7*86_400, m.node().JailedUntil)
			require.Zero(t, m.node().Power, "at once")
			require.ErrorIs(t, m.reveals(r), types.ErrWindow, "once")
			w = f.until(key, types.PHASE_CLOSED)
			require.EqualValues(t, []uint64{1, 1}, []uint64{w.Proved, w.Wrong})
			p, err := f.query.Power(f.ctx, &types.QueryPowerRequest{Node: m.addr.String()})
			require.NoError(t, err)
			require.Equal(t, types.OUTCOME_WRONG, p.Record.Scores[0].Outcome)
			require.Positive(t, honest.node().Power)
			require.ErrorIs(t, m.commits(c), types.ErrWindow)
		})
	}
}

// The tricks that a proof is made against, as messages.
func TestCheaters(t *testing.T) {
	for name, work := range map[string]func(m, victim *miner, w types.Window) *types.MsgCommitProof{
		"another node's work": func(m, victim *miner, w types.Window) *types.MsgCommitProof {
			c := victim.computes(w, 3)
			m.work, m.done, c.Node = victim.work, victim.done, m.addr.String()
			return c
		},
		"work of the window before": func(m, _ *miner, w types.Window) *types.MsgCommitProof {
			w.Height--
			c := m.computes(w, 3)
			c.Window++
			return c
		},
		"work before the beacon": func(m, _ *miner, w types.Window) *types.MsgCommitProof {
			w.Beacon = make([]byte, 32)
			return m.computes(w, 3)
		},
		"more rounds than were made": func(m, _ *miner, w types.Window) *types.MsgCommitProof {
			c := m.computes(w, 3)
			c.Rounds = 4
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, 1)
			key := started(f)
			m, victim := f.miner(1, 1, 1_000_000_000), f.miner(2, 2, 1_000_000_000)
			w := f.until(key, types.PHASE_OPEN)
			f.next(key, func() { require.NoError(t, m.commits(work(m, victim, w))) })
			w = f.until(key, types.PHASE_REVEAL)
			c, err := f.k.Commits.Get(f.ctx, m.addr)
			require.NoError(t, err)
			// The prover refuses to open what is not its own, so the proof is whatever has the length.
			r := &types.MsgRevealProof{Node: m.addr.String(), Window: w.Height, Proof: make([]byte, proof.Size(c.Commitment(), w.SamplesOf(c)))}
			if openings, err := m.work.Open(t.Context(), m.done, [32]byte(w.Draw), w.SamplesOf(c)); err == nil {
				r.Proof = openings
			}
			answer, err := f.msg.RevealProof(f.ctx, r)
			if err == nil {
				require.False(t, answer.Right)
				require.True(t, m.node().Jailed)
				return
			}
			require.ErrorIs(t, err, types.ErrInvalidProof)
		})
	}
}
