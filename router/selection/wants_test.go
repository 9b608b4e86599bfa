package selection

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEachRuleExcludes(t *testing.T) {
	for _, c := range []struct {
		name  string
		node  func(*Node)
		wants func(*Wants)
		why   reason
	}{
		{name: "success", why: fits},
		{name: "success - the very region", wants: func(w *Wants) { w.Region = "DE-BE" }, why: fits},
		{name: "success - any region", node: func(n *Node) { n.Region = "" }, wants: func(w *Wants) { w.Region = "" }, why: fits},
		{name: "success - another was tried", wants: func(w *Wants) { w.Exclude = []Key{{9}} }, why: fits},
		{name: "success - the only one", wants: func(w *Wants) { w.Only = node(1).Key }, why: fits},
		{name: "error - not the only one", wants: func(w *Wants) { w.Only = Key{9} }, why: another},
		{name: "error - stale", node: func(n *Node) { n.SeenAt = time.Unix(0, 1e18).Add(-31 * time.Second) }, why: stale},
		{name: "error - not ready", node: func(n *Node) { n.Loads[0].Ready = false }, why: unready},
		{name: "error - takes no calls", node: func(n *Node) { n.Accepting = false }, why: refusing},
		{name: "error - another region", node: func(n *Node) { n.Region = "FR" }, why: elsewhere},
		{name: "error - a region that only begins alike", node: func(n *Node) { n.Region = "DEX" }, why: elsewhere},
		{name: "error - the country for one of its parts", node: func(n *Node) { n.Region = "DE" }, wants: func(w *Wants) { w.Region = "DE-BE" }, why: elsewhere},
		{name: "error - no region", node: func(n *Node) { n.Region = "" }, why: elsewhere},
		{name: "error - isolation", node: func(n *Node) { n.Isolation = 1 }, why: exposed},
		{name: "error - power", node: func(n *Node) { n.Power = 999 }, why: weak},
		{name: "error - reputation", node: func(n *Node) { n.Reputation.Failed = 1 }, why: disreputable},
		{name: "error - no past", node: func(n *Node) { n.Reputation = Reputation{} }, why: disreputable},
		{name: "error - price of a unit", node: func(n *Node) { n.Loads[0].UnitPrice = 3 }, why: dear},
		{name: "error - price of the call", node: func(n *Node) { n.Loads[0].CallPrice = 11 }, why: dear},
		{name: "error - a price that wraps round to nothing", node: func(n *Node) { n.Loads[0].UnitPrice = 1 << 63 }, why: dear},
		{name: "error - tried", wants: func(w *Wants) { w.Exclude = []Key{{9}, node(1).Key} }, why: excluded},
		{name: "error - proving", node: func(n *Node) { n.Proving = true }, why: proving},
		{name: "error - of two reasons, the one to change", node: func(n *Node) { n.Proving, n.Isolation = true, 0 }, why: exposed},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			n, w := node(1), basic()
			if c.node != nil {
				c.node(&n)
			}
			if c.wants != nil {
				c.wants(&w)
			}
			if n.SeenAt.IsZero() {
				f.announce(n)
			} else { // it became stale in the table
				f.now.Store(n.SeenAt.UnixNano())
				f.announce(n)
				f.now.Store(1e18)
			}
			a := asked{Wants: w, now: f.clock(), freshest: f.clock().Add(-f.cfg.Stale).UnixNano(), cfg: &f.cfg}
			why, _ := a.judge(&f.shelves[shelfKey{app: "app"}].offers[0])
			require.Equal(t, c.why, why)

			p, err := f.Pick(w)
			switch c.why {
			case fits:
				require.NoError(t, err)
				require.Equal(t, n.Key, p.Node.Key)
				require.EqualValues(t, 30, p.Price)
			case proving:
				require.Equal(t, f.cfg.Proving, f.overloaded(w))
			default:
				require.ErrorIs(t, err, ErrNoNode)
			}
		})
	}
}

// TestTheWordsSayWhatToChange: of the reason that kept the most nodes away, with the figure that would do.
func TestTheWordsSayWhatToChange(t *testing.T) {
	f := newFixture(t)
	_, err := f.Pick(basic())
	require.ErrorIs(t, err, ErrNoNode)
	require.ErrorContains(t, err, `no node serves "app"`)

	f.announce(
		node(1, func(n *Node) { n.Loads[0].CallPrice = 500 }),
		node(2, func(n *Node) { n.Loads[0].CallPrice = 400 }),
		node(3, func(n *Node) { n.Loads[0].UnitPrice = math.MaxUint64 }),
		node(4, func(n *Node) { n.Isolation = 1 }),
		node(5, func(n *Node) { n.Isolation = 0 }),
		node(6, func(n *Node) { n.Region = "FR-75C" }),
	)
	_, err = f.Pick(basic())
	require.ErrorIs(t, err, ErrNoNode)
	require.ErrorContains(t, err, "the cheapest node wants 420 uemc for at most 10 units, allowed 30")

	w := basic()
	w.MaxPrice, w.MinIsolation, w.Units = 2000, 3, 1
	_, err = f.Pick(w)
	require.ErrorContains(t, err, "tier 2, wanted 3")

	// Those of other countries do not hide what is wrong at home.
	for i := range 9 {
		f.announce(node(20+i, func(n *Node) { n.Region = "FR" }))
	}
	w.MinIsolation, w.MaxPrice = 1, 11 // four are dear, one is exposed
	_, err = f.Pick(w)
	require.ErrorContains(t, err, "the cheapest node wants 12 uemc")
	w.MinIsolation = 3 // all are exposed, whatever they cost
	_, err = f.Pick(w)
	require.ErrorContains(t, err, "tier 2, wanted 3")
	w.MinIsolation, w.MaxPrice, w.Exclude = 2, 401, []Key{node(1).Key}
	_, err = f.Pick(w)
	require.ErrorContains(t, err, "the cheapest node wants 402 uemc")
	w.MinIsolation, w.MaxPrice, w.Exclude = 2, 502, []Key{node(1).Key, node(2).Key}
	_, err = f.Pick(w)
	require.ErrorContains(t, err, "tier 1, wanted 2", "of equal numbers, the first to change")

	w = basic()
	w.MinIsolation, w.Region = 3, "US"
	_, err = f.Pick(w)
	require.ErrorContains(t, err, `no node that serves "app" is in US`)

	w.Region, w.MinIsolation, w.MinPower = "", 0, 1001
	_, err = f.Pick(w)
	require.ErrorContains(t, err, "proven 1000 micro-E, wanted 1001")
}

func TestOverloadIsToldFromNobody(t *testing.T) {
	f := newFixture(t)
	for i := range 9 {
		f.announce(node(i, func(n *Node) { n.Loads[0].CallPrice = 1000 }))
	}
	_, err := f.Pick(basic())
	require.ErrorIs(t, err, ErrNoNode)

	// One that would do is worth waiting for, however many do not.
	f.announce(node(20, func(n *Node) { n.Proving = true }))
	require.Equal(t, f.cfg.Proving, f.overloaded(basic()))

	// The first that is free counts.
	f.announce(node(21))
	f.pick(basic()).Done(Outcome{Kind: Busy, Retry: 2 * time.Second})
	require.Equal(t, 2*time.Second, f.overloaded(basic()))

	// Those that the call was given to already are not worth it.
	w := basic()
	w.Exclude = []Key{node(20).Key, node(21).Key}
	_, err = f.Pick(w)
	require.ErrorIs(t, err, ErrNoNode)

	f.pass(2 * time.Second)
	require.Equal(t, node(21).Key, f.pick(basic()).Node.Key)
}

// TestTheOnlyNodeTellsWhy, and not those that may not answer anyway.
func TestTheOnlyNodeTellsWhy(t *testing.T) {
	f := newFixture(t)
	for i := range 50 {
		f.announce(node(i))
	}
	w := basic()
	w.Only = node(60).Key
	_, err := f.Pick(w)
	require.ErrorIs(t, err, ErrNoNode)
	require.ErrorContains(t, err, "the only node that may answer")
	f.announce(node(60, func(n *Node) { n.Loads[0].CallPrice = 500 }))
	_, err = f.Pick(w)
	require.ErrorContains(t, err, "the cheapest node wants 520 uemc")
	f.announce(node(60, func(n *Node) { n.Proving = true }))
	require.Equal(t, f.cfg.Proving, f.overloaded(w))
	f.announce(node(60))
	for range 20 {
		require.Equal(t, w.Only, f.pick(w).Node.Key)
	}
}

func TestManyTriedAreSaidToBe(t *testing.T) {
	f := newFixture(t)
	f.announce(node(1), node(2))
	w := basic()
	w.Exclude = []Key{node(1).Key, node(2).Key}
	_, err := f.Pick(w)
	require.ErrorIs(t, err, ErrNoNode)
	require.ErrorContains(t, err, "all 2 nodes that fit were tried")
}
