package selection

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fixture is a table whose time passes when the test says so.
type fixture struct {
	*Table
	t   *testing.T
	now atomic.Int64 // ns
}

func newFixture(t *testing.T, changes ...func(*Config)) *fixture {
	t.Helper()
	f := &fixture{t: t}
	f.now.Store(1e18)
	cfg := Config{Now: f.clock, Rand: rand.NewPCG(1, 2)}
	for _, change := range changes {
		change(&cfg)
	}
	table, err := New(cfg)
	require.NoError(t, err)
	f.Table = table
	return f
}

func (f *fixture) clock() time.Time     { return time.Unix(0, f.now.Load()) }
func (f *fixture) pass(d time.Duration) { f.now.Add(int64(d)) }

// node fits basic.
func node(i int, changes ...func(*Node)) Node {
	n := Node{
		Key: Key{byte(i >> 16), byte(i >> 8), byte(i), 1}, Region: "DE-BE", Isolation: 2, Power: 1000, Reputation: Reputation{Completed: 98}, Accepting: true,
		Loads: []Load{{App: "app", UnitPrice: 2, CallPrice: 10, Capacity: 1, Ready: true}},
	}
	for _, change := range changes {
		change(&n)
	}
	return n
}

func basic() Wants {
	return Wants{App: "app", MaxPrice: 30, Units: 10, Region: "DE", MinIsolation: 2, MinPower: 1000, MinReputation: 9900}
}

func (f *fixture) announce(nodes ...Node) {
	f.t.Helper()
	for _, n := range nodes {
		require.NoError(f.t, f.Announce(n))
	}
}

func (f *fixture) pick(w Wants) *Pick {
	f.t.Helper()
	p, err := f.Pick(w)
	require.NoError(f.t, err)
	return p
}

// call is one whole call, which takes so long.
func (f *fixture) call(took time.Duration, kind Kind) Key {
	f.t.Helper()
	p := f.pick(basic())
	f.pass(took)
	p.Done(Outcome{Kind: kind, FirstByte: took, Total: took})
	return p.Node.Key
}

// overloaded is for how long a refused call is told to wait.
func (f *fixture) overloaded(w Wants) time.Duration {
	f.t.Helper()
	_, err := f.Pick(w)
	var o Overloaded
	require.ErrorAs(f.t, err, &o)
	require.NotErrorIs(f.t, err, ErrNoNode)
	return o.RetryAfter
}
