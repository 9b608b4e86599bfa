package selection

import (
	"bytes"
	"cmp"
	"slices"
	"time"
)

// Snapshot is what a status page shows.
type Snapshot struct {
	At    time.Time
	Nodes []NodeStatus // by key
	Apps  []AppStatus  // by name
}

// NodeStatus is a node with what this router measured of it.
type NodeStatus struct {
	Node
	Stale     bool
	Breaker   State
	RoundTrip time.Duration
	Faults    uint64
	Measured  []Measured // one for each of Loads
}

// Measured is what this router measured of a node's app.
type Measured struct {
	App         string
	Calls       uint64
	Outstanding int
	FirstByte   time.Duration
	Service     time.Duration // zero: none was measured
	Predicted   time.Duration
	BusyUntil   time.Time
}

// AppStatus counts an app's nodes. The prices are the lowest of those that can serve, and may be two nodes'.
type AppStatus struct {
	App       string
	Nodes     int
	Ready     int // that can serve now
	UnitPrice uint64
	CallPrice uint64
	Typical   time.Duration // of one call; zero: none was measured
}

// Snapshot copies what the table knows.
func (t *Table) Snapshot() Snapshot {
	now := t.cfg.Now()
	out := Snapshot{At: now}
	t.mu.RLock()
	out.Nodes = make([]NodeStatus, 0, len(t.nodes))
	for _, e := range t.nodes {
		out.Nodes = append(out.Nodes, t.status(e, now))
	}
	for key, s := range t.shelves {
		if key.country == "" {
			out.Apps = append(out.Apps, s.status(key.app, now.Add(-t.cfg.Stale).UnixNano()))
		}
	}
	t.mu.RUnlock()
	slices.SortFunc(out.Nodes, func(a, b NodeStatus) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	slices.SortFunc(out.Apps, func(a, b AppStatus) int { return cmp.Compare(a.App, b.App) })
	return out
}

func (t *Table) status(e *entry, now time.Time) NodeStatus {
	r := e.record
	r.mu.Lock()
	defer r.mu.Unlock()
	out := NodeStatus{
		Node: e.node, Stale: now.Sub(e.node.SeenAt) > t.cfg.Stale, Breaker: r.breaker.state(now),
		RoundTrip: time.Duration(r.roundTrip.value), Faults: r.faults, Measured: make([]Measured, 0, len(e.node.Loads)),
	}
	out.Loads = slices.Clone(out.Loads)
	for _, l := range e.node.Loads {
		m, app := r.meters[l.App], t.shelves[shelfKey{app: l.App}]
		unknown := app.typical.guess(t.cfg.FirstGuess)
		out.Measured = append(out.Measured, Measured{
			App: l.App, Calls: m.calls, Outstanding: m.outstanding, FirstByte: time.Duration(m.firstByte.value), Service: time.Duration(m.service.value),
			Predicted: r.predicted(m, l.Capacity, now, unknown, t.cfg.Memory), BusyUntil: m.busyUntil,
		})
	}
	return out
}

func (s *shelf) status(app string, freshest int64) AppStatus {
	out := AppStatus{App: app, Nodes: len(s.offers), Typical: s.typical.mean()}
	for _, o := range s.offers[:s.live] {
		if o.seenAt < freshest {
			continue
		}
		if out.Ready == 0 {
			out.UnitPrice, out.CallPrice = o.unitPrice, o.callPrice
		}
		out.Ready++
		out.UnitPrice, out.CallPrice = min(out.UnitPrice, o.unitPrice), min(out.CallPrice, o.callPrice)
	}
	return out
}
