package wasm

import (
	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// memoryLimiter gives a program its linear memory and refuses what goes past
// the limit. The address range is reserved at once and made usable as the
// program grows, so growing never copies, and never needs twice the memory.
type memoryLimiter struct {
	limit   uint64
	refused bool
}

func newMemoryLimiter(limit int64) *memoryLimiter {
	return &memoryLimiter{limit: uint64(limit) / pageBytes * pageBytes}
}

// Allocate implements experimental.MemoryAllocator.
func (l *memoryLimiter) Allocate(_, most uint64) experimental.LinearMemory {
	size := max(min(most, l.limit), pageBytes)
	buf, err := unix.Mmap(-1, 0, int(size), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		l.refused = true
		buf = nil
	}
	return &linearMemory{limiter: l, reserved: buf}
}

type linearMemory struct {
	limiter  *memoryLimiter
	reserved []byte
	usable   uint64
}

// Reallocate implements experimental.LinearMemory. A nil answer makes
// memory.grow fail in the program, which may cope with it.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > m.limiter.limit || size > uint64(len(m.reserved)) {
		m.limiter.refused = true
		return nil
	}
	if size > m.usable {
		if err := unix.Mprotect(m.reserved[m.usable:size], unix.PROT_READ|unix.PROT_WRITE); err != nil {
			m.limiter.refused = true
			return nil
		}
		m.usable = size
	}
	return m.reserved[:size:size]
}

// Free implements experimental.LinearMemory.
func (m *linearMemory) Free() {
	if m.reserved != nil {
		_ = unix.Munmap(m.reserved)
		m.reserved = nil
	}
}
