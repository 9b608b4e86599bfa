package selection

import (
	"sync/atomic"
	"time"
)

const (
	// A node that says "busy" for an hour is asked after a minute; one that gives no time is not asked at once.
	minRetry = 100 * time.Millisecond
	maxRetry = time.Minute
	// rivals bounds how often a choice is made again because another call took the node's last chance meanwhile.
	rivals = 4
)

// Choice is the node that answers a call.
type Choice struct {
	Node      Node
	Price     uint64        // uemc at most
	Predicted time.Duration // until the call is done
	Reason    string        // one line for a log or a header
}

// Kind is how a call ended, as far as the choice of nodes is concerned.
type Kind uint8

// How calls end.
const (
	OK        Kind = iota
	NodeFault      // no answer, a broken or a wrong one: what the node is to blame for
	Busy           // the node said that it has no room, and when it may have
	Cancelled      // the customer, or this router, gave it up: nothing is learnt
)

// Outcome tells how a call ended. The times are the node's alone: a customer who reads slowly, or one who hangs up, must
// not be able to make a node look slow.
type Outcome struct {
	Kind      Kind
	FirstByte time.Duration
	Total     time.Duration
	Retry     time.Duration // after Busy: not before this
}

// Pick is a call given to a node, from Table.Pick to Done.
type Pick struct {
	Choice
	table   *Table
	record  *record
	meter   *meter
	typical *typical
	crowd   float64
	probe   bool
	began   bool // the record's lock guards it
	done    atomic.Bool
}

// Pick chooses a node. It fails with Overloaded when waiting helps, else with ErrNoNode and what to change. Every Pick
// ends with Done.
func (t *Table) Pick(w Wants) (*Pick, error) {
	now := t.cfg.Now()
	a := asked{Wants: w, now: now, freshest: now.Add(-t.cfg.Stale).UnixNano(), cfg: &t.cfg}
	t.mu.RLock()
	defer t.mu.RUnlock()
	s := t.shelves[shelfKey{w.App, countryOf(w.Region)}]
	if s == nil { // with a region, those of other countries tell why
		if s = t.shelves[shelfKey{app: w.App}]; s == nil {
			return nil, wrap(ErrNoNode, "no node serves %q: check its name, or wait until a node offers it", w.App)
		}
	}
	p := &pool{asked: a, table: t, shelf: s}
	for range rivals {
		p.tally = newTally()
		c, why, ok := t.cfg.Policy.Choose(p)
		if !ok {
			return nil, p.refusal()
		}
		o := &s.offers[c.at]
		crowd, probe, ok := o.entry.record.begin(o.meter, o.capacity, now, &t.cfg.Breaker)
		if !ok {
			continue
		}
		if probe {
			why += "; tries it after failures"
		}
		return &Pick{
			Choice: Choice{Node: o.entry.node, Price: c.Price, Predicted: c.Predicted, Reason: why},
			table:  t, record: o.entry.record, meter: o.meter, typical: s.typical, crowd: crowd, probe: probe,
		}, nil
	}
	return nil, Overloaded{RetryAfter: minRetry, Words: "other calls took the nodes that fitted"}
}

// Began tells that the answer has begun: the node is there.
func (p *Pick) Began() {
	p.record.mu.Lock()
	defer p.record.mu.Unlock()
	if !p.began && !p.done.Load() {
		p.begin(true)
	}
}

// begin ends the wait for an answer. It is called with the lock held.
func (p *Pick) begin(sign bool) {
	p.began = true
	p.meter.waiting--
	if sign {
		p.meter.sign(p.table.cfg.Now())
	}
}

// Done feeds what was measured. Only the first one counts.
func (p *Pick) Done(o Outcome) {
	if p.done.Swap(true) {
		return
	}
	t, r, m := p.table, p.record, p.meter
	now, cfg := t.cfg.Now(), &t.cfg
	r.mu.Lock()
	defer r.mu.Unlock()
	r.usedAt = now
	m.outstanding--
	if !p.began { // a node that is busy says so
		p.begin(o.Kind == OK || o.Kind == Busy)
	}
	service := time.Duration(alone(max(float64(o.Total)-r.roundTrip.value, 0), p.crowd))
	switch o.Kind {
	case OK:
		m.service.observe(now, service, cfg.Memory)
		m.firstByte.observe(now, o.FirstByte, cfg.Memory)
		p.typical.observe(float64(service))
		r.breaker.success(p.probe, &cfg.Breaker)
	case NodeFault:
		// A node that fails at once must not look like a fast one; one that fails after a long wait is slow indeed.
		if unknown := p.typical.guess(cfg.FirstGuess); float64(service) > m.service.guess(now, unknown, cfg.Memory) {
			m.service.observe(now, service, cfg.Memory)
		}
		r.faults++
		r.breaker.failure(p.probe, now, t.rand.Float64(), &cfg.Breaker)
	case Busy:
		until := now.Add(min(max(o.Retry, minRetry), maxRetry))
		if until.After(m.busyUntil) {
			m.busyUntil = until
		}
		r.breaker.neither(p.probe)
	case Cancelled:
		r.breaker.neither(p.probe)
	}
}
