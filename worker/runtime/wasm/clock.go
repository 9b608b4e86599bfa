package wasm

import (
	"crypto/sha256"
	"math"
	"math/rand/v2"

	"github.com/tetratelabs/wazero/sys"
)

// epochSeconds is 2000-01-01T00:00:00Z, the moment at which every program
// starts.
const epochSeconds = 946_684_800

// readingNanos is how far each reading moves the clock: a program that waits
// in a loop for time to pass comes to an end, after the same number of turns
// everywhere.
const readingNanos = 1000

// maxNanos is where the clock stops, 146 years on.
const maxNanos = math.MaxInt64 / 2

// clock is a program's whole notion of time: it moves only when it is read and
// by what the program sleeps. Sleeping costs nothing, so that no slot is paid
// for waiting, and no host timing reaches the program.
type clock struct {
	nanos int64
}

func (c *clock) advance(ns int64) int64 {
	if ns > 0 {
		// The ceiling leaves room for a program's own sums.
		c.nanos += min(ns, maxNanos-c.nanos)
	}
	return c.nanos
}

func (c *clock) nanotime() int64 { return c.advance(readingNanos) }

func (c *clock) walltime() (sec int64, nsec int32) {
	now := c.advance(readingNanos)
	return epochSeconds + now/1e9, int32(now % 1e9)
}

func (c *clock) sleep(ns int64) { c.advance(ns) }

// stamp is the time of a change to a file, in nanoseconds since 1970.
func (c *clock) stamp() sys.EpochNanos { return epochSeconds*1e9 + c.nanos }

// randomSource is the same for every run of a program: it is derived from
// nothing but the program's own digest.
func randomSource(artifactSHA256 string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256([]byte("emc/wasm/random/v1\x00" + artifactSHA256)))
}
