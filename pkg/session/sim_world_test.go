package session_test

import (
	"container/heap"
	"fmt"
	"math/rand"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/model"
)

// settlement is the chain that a schedule is settled by: the model, or the keeper of x/market itself.
type settlement interface {
	session.Chain
	Close(receipt.SessionID)
	Paid(receipt.Lane) uint64
	Seized(router receipt.Address) uint64
}

// plan is what goes wrong in a schedule.
type plan struct {
	seed      int64
	calls     int
	loss      float64 // of a message
	twice     float64 // a message comes twice
	slow      float64 // a message takes long, and others overtake it
	crash     float64 // a party crashes soon after it started
	fatal     string  // a party that never comes back from its crash, or is never there again
	fatalAt   time.Duration
	fallAt    time.Duration // both nodes crash, and come back
	closeAt   time.Duration // the owner closes without a word
	neverPay  bool          // the customer signs no voucher
	forgetful bool          // disks lie: the tests must notice
	allotment uint64        // of each router, uemc; the tests' usual one when 0, which no schedule uses up
	careless  bool          // the customer does not look at the allotments: the routers do

	// One crash at one boundary, for the exhaustive test.
	party string
	batch int
	after bool
}

func (p plan) faulty() bool {
	return p.loss+p.twice+p.slow+p.crash > 0 || p.fatal != "" || p.closeAt > 0 || p.party != "" || p.neverPay || p.careless
}

// world is one schedule: everything happens in one goroutine, in virtual time.
type world struct {
	plan
	rng    *rand.Rand
	now    time.Duration
	events events
	number int
	chain  settlement

	customer *simCustomer
	nodes    [2]*simNode
	routers  [2]*simRouter
	book     *bookkeeper
	calm     bool // faults are over
	failures []string
}

type event struct {
	at     time.Duration
	number int
	do     func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].number < e[j].number
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

var simStart = time.Unix(1_790_000_000, 0)

func (w *world) clock() time.Time { return simStart.Add(w.now) }

// in does something later.
func (w *world) in(d time.Duration, do func()) {
	w.number++
	heap.Push(&w.events, event{w.now + d, w.number, do})
}

// run lets time pass until nothing is left to happen before end.
func (w *world) run(end time.Duration) {
	for len(w.events) > 0 && w.events[0].at <= end {
		e := heap.Pop(&w.events).(event)
		w.now = e.at
		e.do()
		w.check()
	}
	w.now = end
}

func (w *world) chance(p float64) bool { return !w.calm && p > 0 && w.rng.Float64() < p }

// wire is one stream in one direction: what it carries comes in order, or not at all from some point on.
type wire struct {
	last   time.Duration
	broken bool
}

// send brings a message over a stream. Loss breaks the stream; a message that comes twice comes later again on its own, as
// one from an older stream does.
func (w *world) send(s *wire, deliver func()) {
	if s.broken {
		return
	}
	if w.chance(w.loss) {
		s.broken = true
		return
	}
	delay := 5 * time.Millisecond
	if w.chance(w.slow) {
		delay = time.Duration(w.rng.Intn(3000)) * time.Millisecond
	}
	at := max(w.now+delay, s.last)
	s.last = at
	w.in(at-w.now, deliver)
	if w.chance(w.twice) {
		w.in(at-w.now+time.Duration(w.rng.Intn(2000))*time.Millisecond, deliver)
	}
}

func (w *world) fail(format string, args ...any) {
	w.failures = append(w.failures, fmt.Sprintf("%s: ", w.now)+fmt.Sprintf(format, args...))
}

// check is what must hold at every moment: no lane of a node is beyond its bound.
func (w *world) check() {
	for _, n := range w.nodes {
		if n.down {
			continue
		}
		for _, lane := range w.lanes() {
			if lane.Node == n.key.public.Address() {
				if a := n.node.Account(lane); a.Exposure > credit+uint64(n.kills)*unwritten {
					w.fail("node %d is exposed by %d", n.index, a.Exposure)
				}
			}
		}
	}
}

// lanes of the schedule, in a fixed order.
func (w *world) lanes() (out []receipt.Lane) {
	for r := range routerKeys {
		for n := range nodeKeys {
			out = append(out, receipt.Lane{Session: sessionID, Router: routerKeys[r].public.Address(), Node: nodeKeys[n].public.Address()})
		}
	}
	return out
}

func newWorld(p plan) *world {
	w := &world{plan: p, rng: rand.New(rand.NewSource(p.seed)), book: newBookkeeper()}
	w.chain = w.newSettlement()
	for i := range w.routers {
		w.routers[i] = &simRouter{party: w.newParty(fmt.Sprint("router", i)), key: routerKeys[i]}
		w.routers[i].start()
	}
	for i := range w.nodes {
		w.nodes[i] = &simNode{party: w.newParty(fmt.Sprint("node", i)), key: nodeKeys[i], index: i}
		w.nodes[i].start()
	}
	w.customer = &simCustomer{party: w.newParty("customer")}
	w.customer.start()
	return w
}

// newSettlement is x/market itself for one schedule in four, and its model in a page for the others, which are faster.
func (w *world) newSettlement() settlement {
	if w.seed%4 == 0 {
		return newKeeperChain(w.clock, w.allotted())
	}
	chain := model.New(chainID, time.Hour, 10*time.Minute, w.clock)
	chain.Open(sessionID, sessionKey.public, 3*allotment, 24*time.Hour,
		session.Router{Key: routerKeys[0].public, Allotment: w.allotted()}, session.Router{Key: routerKeys[1].public, Allotment: w.allotted()})
	for _, r := range routerKeys {
		for _, n := range nodeKeys {
			chain.SetCover(r.public.Address(), n.public.Address(), cover)
		}
	}
	return chain
}
