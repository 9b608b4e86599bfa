package cheaters

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Two identities on one machine earn together no more than one: a window is the
// same for all, and a core multiplies for one of them at a time. First one node
// has a core, then two share the same core and the same stake. What they prove is
// held against the processor time that they took for it, since two processes get
// more of a core that others want, too; what is paid is linear in what is proved.
func TestTwins(t *testing.T) {
	if _, err := exec.LookPath("taskset"); err != nil || runtime.NumCPU() < 2 {
		t.Skip("needs taskset and two cores: the comparison is of work on one and the same core")
	}
	s := newSite(t)
	// Two processes win more of a core from a third than one does. So the network has the other core.
	pinned, err := exec.CommandContext(s.ctx, "taskset", "-apc", "1", strconv.Itoa(s.net.Process().PID())).CombinedOutput()
	require.NoError(t, err, string(pinned))
	s.worker("other", "", stake, 10, "taskset", "-c", "1")
	single := s.worker("single", "", stake, 10, "taskset", "-c", "0")
	one := s.compare(single)
	require.NoError(t, single.Stop())

	two := s.compare(s.worker("twin0", "", "20emc", 10, "taskset", "-c", "0"), s.worker("twin1", "", "20emc", 10, "taskset", "-c", "0"))
	t.Logf("one identity: %s; two on the same core: %s", one, two)
	// A second identity that paid would double the work, and make two thirds of a half of the pay. The bound of the work is
	// half way: on a machine of others, a second of processor time was seen to bring a sixth more or less from minute to minute.
	require.LessOrEqual(t, two.perSecond(), 1.4*one.perSecond())
	require.LessOrEqual(t, two.share(), 1.2*one.share())
	require.Positive(t, two.proved)
}

// yield is what workers proved in some windows.
type yield struct {
	proved  float64 // multiply-accumulates, in millions
	seconds float64 // of processor time
	earned  int64
	paid    int64
	windows int
}

func (y yield) perSecond() float64 { return y.proved / y.seconds }

func (y yield) share() float64 { return float64(y.earned) / float64(y.paid) }

func (y yield) String() string {
	return fmt.Sprintf("%.0f million multiply-accumulates for each second of processor time, %.4f of what was paid", y.perSecond(), y.share())
}

// compare lets workers prove in three windows.
func (s *site) compare(workers ...*rig.Worker) yield {
	s.Helper()
	s.window() // one may be under way in which they began late
	var y yield
	for _, w := range workers {
		y.seconds -= s.seconds(w)
		y.earned -= int64(s.record(w).Earned)
	}
	for y.windows < 3 {
		w := s.window()
		s.Logf("window %d: %s, %d proved, %d silent, paid %d", w.Height, w.Phase, w.Proved, w.Silent, w.Paid)
		if w.Phase != rig.WindowClosed {
			continue
		}
		y.windows++
		y.paid += int64(w.Paid)
		for _, worker := range workers {
			scores := s.record(worker).Scores
			if last := scores[len(scores)-1]; last.Number == w.Number {
				y.proved += float64(last.Power) * float64(w.Took) / 1e9
			}
		}
	}
	for _, w := range workers {
		y.seconds += s.seconds(w)
		y.earned += int64(s.record(w).Earned)
	}
	return y
}

// seconds is the processor time that a worker has taken.
func (s *site) seconds(w *rig.Worker) float64 {
	s.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.Process().PID()))
	require.NoError(s, err)
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	var ticks float64
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseFloat(field, 64)
		require.NoError(s, err)
		ticks += n
	}
	return ticks / 100 // Linux counts hundredths for its users
}
