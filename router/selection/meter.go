package selection

import (
	"math"
	"time"
)

// peak is a peak-EWMA, as in Finagle and linkerd: a worse value counts at once, a better one bit by bit, by the time that
// passed and not by the number of calls. So a node that became slow loses calls with the first one that shows it.
type peak struct {
	value float64 // ns
	at    time.Time
}

func (p *peak) known() bool { return !p.at.IsZero() }

func (p *peak) observe(now time.Time, d time.Duration, memory time.Duration) {
	v := float64(max(d, 0))
	if !p.known() || v >= p.value {
		p.value, p.at = v, now
		return
	}
	keep := fade(now.Sub(p.at), memory)
	p.value, p.at = p.value*keep+v*(1-keep), now
}

// guess is the value now: one that is worse than what an unknown node gets comes down to that, so that a node which was
// slow once is tried again. A better one stays: a quiet hour does not make a fast node an unknown one.
func (p *peak) guess(now time.Time, unknown float64, memory time.Duration) float64 {
	switch {
	case !p.known():
		return unknown
	case p.value <= unknown:
		return p.value
	}
	return unknown + (p.value-unknown)*fade(now.Sub(p.at), memory)
}

func fade(passed, memory time.Duration) float64 {
	return math.Exp(-float64(max(passed, 0)) / float64(memory))
}

// meter is what this router measured of one app of one node. The record's lock guards it.
type meter struct {
	service     peak // of one call that need not wait, without the round trip
	firstByte   peak
	outstanding int // own calls
	waiting     int // of these: nothing of their answer has come
	signAt      time.Time
	others      float64 // calls of others, by what was announced: may be below zero, as announcements come late
	heardAt     time.Time
	busyUntil   time.Time // the node's own word; per app, as each has its own queue
	calls       uint64
}

// announced takes what the node says that it has, and leaves out what it has from here. Announcements are late, so that
// the difference wavers about the truth: a mean over time is kept, to which a repeated one adds nothing.
func (m *meter) announced(l Load, now time.Time, memory time.Duration) {
	others := float64(l.Running) + float64(l.Queued) - float64(m.outstanding)
	if !m.heardAt.IsZero() {
		keep := fade(now.Sub(m.heardAt), memory)
		others = m.others*keep + others*(1-keep)
	}
	m.others, m.heardAt = others, now
}

// silence is how long nothing has come of any of the calls that wait. A node that takes calls and never answers would else be as
// good as an unknown one until the first call is given up, and collect calls for all that time.
func (m *meter) silence(now time.Time) time.Duration {
	if m.waiting == 0 {
		return 0
	}
	return now.Sub(m.signAt)
}

// sign notes that something came.
func (m *meter) sign(now time.Time) { m.signAt = now }

// alone is how long a call would have taken without those ahead of it. How many these were is not known well: with the
// whole of their share taken off, a crowded node looks faster than it is, with none, its queue counts twice. The root
// between them did best in package simulate.
func alone(took, crowd float64) float64 { return took / math.Sqrt(crowd) }

// crowd is by how much a call that comes now takes longer than one that finds the node idle.
func (m *meter) crowd(capacity uint32) float64 {
	ahead := float64(m.outstanding) + max(m.others, 0)
	return max(1, (ahead+1)/float64(max(capacity, 1)))
}
