package simulate_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/router/simulate"
)

// In a region of eight routers every status reaches every router; a liar that floods is heard a few times a second and is
// soon not looked at, and nobody else's statuses suffer; who dies is gone from every table. How good
// choices are is measured by test/bench, on a machine that is quiet enough to judge them.
func TestRegion(t *testing.T) {
	s := simulate.Small()
	r, err := simulate.Run(t.Context(), s, func(line string) { t.Log(line) })
	require.NoError(t, err)
	t.Logf("a liar sent %d, %d were verified, %d heard, %d of a stranger's were verified; the dead were gone after %s; choices %+v; lag of this machine %s", r.Sent, r.Verified, r.Heard, r.Strange, r.Gone, r.Choice, r.Lag)
	for _, p := range []simulate.Phase{r.Alone, r.Flooded} {
		require.Positive(t, p.Published)
		require.Zero(t, p.Lost)
	}
	require.Equal(t, 400, r.Sent, "the liar did not flood")
	// Four a second and a burst of eight are heard, if that; of the rest some tens are verified until nobody looks at them.
	require.Less(t, r.Heard, 8+4*int(r.Took/time.Second+1))
	require.Less(t, r.Verified, r.Heard+r.Sent/4)
	// Of a stranger hardly anything is looked at.
	require.Positive(t, r.Strange)
	require.Less(t, r.Strange, r.Sent/4)
	require.Positive(t, r.Gone)
	require.Less(t, r.Choice.Perfect, r.Choice.Random)
}

// A router hears many nodes through one peer, and what that costs can be told.
func TestHear(t *testing.T) {
	c, err := simulate.Hear(t.Context(), 2_000)
	require.NoError(t, err)
	t.Logf("%.0f bytes and %s for each node", c.Bytes, c.Processor)
	require.Positive(t, c.Bytes)
	require.Positive(t, c.Processor)
}
