// Package simulate plays policies of router/selection against the same nodes and calls, in virtual time: how long calls
// take with each is a matter of seconds to find out, and the same on every machine.
package simulate

import (
	"container/heap"
	"fmt"
	"slices"
	"time"

	"github.com/edgematrix/emc/router/selection"
)

const app = "app"

// Result is how long calls took from the customer's side, after a warm-up of a tenth of them.
type Result struct {
	P50, P99, Mean time.Duration
	Calls          []int // by node
	// Lies are the calls that met a node that lies, by tenths of the time; Retries the most that one call met.
	Lies    [10]int
	Retries int
}

// kind is what happens.
type kind uint8

const (
	arrive   kind = iota // a call at its router
	enqueue              // … at its node
	finish               // … is done there
	answer               // … back at its router
	fail                 // … or not: the router gives it to another node
	gossip               // a node says how it is
	announce             // … and a router hears it
)

type event struct {
	at      time.Duration
	order   int // the same moment: first come, first served
	kind    kind
	call    int
	node    int
	router  int
	message selection.Node
}

type agenda []event

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].order < a[j].order
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(event)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	*a = (*a)[:last]
	return x
}

// machine is a node at work.
type machine struct {
	running int
	queue   []int // calls
}

type world struct {
	Scenario
	trace    []call
	now      time.Duration
	events   agenda
	order    int
	tables   []*selection.Table
	machines []machine
	picks    []*selection.Pick
	given    []time.Duration   // by call: when its node got it
	tried    [][]selection.Key // by call: which nodes failed it
	left     int               // calls that are not answered
	took     []time.Duration
	result   Result
}

// Run plays a scenario with a policy.
func Run(s Scenario, policy selection.Policy) (Result, error) {
	w := &world{
		Scenario: s, trace: s.calls(), machines: make([]machine, len(s.Nodes)), picks: make([]*selection.Pick, s.Calls),
		given: make([]time.Duration, s.Calls), tried: make([][]selection.Key, s.Calls), left: s.Calls,
		result: Result{Calls: make([]int, len(s.Nodes))},
	}
	for r := range s.Routers {
		table, err := selection.New(selection.Config{Now: w.clock, Rand: s.source(uint64(r) + 100), Policy: policy})
		if err != nil {
			return Result{}, err
		}
		w.tables = append(w.tables, table)
	}
	for n := range s.Nodes {
		for r, table := range w.tables {
			if err := table.Announce(w.describe(n)); err != nil {
				return Result{}, err
			}
			table.RoundTrip(key(n), s.RoundTrip)
			// Nodes do not speak in step.
			w.push(event{at: s.Gossip * time.Duration(n+1) / time.Duration(len(s.Nodes)), kind: gossip, node: n, router: r})
		}
	}
	w.push(event{at: w.trace[0].at, kind: arrive})
	for w.left > 0 {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		if err := w.step(e); err != nil {
			return Result{}, err
		}
	}
	return w.summary(), nil
}

func (w *world) clock() time.Time { return time.Unix(1_000_000, 0).Add(w.now) }

func (w *world) push(e event) {
	w.order++
	e.order = w.order
	heap.Push(&w.events, e)
}

func (w *world) step(e event) error {
	switch e.kind {
	case arrive:
		if next := e.call + 1; next < len(w.trace) {
			w.push(event{at: w.trace[next].at, kind: arrive, call: next})
		}
		return w.give(e.call)
	case enqueue:
		if w.Nodes[e.node].Lie != Honest {
			w.lie(e)
			return nil
		}
		w.machines[e.node].queue = append(w.machines[e.node].queue, e.call)
		w.serve(e.node)
	case finish:
		w.machines[e.node].running--
		w.serve(e.node)
		w.push(event{at: w.now + w.RoundTrip/2, kind: answer, call: e.call})
	case answer:
		took := w.now - w.given[e.call]
		w.picks[e.call].Done(selection.Outcome{Kind: selection.OK, FirstByte: took, Total: took})
		w.picks[e.call] = nil
		w.left--
		if e.call >= len(w.trace)/10 {
			w.took = append(w.took, w.now-w.trace[e.call].at)
		}
	case fail:
		w.picks[e.call].Done(selection.Outcome{Kind: selection.NodeFault, Total: w.now - w.given[e.call]})
		w.tried[e.call] = append(w.tried[e.call], key(e.node))
		w.result.Retries = max(w.result.Retries, len(w.tried[e.call]))
		return w.give(e.call)
	case gossip:
		w.push(event{at: w.now + w.Gossip, kind: gossip, node: e.node, router: e.router})
		w.push(event{at: w.now + w.Delay, kind: announce, router: e.router, message: w.describe(e.node)})
	case announce:
		return w.tables[e.router].Announce(e.message)
	}
	return nil
}

// give gives a call to a node that has not failed it yet.
func (w *world) give(call int) error {
	pick, err := w.tables[w.trace[call].router].Pick(selection.Wants{App: app, Exclude: w.tried[call]})
	if err != nil {
		return fmt.Errorf("call %d: %w", call, err)
	}
	w.picks[call], w.given[call] = pick, w.now
	n := int(pick.Node.Key[0]) - 1
	w.result.Calls[n]++
	w.push(event{at: w.now + w.RoundTrip/2, kind: enqueue, call: call, node: n})
	return nil
}

// lie is what becomes of a call that a liar got.
func (w *world) lie(e event) {
	w.result.Lies[min(e.call*len(w.result.Lies)/len(w.trace), len(w.result.Lies)-1)]++
	after := w.RoundTrip / 2
	if w.Nodes[e.node].Lie == Silent {
		after = max(w.FirstByte-w.RoundTrip/2, 0)
	}
	w.push(event{at: w.now + after, kind: fail, call: e.call, node: e.node})
}

// serve starts what a node has room for.
func (w *world) serve(n int) {
	m, node := &w.machines[n], w.Nodes[n]
	for m.running < node.Capacity && len(m.queue) > 0 {
		c := m.queue[0]
		m.queue = m.queue[1:]
		m.running++
		w.push(event{at: w.now + time.Duration(float64(node.Service)*w.trace[c].work), kind: finish, call: c, node: n})
	}
}

func (w *world) describe(n int) selection.Node {
	m := w.machines[n] // a liar's is idle at all times
	return selection.Node{
		Key: key(n), Accepting: true, SeenAt: w.clock(),
		Loads: []selection.Load{{App: app, Running: uint32(m.running), Queued: uint32(len(m.queue)), Capacity: uint32(w.Nodes[n].Capacity), Ready: true}},
	}
}

func key(n int) selection.Key { return selection.Key{byte(n + 1)} }

func (w *world) summary() Result {
	slices.Sort(w.took)
	at := func(share float64) time.Duration { return w.took[int(share*float64(len(w.took)-1))] }
	sum := time.Duration(0)
	for _, d := range w.took {
		sum += d
	}
	w.result.P50, w.result.P99, w.result.Mean = at(0.5), at(0.99), sum/time.Duration(len(w.took))
	return w.result
}
