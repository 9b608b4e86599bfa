package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/router/selection"
)

// TestP99VsRandom: the published goal holds with several seeds, and not only where random choice breaks down.
func TestP99VsRandom(t *testing.T) {
	calm := func(s *Scenario) { *s = Calm(s.Seed) }
	for name, change := range map[string]func(*Scenario){
		"published":        func(*Scenario) {},
		"lognormal":        func(s *Scenario) { s.Lognormal = true },
		"four routers":     func(s *Scenario) { s.Routers = 4 },
		"calm":             calm,
		"calm, lognormal":  func(s *Scenario) { calm(s); s.Lognormal = true },
		"calm, late words": func(s *Scenario) { calm(s); s.Gossip, s.Delay = 5*time.Second, 2*time.Second },
		"nearly alike": func(s *Scenario) {
			for i := range s.Nodes {
				s.Nodes[i].Service = time.Duration(20e6 * math.Pow(1.5, float64(i)/9))
			}
		},
		"several at the same time": func(s *Scenario) {
			for i := range s.Nodes {
				s.Nodes[i].Capacity = 1 + i%4*2
			}
		},
	} {
		for seed := range uint64(3) {
			s := Published(seed + 1)
			change(&s)
			if testing.Short() {
				s.Calls = 10_000
			}
			ratio, words, err := P99VsRandom(s)
			require.NoError(t, err, name)
			t.Logf("%s, seed %d: %.3f, %s", name, seed+1, ratio, words)
			require.LessOrEqual(t, ratio, 0.6, "%s, seed %d: %s", name, seed+1, words)
		}
	}
}

func TestTheSameCallsEachTime(t *testing.T) {
	s := Published(5)
	s.Calls = 2_000
	a, err := Run(s, selection.P2C{})
	require.NoError(t, err)
	b, err := Run(s, selection.P2C{})
	require.NoError(t, err)
	require.Equal(t, a, b)
}

// TestAQueueIsWhatTheoryHas: one node at 70 % with exponential times is an M/M/1 queue, whose calls take service/(1-load).
func TestAQueueIsWhatTheoryHas(t *testing.T) {
	s := Published(1)
	s.Nodes, s.RoundTrip, s.Calls = []Node{{Service: 10 * time.Millisecond, Capacity: 1}}, 0, 200_000
	r, err := Run(s, selection.Random{})
	require.NoError(t, err)
	require.InEpsilon(t, 10/0.3, float64(r.Mean)/float64(time.Millisecond), 0.1)
}

// TestTheFasterGetsMore: twice as fast is given more, and the slower is not left out.
func TestTheFasterGetsMore(t *testing.T) {
	s := Published(1)
	s.Nodes = []Node{{Service: 20 * time.Millisecond, Capacity: 1}, {Service: 40 * time.Millisecond, Capacity: 1}}
	r, err := Run(s, selection.P2C{})
	require.NoError(t, err)
	require.Greater(t, float64(r.Calls[0]), 1.4*float64(r.Calls[1]))
	require.Greater(t, r.Calls[1], s.Calls/10)
}
