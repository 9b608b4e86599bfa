package dispatch_test

import (
	"path/filepath"
	"sync"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session/ledger"
)

// life is what one process has of a disk: when it is killed, nothing more of it gets there.
type life struct {
	*ledger.Memory
	mu   sync.RWMutex
	dead bool
}

func (l *life) die() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
}

func (l *life) Get(key []byte) ([]byte, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.dead {
		return nil, ledger.ErrCrashed
	}
	return l.Memory.Get(key)
}

func (l *life) Batch(ops ...ledger.Op) error { return l.Queue(ops...).Wait() }

// Queue has a store whose process ends between a write and what waits for it, too.
func (l *life) Queue(ops ...ledger.Op) ledger.Write {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.dead {
		return lifeWrite{nil, l}
	}
	return lifeWrite{l.Memory.Queue(ops...), l}
}

func (l *life) Err() error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.dead {
		return ledger.ErrCrashed
	}
	return l.Memory.Err()
}

// lifeWrite is a write of a life.
type lifeWrite struct {
	ledger.Write
	*life
}

func (w lifeWrite) Wait() error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.dead {
		return ledger.ErrCrashed
	}
	return w.Write.Wait()
}

func (w lifeWrite) Durable() bool {
	w.mu.RLock()
	defer w.mu.RUnlock()
	return !w.dead && w.Write.Durable()
}

func (l *life) Iterate(prefix []byte, fn func(key, value []byte) error) error {
	l.mu.RLock()
	dead := l.dead
	l.mu.RUnlock()
	if dead {
		return ledger.ErrCrashed
	}
	return l.Memory.Iterate(prefix, fn)
}

// killable has disks in memory, whose processes can be killed in the middle of anything.
func killable(s *scene) { s.disks = map[string]*ledger.Memory{} }

// ledger is a process's, for one life.
func (s *scene) ledger(name string) ledger.Store {
	s.Helper()
	if s.disks == nil {
		l, err := ledger.Open(filepath.Join(s.dir, name))
		require.NoError(s, err)
		return l
	}
	if s.disks[name] == nil {
		s.disks[name] = ledger.NewMemory()
	} else { // another process: what nobody waited for may be lost
		s.disks[name].Crash()
		s.disks[name].Restart()
	}
	return &life{Memory: s.disks[name]}
}

func die(stores ...ledger.Store) {
	for _, store := range stores {
		if l, ok := store.(*life); ok {
			l.die()
		}
	}
}

// killRouter kills the router's process, and starts it again. What waits for it goes on in the old one, which writes
// nothing any more.
func (s *scene) killRouter() {
	s.Helper()
	die(s.signed, s.customers)
	for _, st := range s.streams() {
		_ = st.ResetWithError(network.StreamErrorCode(1))
	}
	s.reopen()
}
