package selection

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPeak(t *testing.T) {
	const memory = 10 * time.Second
	now := time.Unix(1000, 0)
	var p peak
	require.InDelta(t, 7e6, p.guess(now, 7e6, memory), 1, "unknown")
	p.observe(now, 10*time.Millisecond, memory)
	require.InDelta(t, 10e6, p.value, 1)
	p.observe(now, 50*time.Millisecond, memory) // worse: at once
	require.InDelta(t, 50e6, p.value, 1)
	for range 1000 { // many better ones at the same moment: time has not passed
		p.observe(now, 10*time.Millisecond, memory)
	}
	require.InDelta(t, 50e6, p.value, 1)
	now = now.Add(memory)
	p.observe(now, 10*time.Millisecond, memory)
	require.InDelta(t, 10e6+40e6/math.E, p.value, 1e3)

	p = peak{value: 50e6, at: now}
	require.InDelta(t, 20e6+30e6/math.E, p.guess(now.Add(memory), 20e6, memory), 1e3, "slow once: comes down to an unknown one's")
	require.InDelta(t, 50e6, p.guess(now.Add(time.Hour), 60e6, memory), 1, "fast: stays")
	require.InDelta(t, 50e6, p.guess(now.Add(-time.Hour), 20e6, memory), 1, "a clock that went back")
}

func TestCrowd(t *testing.T) {
	m := &meter{outstanding: 3}
	require.InDelta(t, 4, m.crowd(1), 1e-9)
	require.InDelta(t, 1, m.crowd(8), 1e-9, "room for all")
	require.InDelta(t, 4, m.crowd(0), 1e-9, "a node that announces no capacity has some")
	const memory = 10 * time.Second
	now := time.Unix(1000, 0)
	m.announced(Load{Running: 2, Queued: 6}, now, memory) // three of the eight are ours
	require.InDelta(t, 9, m.crowd(1), 1e-9)
	m.announced(Load{Running: 1}, now, memory) // the same moment
	require.InDelta(t, 9, m.crowd(1), 1e-9)
	m.announced(Load{Running: 1}, now.Add(memory), memory) // it is late: the mean counts
	require.InDelta(t, 2+7/math.E, m.crowd(1), 1e-9)
	m.announced(Load{}, now.Add(time.Hour), memory)
	require.InDelta(t, 4, m.crowd(1), 1e-9, "never fewer than ours")
}

func TestAlone(t *testing.T) {
	require.InDelta(t, 100, alone(100, 1), 1e-9)
	require.InDelta(t, 50, alone(100, 4), 1e-9)
}

func TestScore(t *testing.T) {
	for want, r := range map[uint32]Reputation{
		5000: {}, 9900: {Completed: 98}, 9090: {Completed: 9}, 1: {Failed: 9998}, 9999: {Completed: 1 << 63},
	} {
		if want == 9999 {
			require.GreaterOrEqual(t, r.Score(), want)
			continue
		}
		require.Equal(t, want, r.Score(), r)
	}
}
