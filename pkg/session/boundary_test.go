package session_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session"
)

// TestEveryBoundary crashes each party at each batch of its ledger, before and after it is durable, in an otherwise quiet
// life: the lanes go on, and nobody loses more than one crash may cost.
func TestEveryBoundary(t *testing.T) {
	base := plan{seed: 64, calls: 6}
	quietLife := play(base)
	require.Empty(t, quietLife.failures)
	stride := 1
	if testing.Short() {
		stride = 7
	}
	runs := 0
	for _, p := range quietLife.parties() {
		var sum summary
		for k := 1; k <= p.store.Batches(); k += stride {
			for _, after := range []bool{false, true} {
				crash := base
				crash.party, crash.batch, crash.after = p.name, k, after
				w := play(crash)
				w.judge(&sum)
				runs++
			}
		}
		require.Empty(t, sum.Failures, p.name)
		require.Equal(t, session.RouterBound, sum.RouterLoss, p.name)
		require.LessOrEqual(t, sum.NodeLossWithKills, uint64(unwritten), "%s: everybody came back", p.name)
		require.Zero(t, sum.NodeLossByOthers, p.name)
		t.Logf("%s: %d boundaries, node lost at most %d, customer %d", p.name, p.store.Batches(), sum.NodeLossWithKills, sum.CustomerLoss)
	}
	t.Log(fmt.Sprint(runs, " crashes"))
}

// TestSchedulesNoticeALyingDisk: with ledgers that lose their last batch in a crash, every binding word goes out before it
// is durable. The schedules must find that.
func TestSchedulesNoticeALyingDisk(t *testing.T) {
	var sum summary
	for seed := int64(1); seed <= 60; seed++ {
		p := schedule(seed)
		p.forgetful = true
		play(p).judge(&sum)
		if len(sum.Failures) > 0 || sum.RouterLoss > 0 {
			t.Logf("found at seed %d: %v", seed, sum.Failures[:1])
			return
		}
	}
	t.Fatal("nothing was noticed")
}
