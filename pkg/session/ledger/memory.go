package ledger

import (
	"bytes"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Memory is a Store for tests. It counts batches, and crashes before or after one of them: from then on everything answers
// ErrCrashed until Restart, and only what was durable is there. What is queued is durable when somebody waits for it, or
// for something later, and no sooner.
type Memory struct {
	mu      sync.Mutex
	seen    map[string][]byte // with what is queued
	disk    map[string][]byte
	queued  [][]Op
	number  int // of the newest queued batch, from the beginning
	batches int
	crashAt int // the batch that crashes; 0 none
	after   bool
	crashed bool
	life    int
	keep    func(queued int) int

	forgetful bool
	undo      []Op
}

// NewMemory returns an empty store.
func NewMemory() *Memory {
	return &Memory{seen: make(map[string][]byte), disk: make(map[string][]byte), keep: func(int) int { return 0 }}
}

// CrashIn makes the n-th batch from now crash (1: the next one), before or after it is durable. 0 takes it back.
func (m *Memory) CrashIn(n int, after bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.crashAt, m.after = 0, after
	if n > 0 {
		m.crashAt = m.batches + n
	}
}

// Keep says how many of the batches that nobody waited for a crash finds on the disk: none without it.
func (m *Memory) Keep(most func(queued int) int) { m.keep = most }

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
	m.seen = maps.Clone(m.disk)
	m.life++
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
	if m.crashed {
		return
	}
	if n := len(m.queued); n > 0 {
		m.sync(min(m.keep(n), n))
	}
	if m.forgetful {
		apply(m.disk, m.undo)
	}
	m.crashed, m.crashAt, m.undo, m.queued = true, 0, nil, nil
}

// sync makes the first of the queued batches durable.
func (m *Memory) sync(n int) {
	for _, ops := range m.queued[:n] {
		if m.forgetful {
			m.undo = nil
			for _, op := range slices.Backward(ops) {
				m.undo = append(m.undo, Op{bytes.Clone(op.Key), bytes.Clone(m.disk[string(op.Key)])})
			}
		}
		apply(m.disk, ops)
	}
	m.queued = m.queued[n:]
}

func apply(to map[string][]byte, ops []Op) {
	for _, op := range ops {
		if op.Value == nil {
			delete(to, string(op.Key))
		} else {
			to[string(op.Key)] = bytes.Clone(op.Value)
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
	return bytes.Clone(m.seen[string(key)]), nil
}

// memoryWrite is a batch of a Memory's life.
type memoryWrite struct {
	*Memory
	life, number int
}

// Wait implements Write.
func (w memoryWrite) Wait() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crashed || w.life != w.Memory.life {
		return ErrCrashed
	}
	if left := w.Memory.number - w.number; left < len(w.queued) {
		w.sync(len(w.queued) - left)
	}
	return nil
}

// Durable implements Write.
func (w memoryWrite) Durable() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.crashed && w.life == w.Memory.life && w.Memory.number-w.number >= len(w.queued)
}

// Queue implements Store.
func (m *Memory) Queue(ops ...Op) Write {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.crashed {
		return memoryWrite{m, m.life, 0}
	}
	if len(ops) == 0 {
		return memoryWrite{m, m.life, m.number}
	}
	m.batches++
	due := m.batches == m.crashAt
	if due && !m.after {
		m.crash()
		return memoryWrite{m, m.life, 0}
	}
	m.number++
	m.queued = append(m.queued, ops)
	apply(m.seen, ops)
	if due {
		m.sync(len(m.queued))
		m.crash()
	}
	return memoryWrite{m, m.life, m.number}
}

// Batch implements Store.
func (m *Memory) Batch(ops ...Op) error { return m.Queue(ops...).Wait() }

// Err implements Store.
func (m *Memory) Err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.crashed {
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
	for k := range m.seen {
		if strings.HasPrefix(k, string(prefix)) {
			keys = append(keys, k)
		}
	}
	sort.Strings(keys)
	values := make([][]byte, len(keys))
	for i, k := range keys {
		values[i] = bytes.Clone(m.seen[k])
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
