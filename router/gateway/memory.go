package gateway

import (
	"errors"
	"fmt"
	"sync"
)

// errMemory means that what the gateway may hold is held already, errShare that of a session's share.
var (
	errMemory = errors.New("the memory for bodies is used up")
	errShare  = fmt.Errorf("%w: by this session", errMemory)
)

// bodyFactor is how often a request's body stands in memory: as it came, in the call's message, and while it is read.
const bodyFactor = 3

// memory bounds the bytes that all calls hold, and those of one session.
type memory struct {
	all, each int64

	mu        sync.Mutex
	total     int64
	bySession map[string]int64
}

func newMemory(all, each int64) *memory {
	return &memory{all: all, each: each, bySession: map[string]int64{}}
}

func (m *memory) take(session string, n int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.total+n > m.all:
		return errMemory
	case m.bySession[session]+n > m.each:
		return errShare
	}
	m.total += n
	m.bySession[session] += n
	return nil
}

func (m *memory) give(session string, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.total -= n
	if m.bySession[session] -= n; m.bySession[session] == 0 {
		delete(m.bySession, session)
	}
}

// lease is the memory of one call. It grows with what really came: a length that is only announced costs nothing.
type lease struct {
	pool    *memory
	session string
	held    int64
}

func (l *lease) grow(n int) error {
	if err := l.pool.take(l.session, int64(n)); err != nil {
		return err
	}
	l.held += int64(n)
	return nil
}

func (l *lease) free() {
	l.pool.give(l.session, l.held)
	l.held = 0
}
