package selection

import (
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Table knows the nodes and chooses among them. It is safe for concurrent use.
type Table struct {
	cfg  Config
	rand *rand.Rand

	mu      sync.RWMutex
	nodes   map[Key]*entry
	shelves map[shelfKey]*shelf
	gone    map[Key]*record // of nodes that are not in nodes
}

// entry is a node as it announced itself last.
type entry struct {
	node   Node
	name   string
	record *record
	places []place
}

// New makes an empty table.
func New(cfg Config) (*Table, error) {
	cfg = cfg.filled()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Table{
		cfg: cfg, rand: rand.New(&locked{of: cfg.Rand}),
		nodes: make(map[Key]*entry), shelves: make(map[shelfKey]*shelf), gone: make(map[Key]*record),
	}, nil
}

// Announce takes a node's word of itself in place of what it said before. The caller has made sure that it is the node's.
func (t *Table) Announce(n Node) error {
	now := t.cfg.Now()
	if n.SeenAt.IsZero() || n.SeenAt.After(now) { // one from the future would never be stale
		n.SeenAt = now
	}
	if err := t.check(n, now); err != nil {
		return err
	}
	n.Loads = slices.Clone(n.Loads)
	name := t.cfg.Name(n.Key)
	t.mu.Lock()
	defer t.mu.Unlock()
	e, known := t.nodes[n.Key]
	switch {
	case known && n.SeenAt.Before(e.node.SeenAt):
		return wrap(ErrOld, "node %s said more at %s", name, e.node.SeenAt.Format(time.RFC3339))
	case known:
		t.unshelve(e)
	case len(t.nodes) >= t.cfg.MaxNodes:
		return wrap(ErrFull, "%d are known, as many as MaxNodes allows", len(t.nodes))
	default:
		e = &entry{name: name, record: t.gone[n.Key]}
		delete(t.gone, n.Key)
		if e.record == nil {
			e.record = newRecord()
		}
		t.nodes[n.Key] = e
	}
	e.node = n
	t.shelve(e, e.record.hear(n.Loads, now, &t.cfg))
	return nil
}

func (t *Table) check(n Node, now time.Time) error {
	switch {
	case n.Key == Key{}:
		return wrap(ErrNode, "it has no address")
	case len(n.Loads) > t.cfg.MaxApps:
		return wrap(ErrNode, "expected at most %d apps, got %d", t.cfg.MaxApps, len(n.Loads))
	case now.Sub(n.SeenAt) > t.cfg.Stale:
		return wrap(ErrOld, "it is from %s ago, %s are allowed", now.Sub(n.SeenAt).Round(time.Second), t.cfg.Stale)
	}
	apps := make(map[string]bool, len(n.Loads))
	for _, l := range n.Loads {
		if l.App == "" || apps[l.App] { // an app twice would be drawn twice as often
			return wrap(ErrNode, "app %q is named twice, or not at all", l.App)
		}
		apps[l.App] = true
	}
	return nil
}

// shelve puts a node's offers on the shelf of each app, and on that of the app in its country.
func (t *Table) shelve(e *entry, meters []*meter) {
	e.places = e.places[:0]
	countries := []string{"", countryOf(e.node.Region)}
	if countries[1] == "" {
		countries = countries[:1]
	}
	for i, l := range e.node.Loads {
		for _, country := range countries {
			key := shelfKey{l.App, country}
			s := t.shelves[key]
			if s == nil {
				s = &shelf{typical: new(typical)}
				if country != "" {
					s.typical = t.shelves[shelfKey{app: l.App}].typical
				}
				t.shelves[key] = s
			}
			e.places = append(e.places, place{key: key, shelf: s})
			s.add(offer{
				unitPrice: l.UnitPrice, callPrice: l.CallPrice, power: e.node.Power, seenAt: e.node.SeenAt.UnixNano(), region: e.node.Region,
				entry: e, meter: meters[i], place: len(e.places) - 1, isolation: e.node.Isolation, score: e.node.Reputation.Score(),
				capacity: l.Capacity, held: heldBy(e.node, l),
			})
		}
	}
}

func (t *Table) unshelve(e *entry) {
	for _, p := range e.places {
		p.shelf.remove(p.at)
		if len(p.shelf.offers) == 0 {
			delete(t.shelves, p.key)
		}
	}
	e.places = e.places[:0]
}

// Remove drops a node, for example one that left the chain, and says whether it was known.
func (t *Table) Remove(key Key) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.nodes[key]
	if ok {
		t.drop(e)
	}
	return ok
}

func (t *Table) drop(e *entry) {
	t.unshelve(e)
	delete(t.nodes, e.node.Key)
	if len(t.gone) < t.cfg.MaxNodes {
		t.gone[e.node.Key] = e.record
	}
}

// Expire drops nodes whose announcement is stale, and what was measured of those that are gone for long; it says how many
// nodes it dropped. Stale nodes are not chosen even before that: it saves memory.
func (t *Table) Expire() (dropped int) {
	now := t.cfg.Now()
	var stale []Key
	t.mu.RLock() // the long look hinders nobody's choice
	for key, e := range t.nodes {
		if now.Sub(e.node.SeenAt) > t.cfg.Stale {
			stale = append(stale, key)
		}
	}
	t.mu.RUnlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, key := range stale {
		if e, ok := t.nodes[key]; ok && now.Sub(e.node.SeenAt) > t.cfg.Stale {
			t.drop(e)
			dropped++
		}
	}
	for key, r := range t.gone {
		if r.idle(now) > t.cfg.Forget {
			delete(t.gone, key)
		}
	}
	return dropped
}

// RoundTrip takes a measured round trip to a node, for example of a ping. Without any, it counts as part of the service.
func (t *Table) RoundTrip(key Key, d time.Duration) {
	t.mu.RLock()
	e := t.nodes[key]
	t.mu.RUnlock()
	if e == nil {
		return
	}
	e.record.mu.Lock()
	defer e.record.mu.Unlock()
	e.record.roundTrip.observe(t.cfg.Now(), d, t.cfg.Memory)
}
