package validators

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Windows pass while workers, validators and the network are killed and stalled at
// random. No honest node is ever slashed, all validators agree, every uemc is
// there, and once it is quiet everybody proves again. EMC_WINDOWS says how many
// windows (scripts/soak.sh: 200), EMC_WINDOWS_SEED repeats a run.
func TestWindowsUnderFaults(t *testing.T) {
	t.Parallel()
	windows, seed := number(t, "EMC_WINDOWS", 10), uint64(number(t, "EMC_WINDOWS_SEED", 1))
	n := network(t, Options{Validators: 4, Comet: Settings{"consensus.timeout_propose": "500ms"}, Genesis: quickWindows})
	workers, err := n.Prove(t.Context(), n.Nodes[:3]...)
	for i, w := range workers {
		t.Cleanup(func() {
			w.Kill()
			if t.Failed() {
				t.Logf("worker %d said:\n%s", i, rig.Tail(w.Log(), 40))
			}
		})
	}
	require.NoError(t, err)
	money, err := rig.NewMoney(t.Context(), n.Nodes[0].Network)
	require.NoError(t, err)
	began := time.Now()
	s := NewStorm(n, workers, seed)
	said := 0
	for s.Tally.Windows < windows {
		require.NoError(t, s.Fault(t.Context()))
		require.NoError(t, s.Count(t.Context()), "seed %d: %+v", seed, s.Tally)
		require.NoError(t, money.Check(t.Context()))
		if s.Tally.Windows >= said+10 {
			said = s.Tally.Windows
			t.Logf("%+v", s.Tally)
		}
	}
	// Quiet again: a window in which all three prove comes soon.
	desk := n.Nodes[0].Network
	deadline := time.Now().Add(5 * time.Minute)
	for {
		w, err := desk.WaitWindow(t.Context(), 0, 2*time.Minute, func(w rig.Window) bool {
			return !s.seen[int64(w.Height)] && (w.Phase == rig.WindowClosed || w.Phase == rig.WindowVoid)
		})
		require.NoError(t, err)
		require.NoError(t, s.Count(t.Context()))
		if w.Proved == 3 {
			break
		}
		require.True(t, time.Now().Before(deadline), "nobody disturbs them, and window %d had %d proofs, %d silent nodes: %s", w.Height, w.Proved, w.Silent, w.Void)
	}
	require.NoError(t, money.Check(t.Context()))
	height, err := n.Height(t.Context())
	require.NoError(t, err)
	compared, err := n.Agree(t.Context(), 1, height, n.Nodes...)
	require.NoError(t, err)
	require.Positive(t, compared)
	require.Positive(t, s.Tally.Closed)
	s.Tally.Seconds = time.Since(began).Seconds()
	report, err := json.Marshal(s.Tally)
	require.NoError(t, err)
	t.Logf("%s", report)
	if out := os.Getenv("EMC_WINDOWS_OUT"); out != "" {
		require.NoError(t, os.WriteFile(out, append(report, '\n'), 0o644))
	}
}

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}
