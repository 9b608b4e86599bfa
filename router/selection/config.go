package selection

import (
	"math/rand/v2"
	"sync"
	"time"
)

// Config is a table's. Zero values are replaced by those of DefaultConfig, beside Now, which has to be given.
type Config struct {
	Now    func() time.Time
	Rand   rand.Source      // nil: the system's
	Policy Policy           // nil: P2C
	Name   func(Key) string // what nodes are called in reasons; nil: Key.String

	Stale  time.Duration // an announcement older than this is not believed
	Forget time.Duration // what was measured of a node that is gone is kept for so long: leaving is no way to a clean record
	// MaxNodes bounds memory, and the time for which a call that nobody fits keeps a core busy.
	MaxNodes int
	MaxApps  int // of one node: an announcement is short, what is kept of it for each app is not

	FirstGuess time.Duration // how long a call is thought to take before any was measured
	Memory     time.Duration // in so much time a measured latency loses 63 % of its weight
	Proving    time.Duration // how long a proving node is thought to be away
	Breaker    BreakerConfig
}

// BreakerConfig says when a failing node is left alone, and for how long.
type BreakerConfig struct {
	Failures int           // in a row
	Window   int           // of the last so many calls, at most 64 …
	Share    float64       // … so many as this share of them failed
	Pause    time.Duration // the first; each one after that is twice as long
	MaxPause time.Duration
}

// DefaultConfig are values for a public router.
func DefaultConfig() Config {
	return Config{
		Policy: P2C{}, Name: Key.String,
		Stale: 30 * time.Second, Forget: 10 * time.Minute, MaxNodes: 1 << 17, MaxApps: 64,
		FirstGuess: time.Second, Memory: 10 * time.Second, Proving: 5 * time.Second,
		Breaker: BreakerConfig{Failures: 5, Window: 20, Share: 0.5, Pause: time.Second, MaxPause: time.Minute},
	}
}

func (c Config) filled() Config {
	d := DefaultConfig()
	if c.Policy == nil {
		c.Policy = d.Policy
	}
	if c.Name == nil {
		c.Name = d.Name
	}
	if c.Rand == nil {
		c.Rand = system{}
	}
	fill(&c.Stale, d.Stale)
	fill(&c.Forget, d.Forget)
	fill(&c.MaxNodes, d.MaxNodes)
	fill(&c.MaxApps, d.MaxApps)
	fill(&c.FirstGuess, d.FirstGuess)
	fill(&c.Memory, d.Memory)
	fill(&c.Proving, d.Proving)
	fill(&c.Breaker.Failures, d.Breaker.Failures)
	fill(&c.Breaker.Window, d.Breaker.Window)
	fill(&c.Breaker.Share, d.Breaker.Share)
	fill(&c.Breaker.Pause, d.Breaker.Pause)
	fill(&c.Breaker.MaxPause, d.Breaker.MaxPause)
	return c
}

func fill[T comparable](value *T, instead T) {
	var zero T
	if *value == zero {
		*value = instead
	}
}

// Validate says what is wrong with a setting, in words.
func (c Config) Validate() error {
	b := c.Breaker
	switch {
	case c.Now == nil:
		return wrap(ErrConfig, "a table needs a clock")
	case c.Stale < 0 || c.Forget < 0 || c.FirstGuess < 0 || c.Memory < 0 || c.Proving < 0 || b.Pause < 0:
		return wrap(ErrConfig, "a duration is negative")
	case c.MaxNodes < 0 || c.MaxApps < 0 || b.Failures < 0:
		return wrap(ErrConfig, "a count is negative")
	case b.Window < 0 || b.Window > 64 || b.Share < 0 || b.Share > 1:
		return wrap(ErrConfig, "expected a window of at most 64 calls and a share of at most 1, got %d and %g", b.Window, b.Share)
	case b.MaxPause < b.Pause:
		return wrap(ErrConfig, "the longest pause %s is below the first, %s", b.MaxPause, b.Pause)
	}
	return nil
}

// locked makes a source safe for concurrent use; rand.Rand keeps nothing beside its source.
type locked struct {
	mu sync.Mutex
	of rand.Source
}

func (l *locked) Uint64() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.of.Uint64()
}

// system is the process's own randomness.
type system struct{}

func (system) Uint64() uint64 { return rand.Uint64() }
