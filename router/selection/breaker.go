package selection

import (
	"math/bits"
	"time"
)

// State is a breaker's.
type State uint8

// A breaker lets every call through, none, or one that tries the node.
const (
	Closed State = iota
	Open
	HalfOpen
)

func (s State) String() string { return [...]string{"closed", "open", "half-open"}[s] }

// breaker leaves a node alone that fails. The record's lock guards it.
type breaker struct {
	row     int    // failures in a row
	good    int    // successes in a row
	recent  uint64 // a bit for each of the last calls, set when it failed
	level   int    // how often it opened since the node was last well
	until   time.Time
	isOpen  bool
	probing bool
	probeBy time.Time // a probe that is not over by then has its turn behind it
}

func (b *breaker) state(now time.Time) State {
	switch {
	case !b.isOpen:
		return Closed
	case now.Before(b.until):
		return Open
	}
	return HalfOpen
}

// admits says whether a call may go, and if not, in how long it is worth asking again.
func (b *breaker) admits(now time.Time, cfg *BreakerConfig) (bool, time.Duration) {
	switch b.state(now) {
	case Open:
		return false, b.until.Sub(now)
	case HalfOpen:
		// One at a time: a crowd would bury a node that just came back. One that takes for ever must not lock it out.
		return !b.probing || !now.Before(b.probeBy), cfg.Pause
	}
	return true, 0
}

// begin says whether the call is the one that tries the node.
func (b *breaker) begin(now time.Time, cfg *BreakerConfig) (probe bool) {
	b.probing, b.probeBy = b.isOpen, now.Add(cfg.MaxPause)
	return b.isOpen
}

// success closes the breaker if it was the probe's: a call from before it opened says nothing of the node now.
func (b *breaker) success(probe bool, cfg *BreakerConfig) {
	b.row = 0
	b.good++
	b.note(false, cfg)
	if probe && b.isOpen {
		b.probing, b.isOpen, b.good = false, false, 1
		b.recent = 0
	}
	// A node that answers each probe and fails after that keeps its long pauses.
	if !b.isOpen && b.good >= cfg.Failures {
		b.level = 0
	}
}

// failure opens the breaker when there are too many. jitter is from 0 to 1.
func (b *breaker) failure(probe bool, now time.Time, jitter float64, cfg *BreakerConfig) {
	b.good = 0
	b.row++
	b.note(true, cfg)
	switch {
	case b.isOpen && !probe: // a call from before it opened
	case b.isOpen, b.row >= cfg.Failures, float64(bits.OnesCount64(b.recent)) >= cfg.Share*float64(cfg.Window):
		b.open(now, jitter, cfg)
	}
}

// neither ends a call that says nothing of the node: a probe may follow.
func (b *breaker) neither(probe bool) {
	if probe {
		b.probing = false
	}
}

// open pauses for twice as long each time, give or take a quarter, so that routers do not come back to a node together.
func (b *breaker) open(now time.Time, jitter float64, cfg *BreakerConfig) {
	pause := cfg.MaxPause
	if cfg.Pause <= cfg.MaxPause>>b.level {
		pause = cfg.Pause << b.level
	}
	b.level++
	b.isOpen, b.probing = true, false
	b.until = now.Add(time.Duration(float64(pause) * (0.75 + jitter/2)))
}

func (b *breaker) note(failed bool, cfg *BreakerConfig) {
	b.recent <<= 1
	if failed {
		b.recent |= 1
	}
	if cfg.Window < 64 {
		b.recent &= 1<<cfg.Window - 1
	}
}
