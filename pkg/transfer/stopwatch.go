package transfer

import (
	"sync/atomic"
	"time"
)

// stopwatch measures the time since something last moved. It is safe for concurrent use.
type stopwatch struct {
	start time.Time
	last  atomic.Int64
}

func newStopwatch() *stopwatch { return &stopwatch{start: time.Now()} }

func (s *stopwatch) reset() { s.last.Store(int64(time.Since(s.start))) }

func (s *stopwatch) elapsed() time.Duration {
	return time.Since(s.start) - time.Duration(s.last.Load())
}
