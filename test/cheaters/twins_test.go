package cheaters

import (
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Two identities on one machine earn together no more than one: a window is the
// same for all, and a core multiplies for one of them at a time. First one node
// has a core of its own, then two share the same core and the same stake; another
// node on another core is there all the time, and what they earn is their share of
// what all three are paid.
func TestTwins(t *testing.T) {
	if _, err := exec.LookPath("taskset"); err != nil || runtime.NumCPU() < 2 {
		t.Skip("needs taskset and two cores: the comparison is of work on one and the same core")
	}
	s := newSite(t)
	s.worker("other", "", stake, 10, "taskset", "-c", "1")
	single := s.worker("single", "", stake, 10, "taskset", "-c", "0")
	const windows = 3
	one := s.share(windows, single)
	require.NoError(t, single.Stop())

	twins := []*rig.Worker{s.worker("twin0", "", "20emc", 10, "taskset", "-c", "0"), s.worker("twin1", "", "20emc", 10, "taskset", "-c", "0")}
	two := s.share(windows, twins...)
	t.Logf("one identity earns %.4f of what is paid, two on the same core %.4f", one, two)
	// A tenth is for what else the machine does; a second identity that paid would double it.
	require.LessOrEqual(t, two, 1.1*one)
	require.Positive(t, two)
}

// share is the part of what was paid to nodes in so many windows that went to these.
func (s *site) share(windows int, workers ...*rig.Worker) float64 {
	s.Helper()
	earned := func() (sum int64) {
		for _, w := range workers {
			sum += int64(s.record(w).Earned)
		}
		return sum
	}
	s.window() // one may be under way in which they began late
	before, paid := earned(), int64(0)
	for range windows {
		for {
			w := s.window()
			if s.Logf("window %d: %s, %d proved, %d silent, paid %d", w.Height, w.Phase, w.Proved, w.Silent, w.Paid); w.Phase == rig.WindowClosed {
				paid += int64(w.Paid)
				break
			}
		}
	}
	return float64(earned()-before) / float64(paid)
}
