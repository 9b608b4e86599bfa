package ledger

import (
	"bytes"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Memory is a Store for tests. It counts batches, and crashes before or after one of them: from then on everything answers
// ErrCrashed until Restart, and only what was durable is there.
type Memory struct {
	mu      sync.Mutex
	disk    map[string][]byte
	batches int
	crashAt int // the batch that crashes; 0 none
	after   bool
	crashed bool

	forgetful bool
	undo      []Op
}

// NewMemory returns an empty store.
func NewMemory() *Memory { return &Memory{disk: make(map[string][]byte)} }

// CrashIn makes the n-th batch from now crash (1: the next one), before or after it is durable. 0 takes it back.
func (m *Memory) CrashIn(n int, after bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crashAt, m.after = 0, after
	if n > 0 {
		m.crashAt = m.batches + n
	}
}

// Crash crashes now, between two batches.
func (m *Memory) Crash() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crash()
}

// Restart is a new process with what was durable.
func (m *Memory) Restart() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crashed, m.crashAt, m.undo = false, 0, nil
}

// Crashed says whether it is down.
func (m *Memory) Crashed() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.crashed
}

// Batches is the number of batches so far.
func (m *Memory) Batches() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.batches
}

// Forgetful makes a disk that lies: the last batch before a crash is lost although it was acknowledged. Tests that still
// pass with it see nothing.
func (m *Memory) Forgetful() { m.forgetful = true }

// crash is called with the lock held.
func (m *Memory) crash() {
	if m.forgetful {
		m.apply(m.undo)
	}
	m.crashed, m.crashAt, m.undo = true, 0, nil
}

func (m *Memory) apply(ops []Op) {
	for _, op := range ops {
		if op.Value == nil {
			delete(m.disk, string(op.Key))
		} else {
			m.disk[string(op.Key)] = bytes.Clone(op.Value)
		}
	}
}

// Get implements Store.
func (m *Memory) Get(key []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.crashed {
		return nil, ErrCrashed
	}
	return bytes.Clone(m.disk[string(key)]), nil
}

// Queue implements Store: it is done at once.
func (m *Memory) Queue(ops ...Op) (wait func() error) {
	err := m.Batch(ops...)
	return func() error { return err }
}

// Batch implements Store.
func (m *Memory) Batch(ops ...Op) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.crashed {
		return ErrCrashed
	}
	if len(ops) == 0 {
		return nil
	}
	m.batches++
	due := m.batches == m.crashAt
	if due && !m.after {
		m.crash()
		return ErrCrashed
	}
	if m.forgetful {
		m.undo = nil
		for _, op := range slices.Backward(ops) {
			m.undo = append(m.undo, Op{bytes.Clone(op.Key), bytes.Clone(m.disk[string(op.Key)])})
		}
	}
	m.apply(ops)
	if due {
		m.crash()
		return ErrCrashed
	}
	return nil
}

// Iterate implements Store.
func (m *Memory) Iterate(prefix []byte, fn func(key, value []byte) error) error {
	m.mu.Lock()
	if m.crashed {
		m.mu.Unlock()
		return ErrCrashed
	}
	var keys []string
	for k := range m.disk {
		if strings.HasPrefix(k, string(prefix)) {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	values := make([][]byte, len(keys))
	for i, k := range keys {
		values[i] = bytes.Clone(m.disk[k])
	}
	m.mu.Unlock()
	for i, k := range keys {
		if err := fn([]byte(k), values[i]); err != nil {
			return err
		}
	}
	return nil
}

// Close implements Store. What is durable stays.
func (m *Memory) Close() error { return nil }
