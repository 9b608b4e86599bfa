package cheaters

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// within is in how many windows each cheater has to meet its end: who skips a
// tenth of the tiles is caught with .966 in each of its first ones.
const within = 9

// Every trick at once, beside honest nodes.
func TestCheaters(t *testing.T) {
	s := newSite(t)
	honest := []*rig.Worker{s.worker("honest0", "", stake, 10), s.worker("honest1", "", stake, 10)}
	cheaters := map[string]*rig.Worker{}
	for _, trick := range []string{"skip", "inflate", "other-key", "precompute", "garbage", "silent"} {
		cheaters[trick] = s.node(trick, trick, 10)
	}
	cheaters["smaller"] = s.node("smaller", "smaller", 11) // which it has not: its rounds are of 2^10
	cheaters["replay"] = s.node("replay", "replay", 10, "env", "EMC_CHEAT_REST="+s.net.REST, "EMC_CHEAT_VICTIM="+honest[0].Address)
	var up errgroup.Group
	up.SetLimit(3) // each runs a job before it is ready
	for _, w := range cheaters {
		up.Go(func() error { return w.Up(s.ctx, "--stake", stake) })
	}
	require.NoError(t, up.Wait())

	windows := 0
	// A window that is void counts for nobody, and one to which a node came too late, as on a busy machine, not for it.
	for ; windows < 2*within && !s.ended(cheaters); windows++ {
		w := s.window()
		t.Logf("window %d: %s, %d proved, %d wrong, %d silent", w.Height, w.Phase, w.Proved, w.Wrong, w.Silent)
	}
	for trick, w := range cheaters {
		r := s.record(w)
		n, err := s.net.Node(s.ctx, w.Address)
		require.NoError(t, err)
		slashes, err := s.net.SlashesAt(s.ctx, w.Address, 0)
		require.NoError(t, err)
		t.Logf("%-10s wrong %d, silent %d, proved %d, jailed %t, slashes %d, stake %d", trick, r.Wrong, r.Silent, r.Proved, n.Jailed, len(slashes), n.Stake)
		require.True(t, n.Jailed, trick)
		require.Zero(t, r.Power, "%s sells nothing", trick)
		if trick == "silent" {
			require.EqualValues(t, 3, r.Silent)
			require.Empty(t, slashes, "silence is never slashed")
			require.EqualValues(t, 40_000_000, n.Stake)
			require.Zero(t, r.Earned)
			continue
		}
		require.EqualValues(t, 1, r.Wrong, trick)
		require.LessOrEqual(t, int(r.Proved+r.Silent+r.Wrong), within, trick)
		require.Len(t, slashes, 1, trick)
		require.EqualValues(t, 4_000_000, slashes[0].Amount, "a tenth, for all are drawn")
		require.EqualValues(t, 36_000_000, n.Stake)
		require.Contains(t, string(slashes[0].Evidence), "root", "with what it takes to check it again")
	}
	for _, w := range honest {
		r := s.record(w)
		n, err := s.net.Node(s.ctx, w.Address)
		require.NoError(t, err)
		slashes, err := s.net.SlashesAt(s.ctx, w.Address, 0)
		require.NoError(t, err)
		require.Empty(t, slashes)
		require.False(t, n.Jailed)
		require.Zero(t, r.Wrong)
		require.Positive(t, int64(r.Proved), "%+v", r)
		require.Positive(t, int64(r.Earned))
	}
}

// ended reports whether all of them are in jail.
func (s *site) ended(cheaters map[string]*rig.Worker) bool {
	s.Helper()
	for _, w := range cheaters {
		n, err := s.net.Node(s.ctx, w.Address)
		require.NoError(s, err)
		if !n.Jailed {
			return false
		}
	}
	return true
}
