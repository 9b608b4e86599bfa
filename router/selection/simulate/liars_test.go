package simulate

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/router/selection"
)

// TestLiars: a node among ten that announces 64 free places at all times, and never answers, or answers garbage. A call meets
// it once at most; what it gets falls, and the honest keep the calls, no slower than without it but for those that it held.
func TestLiars(t *testing.T) {
	for _, routers := range []int{1, 4} {
		s := Published(1)
		// Half of what the honest can do, for ten minutes.
		s.Load, s.Calls, s.Routers, s.FirstByte = 0.5, 60_000, routers, time.Minute
		honest, err := Run(s, selection.P2C{})
		require.NoError(t, err)
		s.Nodes = append(s.Nodes, Node{Capacity: 64})
		for name, lie := range map[string]Lie{"silent": Silent, "garbage": Garbage} {
			s.Nodes[10].Lie = lie
			r, err := Run(s, selection.P2C{})
			require.NoError(t, err)
			met, late, answered := 0, 0, 0
			for i, n := range r.Lies {
				if met += n; i >= 5 {
					late += n
				}
			}
			for _, n := range r.Calls[:10] {
				answered += n
			}
			t.Logf("%s, %d routers: %v of %d calls met the liar, by tenths of ten minutes: %.3f %%; median %s, without it %s; p99 %s, without it %s", name, routers,
				r.Lies, s.Calls, float64(met)/float64(s.Calls)*100, r.P50.Round(time.Millisecond), honest.P50.Round(time.Millisecond), r.P99.Round(time.Millisecond), honest.P99.Round(time.Millisecond))
			require.Equal(t, s.Calls, answered, "a call was lost")
			require.Equal(t, 1, r.Retries, "a call met the liar twice, or nobody met it")
			require.Less(t, met, s.Calls/500, "it has a fifth of a percent at most; one in eleven would be its turn")
			require.Less(t, late, met-late, "it gets no less with time")
			require.Less(t, r.P99, 2*honest.P99)
		}
	}
}
