package selection

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// about is a pause with its jitter.
func about(t *testing.T, want, got time.Duration) {
	t.Helper()
	require.GreaterOrEqual(t, got, want*3/4)
	require.LessOrEqual(t, got, want*5/4)
}

func (f *fixture) breaker() State { return f.Snapshot().Nodes[0].Breaker }

// refresh keeps the node from getting stale while pauses pass.
func (f *fixture) refresh() { f.announce(node(1)) }

func TestBreakerLife(t *testing.T) {
	f := newFixture(t)
	f.refresh()
	for range 4 {
		f.call(time.Millisecond, NodeFault)
	}
	f.call(time.Millisecond, OK) // four in a row are not five
	for range 4 {
		f.call(time.Millisecond, NodeFault)
	}
	require.Equal(t, Closed, f.breaker())
	f.call(time.Millisecond, NodeFault)
	require.Equal(t, Open, f.breaker())

	// Each probe that fails doubles the pause, up to a minute.
	for _, pause := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
		wait := f.overloaded(basic())
		about(t, pause*time.Second, wait)
		f.pass(wait - time.Millisecond)
		f.refresh()
		f.overloaded(basic())
		f.pass(time.Millisecond)
		require.Equal(t, HalfOpen, f.breaker())
		probe := f.pick(basic())
		require.Contains(t, probe.Reason, "after failures")
		f.overloaded(basic()) // one at a time
		probe.Done(Outcome{Kind: NodeFault})
		require.Equal(t, Open, f.breaker())
	}
	f.pass(75 * time.Second)
	f.refresh()
	f.call(time.Millisecond, OK)
	require.Equal(t, Closed, f.breaker())
	f.pick(basic()).Done(Outcome{})
	f.pick(basic()).Done(Outcome{})

	// It answered a few calls only: failing again, it keeps its long pause.
	for range 5 {
		f.call(time.Millisecond, NodeFault)
	}
	about(t, time.Minute, f.overloaded(basic()))

	// Once it is well, the first pause is short again.
	f.pass(75 * time.Second)
	f.refresh()
	for range 5 {
		f.call(time.Millisecond, OK)
	}
	for range 5 {
		f.call(time.Millisecond, NodeFault)
	}
	about(t, time.Second, f.overloaded(basic()))
}

func TestBreakerOpensOnAShareOfFailures(t *testing.T) {
	f := newFixture(t)
	f.refresh()
	for i := range 19 {
		f.call(time.Millisecond, Kind(i%2)) // OK and NodeFault in turn
	}
	require.Equal(t, Closed, f.breaker(), "nine of twenty")
	f.call(time.Millisecond, NodeFault)
	require.Equal(t, Open, f.breaker())

	healthy := newFixture(t)
	healthy.refresh()
	for i := range 200 {
		kind := OK
		if i%3 == 0 {
			kind = NodeFault
		}
		healthy.call(time.Millisecond, kind)
	}
	require.Equal(t, Closed, healthy.breaker())
}

// TestBreakerIgnoresCallsFromBefore: they say nothing of the node as it is now.
func TestBreakerIgnoresCallsFromBefore(t *testing.T) {
	f := newFixture(t)
	f.refresh()
	var picks []*Pick
	for range 8 {
		picks = append(picks, f.pick(basic()))
	}
	for _, p := range picks[:5] {
		p.Done(Outcome{Kind: NodeFault})
	}
	wait := f.overloaded(basic())
	picks[5].Done(Outcome{Kind: OK})
	require.Equal(t, Open, f.breaker())
	picks[6].Done(Outcome{Kind: NodeFault})
	require.Equal(t, wait, f.overloaded(basic()))
	f.pass(wait)
	probe := f.pick(basic())
	picks[7].Done(Outcome{Kind: OK})
	require.Equal(t, HalfOpen, f.breaker())
	probe.Done(Outcome{Kind: OK})
	require.Equal(t, Closed, f.breaker())
}

// TestBreakerProbeThatTellsNothing gives the next one its chance.
func TestBreakerProbeThatTellsNothing(t *testing.T) {
	f := newFixture(t)
	f.refresh()
	for range 5 {
		f.call(0, NodeFault)
	}
	f.pass(2 * time.Second)
	f.call(0, Cancelled)
	require.Equal(t, HalfOpen, f.breaker())
	f.call(0, Busy)
	require.Equal(t, HalfOpen, f.breaker())
	f.pass(minRetry)
	f.call(0, OK)
	require.Equal(t, Closed, f.breaker())
}

// TestBreakerProbeThatTakesForEver does not lock the node out: the answer may be a stream of an hour.
func TestBreakerProbeThatTakesForEver(t *testing.T) {
	f := newFixture(t)
	f.refresh()
	for range 5 {
		f.call(0, NodeFault)
	}
	f.pass(2 * time.Second)
	long := f.pick(basic())
	f.pass(f.cfg.Breaker.MaxPause - time.Second)
	f.refresh()
	require.Equal(t, f.cfg.Breaker.Pause, f.overloaded(basic()))
	f.pass(time.Second)
	f.call(0, OK)
	require.Equal(t, Closed, f.breaker())
	long.Done(Outcome{Kind: NodeFault}) // counts as one failure
	require.Equal(t, Closed, f.breaker())
}

func TestBreakerLetsOneProbeThroughOfMany(t *testing.T) {
	f := newFixture(t)
	f.refresh()
	for range 5 {
		f.call(0, NodeFault)
	}
	f.pass(2 * time.Second)
	var through atomic.Int64
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if _, err := f.Pick(basic()); err == nil {
				through.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, through.Load())
}

// TestBreakerAsksAgain: between the look at a node and the call that goes to it, another call may have taken its turn.
func TestBreakerAsksAgain(t *testing.T) {
	cfg := DefaultConfig()
	now := time.Unix(1000, 0)
	r, m := newRecord(), new(meter)
	r.breaker.open(now.Add(-time.Hour), 0, &cfg.Breaker)
	_, probe, ok := r.begin(m, 1, now, &cfg.Breaker)
	require.True(t, ok)
	require.True(t, probe)
	_, _, ok = r.begin(m, 1, now, &cfg.Breaker)
	require.False(t, ok)
	require.Equal(t, 1, m.outstanding)
}

func TestBusyIsNoFailure(t *testing.T) {
	f := newFixture(t)
	two := node(1, func(n *Node) { n.Loads = append(n.Loads, Load{App: "other", Ready: true, Capacity: 1}) })
	f.announce(two)
	for range 50 {
		f.pick(basic()).Done(Outcome{Kind: Busy, Retry: 3 * time.Second})
		require.Equal(t, Closed, f.breaker())
		require.Equal(t, 3*time.Second, f.overloaded(basic()))
		f.pick(Wants{App: "other"}).Done(Outcome{Kind: OK}) // another app has a queue of its own
		f.pass(3 * time.Second)
		f.announce(two)
	}
	// The pause is what the node says, within bounds.
	f.pick(basic()).Done(Outcome{Kind: Busy, Retry: 100 * time.Hour})
	require.Equal(t, maxRetry, f.overloaded(basic()))
	f.pass(maxRetry)
	f.announce(two)
	f.pick(basic()).Done(Outcome{Kind: Busy})
	require.Equal(t, minRetry, f.overloaded(basic()))
}
