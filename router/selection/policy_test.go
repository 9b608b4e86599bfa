package selection

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// row is a pool of plain candidates.
type row []Candidate

func (r row) Some(k int) ([]Candidate, int) { return r[:min(k, len(r))], len(r) }

func (r row) Next() (Candidate, bool) {
	if len(r) == 0 {
		return Candidate{}, false
	}
	return r[0], true
}

func TestP2C(t *testing.T) {
	at := func(ms float64, price uint64) Candidate {
		return Candidate{Name: "emc1x", Predicted: time.Duration(ms * float64(time.Millisecond)), Price: price}
	}
	for _, c := range []struct {
		name string
		from row
		want Candidate
		why  string
	}{
		{"the sooner", row{at(40, 1), at(12, 9), at(1, 1)}, at(12, 9), "p2c: 12ms of 3 eligible; other emc1x 40ms"},
		{"the sooner, first drawn", row{at(12, 9), at(40, 1)}, at(12, 9), "p2c: 12ms of 2 eligible; other emc1x 40ms"},
		{"about as soon: the cheaper", row{at(100, 9), at(105, 1)}, at(105, 1), "p2c: 105ms of 2 eligible; other emc1x 100ms"},
		{"not so soon: not the cheaper", row{at(100, 9), at(110, 1)}, at(100, 9), "p2c: 100ms of 2 eligible; other emc1x 110ms"},
		{"one", row{at(1500, 9)}, at(1500, 9), "p2c: 1.5s, the only one found"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, why, ok := P2C{}.Choose(c.from)
			require.True(t, ok)
			require.Equal(t, c.want, got)
			require.Equal(t, c.why, why)
		})
	}
	for _, p := range []Policy{P2C{}, Random{}, RoundRobin{}} {
		_, _, ok := p.Choose(row{})
		require.False(t, ok)
		_, _, ok = p.Choose(row{at(1, 1)})
		require.True(t, ok)
	}
}

func TestRoundRobinTakesTurns(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Policy = RoundRobin{} })
	for i := range 5 {
		f.announce(node(i))
	}
	f.announce(node(9, func(n *Node) { n.Isolation = 0 }))
	count := map[Key]int{}
	for range 60 {
		count[f.call(0, OK)]++
	}
	require.Len(t, count, 5)
	for _, n := range count {
		require.GreaterOrEqual(t, n, 10)
	}
}

func TestRandomIsEven(t *testing.T) {
	for _, nodes := range []int{20, 100} { // counted, and drawn
		f := newFixture(t, func(c *Config) { c.Policy = Random{} })
		for i := range nodes {
			f.announce(node(i))
		}
		count := map[Key]int{}
		for range 200 * nodes {
			count[f.call(0, OK)]++
		}
		require.Len(t, count, nodes)
		for _, n := range count {
			require.InDelta(t, 200, n, 75) // more than five times the standard deviation of 14
		}
	}
}
