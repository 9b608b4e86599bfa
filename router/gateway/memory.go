package gateway

import (
	"errors"

	"golang.org/x/sync/semaphore"
)

// errMemory means that what the gateway may hold is held already.
var errMemory = errors.New("the memory for bodies is used up")

// bodyFactor is how often a request's body stands in memory: as it came, in the call's message, and while it is read.
const bodyFactor = 3

// lease is the memory of one call. It grows with what really came: a length that is only announced costs nothing.
type lease struct {
	pool *semaphore.Weighted
	held int64
}

func (l *lease) grow(n int) error {
	if !l.pool.TryAcquire(int64(n)) {
		return errMemory
	}
	l.held += int64(n)
	return nil
}

func (l *lease) free() {
	l.pool.Release(l.held)
	l.held = 0
}
