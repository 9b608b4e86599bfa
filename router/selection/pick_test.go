package selection

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// oneByOne makes calls, one after the other, to nodes that take so long, and counts them.
func (f *fixture) oneByOne(calls int, took map[Key]time.Duration) map[Key]int {
	count := map[Key]int{}
	for range calls {
		p := f.pick(basic())
		d := took[p.Node.Key]
		f.pass(d)
		p.Done(Outcome{FirstByte: d, Total: d})
		count[p.Node.Key]++
		p.Node.SeenAt = time.Time{}
		f.announce(p.Node)
	}
	return count
}

func TestFasterGetsMoreSlowerIsNotStarved(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Stale = 24 * time.Hour })
	fast, slow := node(1), node(2)
	f.announce(fast, slow)
	took := map[Key]time.Duration{fast.Key: 100 * time.Millisecond, slow.Key: 200 * time.Millisecond}
	count := f.oneByOne(6_000, took) // ten minutes
	require.Greater(t, count[fast.Key], 2*count[slow.Key])
	require.GreaterOrEqual(t, count[slow.Key], 10, "tried at least each minute")

	// What it is tried for: it may have become the faster one.
	took[slow.Key] = 20 * time.Millisecond
	f.oneByOne(6_000, took)
	count = f.oneByOne(1_000, took)
	require.Greater(t, count[slow.Key], 2*count[fast.Key])
}

func TestNewNodesAreTriedAndNotFlooded(t *testing.T) {
	f := newFixture(t)
	took := map[Key]time.Duration{}
	for i := range 4 {
		f.announce(node(i))
		took[node(i).Key] = 100 * time.Millisecond
	}
	f.oneByOne(100, took)
	f.announce(node(9))
	count := map[Key]int{}
	for range 50 { // at the same time
		count[f.pick(basic()).Node.Key]++
	}
	require.Greater(t, count[node(9).Key], 3)
	require.Less(t, count[node(9).Key], 20)
}

// TestFailingFastIsNotFast: a node that refuses connections at once would else be the best of all.
func TestFailingFastIsNotFast(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Breaker.Failures = 1000; c.Breaker.Share = 1 })
	took := map[Key]time.Duration{node(1).Key: 100 * time.Millisecond, node(2).Key: 100 * time.Millisecond}
	f.announce(node(1), node(2))
	f.oneByOne(100, took)
	before := f.Snapshot().Nodes[0].Measured[0].Service
	w := basic()
	w.Exclude = []Key{node(2).Key}
	for range 10 {
		f.pass(time.Second)
		f.pick(w).Done(Outcome{Kind: NodeFault, Total: time.Microsecond})
	}
	require.Equal(t, before, f.Snapshot().Nodes[0].Measured[0].Service)
	f.pick(w).Done(Outcome{Kind: NodeFault, Total: 30 * time.Second}) // it was waited for
	require.Equal(t, 30*time.Second, f.Snapshot().Nodes[0].Measured[0].Service)
	f.pick(w).Done(Outcome{Kind: Cancelled, Total: time.Hour}) // the customer's word
	require.Equal(t, 30*time.Second, f.Snapshot().Nodes[0].Measured[0].Service)
}

func TestOthersQueuesCount(t *testing.T) {
	f := newFixture(t)
	f.announce(node(1, func(n *Node) { n.Loads[0].Running, n.Loads[0].Queued = 1, 9 }), node(2))
	for range 9 {
		require.Equal(t, node(2).Key, f.pick(basic()).Node.Key)
	}
}

func TestDeterministic(t *testing.T) {
	play := func(seed uint64) (keys []Key, reasons []string) {
		f := newFixture(t, func(c *Config) { c.Rand, c.Stale = rand.NewPCG(seed, seed), time.Hour })
		r := rand.New(rand.NewPCG(7, 7))
		for i := range 50 {
			f.announce(node(i))
		}
		for range 500 {
			p := f.pick(basic())
			d := time.Duration(r.IntN(1e8))
			f.pass(d)
			p.Done(Outcome{Kind: Kind(r.IntN(4)), FirstByte: d, Total: d, Retry: time.Second})
			f.announce(node(r.IntN(50)))
			keys, reasons = append(keys, p.Node.Key), append(reasons, p.Reason)
		}
		return keys, reasons
	}
	keys, reasons := play(1)
	again, reasonsAgain := play(1)
	require.Equal(t, keys, again)
	require.Equal(t, reasons, reasonsAgain)
	other, _ := play(2)
	require.NotEqual(t, keys, other)
}

// TestOneAmongMany: what fits is found, however rare it is, and what does not fit is counted.
func TestOneAmongMany(t *testing.T) {
	f := newFixture(t)
	for i := range 5_000 {
		f.announce(node(i, func(n *Node) { n.Loads[0].CallPrice = uint64(100 + i) }))
	}
	_, err := f.Pick(basic())
	require.ErrorIs(t, err, ErrNoNode)
	require.ErrorContains(t, err, "the cheapest node wants 120 uemc")
	f.announce(node(7_000))
	for range 20 {
		f.call(0, OK)
	}
	w := basic()
	w.MaxPrice, w.Region = 10_000, "FR"
	_, err = f.Pick(w)
	require.ErrorIs(t, err, ErrNoNode)
	f.announce(node(7_001, func(n *Node) { n.Region = "FR-75C" }))
	require.Equal(t, node(7_001).Key, f.pick(w).Node.Key)
}

func TestDrawnAreDifferent(t *testing.T) {
	f := newFixture(t)
	for i := range few + 1 {
		f.announce(node(i))
	}
	s := f.shelves[shelfKey{app: "app"}]
	p := &pool{asked: asked{Wants: basic(), now: f.clock(), cfg: &f.cfg}, table: f.Table, shelf: s}
	for range 1_000 {
		drawn, of := p.Some(2)
		require.Zero(t, of, "not counted")
		require.Len(t, drawn, 2)
		require.NotEqual(t, drawn[0].Key, drawn[1].Key)
	}
}

func TestDoneCountsOnce(t *testing.T) {
	f := newFixture(t)
	f.announce(node(1))
	a, b := f.pick(basic()), f.pick(basic())
	a.Done(Outcome{})
	a.Done(Outcome{Kind: NodeFault})
	m := f.Snapshot().Nodes[0]
	require.Equal(t, 1, m.Measured[0].Outstanding)
	require.Zero(t, m.Faults)
	f.Remove(node(1).Key)
	b.Done(Outcome{}) // of a node that is gone
}

// TestConcurrent is for the race detector, and counts what is out.
func TestConcurrent(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Breaker.Pause = time.Nanosecond; c.Stale = time.Hour })
	for i := range 40 {
		f.announce(node(i))
	}
	var held [16]int
	var calls, others sync.WaitGroup
	stop := make(chan struct{})
	for g := range held {
		calls.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 0))
			for range 500 {
				p, err := f.Pick(basic())
				if err != nil {
					f.pass(time.Millisecond)
					continue
				}
				f.pass(time.Microsecond)
				if r.IntN(50) == 0 {
					held[g]++
					continue
				}
				p.Done(Outcome{Kind: Kind(r.IntN(4)), FirstByte: time.Millisecond, Total: time.Millisecond})
				p.Done(Outcome{})
			}
		})
	}
	for g := range 3 {
		others.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for {
				select {
				case <-stop:
					return
				default:
				}
				n := node(r.IntN(40))
				switch r.IntN(6) {
				case 0:
					f.Remove(n.Key)
				case 1:
					f.Expire()
				case 2:
					f.Snapshot()
				case 3:
					f.RoundTrip(n.Key, time.Millisecond)
				default:
					n.Proving = r.IntN(2) == 0
					if err := f.Announce(n); err != nil {
						assert.ErrorIs(t, err, ErrOld) // the clock went on meanwhile
					}
				}
			}
		})
	}
	calls.Wait()
	close(stop)
	others.Wait()
	for i := range 40 {
		f.announce(node(i))
	}
	want, got := 0, 0
	for _, n := range held {
		want += n
	}
	for _, n := range f.Snapshot().Nodes {
		got += n.Measured[0].Outstanding
	}
	require.Positive(t, want)
	require.Equal(t, want, got)
}

// TestSilence: a node that took calls and answers none of them is not given more, long before the first is given up; one whose
// answers begin is, however long they then go on.
func TestSilence(t *testing.T) {
	f := newFixture(t)
	took := map[Key]time.Duration{node(1).Key: 100 * time.Millisecond}
	f.announce(node(1))
	f.oneByOne(50, took)
	fresh := node(2, func(n *Node) { n.Loads[0].Capacity = 64 })
	f.announce(node(1), fresh)
	var held []*Pick
	given := func(calls int, begins bool) (count int) { // one after the other; those of the new node are not over
		for range calls {
			p := f.pick(basic())
			if p.Node.Key == fresh.Key {
				held = append(held, p)
				count++
				f.pass(100 * time.Millisecond)
				if begins {
					p.Began()
				}
				continue
			}
			f.pass(100 * time.Millisecond)
			p.Done(Outcome{FirstByte: 100 * time.Millisecond, Total: 100 * time.Millisecond})
		}
		return count
	}
	require.Positive(t, given(4, false))
	require.LessOrEqual(t, given(100, false), 2, "it is silent")
	for _, p := range held {
		p.Began()
		p.Began()
	}
	require.Greater(t, given(20, true), 10, "it answers")
	for _, p := range held {
		p.Done(Outcome{FirstByte: 100 * time.Millisecond, Total: time.Second})
	}
	p := f.pick(basic())
	p.Done(Outcome{Kind: Cancelled})
	p.Began() // too late
	for _, n := range f.nodes {
		for _, m := range n.record.meters {
			require.Zero(t, m.waiting)
			require.Zero(t, m.outstanding)
		}
	}
}
