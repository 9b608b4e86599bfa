package selection

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStaleDataIsNotUsed(t *testing.T) {
	f := newFixture(t)
	f.announce(node(1))
	f.pass(20 * time.Second)
	f.announce(node(2))
	f.pass(11 * time.Second) // 31 s after the first
	for range 20 {
		require.Equal(t, node(2).Key, f.pick(basic()).Node.Key)
	}
	require.True(t, f.Snapshot().Nodes[0].Stale)
	require.Equal(t, 1, f.Snapshot().Apps[0].Ready)
	require.Equal(t, 1, f.Expire())
	require.Len(t, f.Snapshot().Nodes, 1)
	f.pass(20 * time.Second)
	_, err := f.Pick(basic())
	require.ErrorIs(t, err, ErrNoNode)
	require.Equal(t, 1, f.Expire())
	require.Empty(t, f.shelves, "an app that nobody serves is forgotten")
}

func TestAnnouncementsAreTakenInOrder(t *testing.T) {
	f := newFixture(t)
	at := func(ago time.Duration, price uint64) Node {
		return node(1, func(n *Node) { n.SeenAt, n.Loads[0].CallPrice = f.clock().Add(-ago), price })
	}
	f.announce(at(time.Second, 5))
	require.ErrorIs(t, f.Announce(at(2*time.Second, 6)), ErrOld)
	require.EqualValues(t, 25, f.pick(basic()).Price)
	f.announce(at(time.Second, 7)) // the same moment: what came last
	require.EqualValues(t, 27, f.pick(basic()).Price)
	require.ErrorIs(t, f.Announce(at(31*time.Second, 1)), ErrOld)

	f.announce(at(-time.Hour, 8)) // from the future: it is stale no later than others
	f.pass(31 * time.Second)
	_, err := f.Pick(basic())
	require.ErrorIs(t, err, ErrNoNode)
}

func TestAnnouncementsThatCannotBe(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.MaxNodes, c.MaxApps = 2, 2 })
	twice := node(1, func(n *Node) { n.Loads = append(n.Loads, n.Loads[0]) })
	require.ErrorIs(t, f.Announce(twice), ErrNode)
	require.ErrorIs(t, f.Announce(Node{}), ErrNode)
	require.ErrorIs(t, f.Announce(node(1, func(n *Node) { n.Loads[0].App = "" })), ErrNode)
	require.ErrorIs(t, f.Announce(node(1, func(n *Node) { n.Loads = []Load{{App: "a"}, {App: "b"}, {App: "c"}} })), ErrNode)
	f.announce(node(1), node(2), node(1))
	require.ErrorIs(t, f.Announce(node(3)), ErrFull)
	require.True(t, f.Remove(node(1).Key))
	require.False(t, f.Remove(node(1).Key))
	f.announce(node(3))
	_, err := New(Config{})
	require.ErrorIs(t, err, ErrConfig)
	_, err = New(Config{Now: time.Now, Breaker: BreakerConfig{Window: 65}})
	require.ErrorIs(t, err, ErrConfig)
}

// TestLeavingDoesNotCleanTheRecord: a node that fails could otherwise come back at once.
func TestLeavingDoesNotCleanTheRecord(t *testing.T) {
	f := newFixture(t, func(c *Config) { c.Breaker.Pause = time.Minute })
	f.announce(node(1))
	out := f.pick(basic())
	for range 5 {
		f.call(0, NodeFault)
	}
	f.Remove(node(1).Key)
	f.announce(node(1))
	f.overloaded(basic())
	require.Equal(t, 1, f.Snapshot().Nodes[0].Measured[0].Outstanding)
	out.Done(Outcome{Kind: Cancelled})

	f.announce(node(1, func(n *Node) { n.Loads[0].App = "other" }))
	f.announce(node(1))
	require.EqualValues(t, 6, f.Snapshot().Nodes[0].Measured[0].Calls)

	f.Remove(node(1).Key)
	f.pass(f.cfg.Forget + time.Second)
	f.Expire()
	require.Empty(t, f.gone)
	f.announce(node(1))
	f.pick(basic())
}

func TestSnapshot(t *testing.T) {
	f := newFixture(t)
	f.announce(
		node(2, func(n *Node) { n.Loads[0].UnitPrice, n.Loads[0].CallPrice = 1, 40 }),
		node(1),
		node(3, func(n *Node) { n.Proving, n.Loads[0].UnitPrice = true, 0 }),
		node(4, func(n *Node) { n.Loads = []Load{{App: "a", Ready: true, UnitPrice: 7}} }),
	)
	f.RoundTrip(node(1).Key, 3*time.Millisecond)
	f.RoundTrip(node(99).Key, time.Hour)
	f.call(8*time.Millisecond, OK) // only the first fits
	s := f.Snapshot()
	require.Equal(t, []AppStatus{
		{App: "a", Nodes: 1, Ready: 1, UnitPrice: 7},
		{App: "app", Nodes: 3, Ready: 2, UnitPrice: 1, CallPrice: 10, Typical: 5 * time.Millisecond},
	}, s.Apps)
	require.Len(t, s.Nodes, 4)
	require.Equal(t, node(1).Key, s.Nodes[0].Key)
	require.Equal(t, 3*time.Millisecond, s.Nodes[0].RoundTrip)
	require.Equal(t, Measured{
		App: "app", Calls: 1, FirstByte: 8 * time.Millisecond, Service: 5 * time.Millisecond, Predicted: 8 * time.Millisecond,
	}, s.Nodes[0].Measured[0])
}

// TestShelvesStayInOrder: whatever is announced and removed, every offer is where its node thinks that it is, and those
// that can serve are in front.
func TestShelvesStayInOrder(t *testing.T) {
	f := newFixture(t)
	r := rand.New(rand.NewPCG(3, 4))
	regions := []string{"", "DE", "DE-BE", "FR"}
	for range 2_000 {
		n := node(r.IntN(40))
		n.Region, n.Proving, n.Accepting, n.Loads = regions[r.IntN(4)], r.IntN(4) == 0, r.IntN(4) > 0, nil
		for _, app := range []string{"a", "b", "c"} {
			if r.IntN(2) == 0 {
				n.Loads = append(n.Loads, Load{App: app, Ready: r.IntN(3) > 0})
			}
		}
		switch r.IntN(10) {
		case 0:
			f.Remove(n.Key)
		case 1:
			f.pass(2 * time.Second)
			f.Expire()
		default:
			f.announce(n)
		}
		places := 0
		for key, s := range f.shelves {
			for at, o := range s.offers {
				if o.entry.places[o.place] != (place{key, s, at}) || f.nodes[o.entry.node.Key] != o.entry || (at < s.live) != (o.held == fits) {
					t.Fatalf("offer %d of %v is out of order", at, key)
				}
				places++
			}
			require.NotEmpty(t, s.offers)
		}
		for _, e := range f.nodes {
			places -= len(e.places)
		}
		require.Zero(t, places)
	}
}
