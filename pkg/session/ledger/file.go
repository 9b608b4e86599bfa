package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// File is a Store on a disk: a journal, which takes one write and one sync for all batches that are queued by then, and a
// bbolt file that what the journals said is moved to, some megabytes at a time.
type File struct {
	base *base

	mu      sync.Mutex
	active  *overlay // what was queued since the journal began
	moving  *overlay // what the journal before said, on its way to the base; nil when it is there
	next    *group   // what the next write brings
	last    *group   // the one with the newest batch
	number  uint64   // of the newest record in the journal
	err     error
	closing bool

	work    chan struct{} // of one place: next has something
	stop    chan struct{}
	writing sync.WaitGroup
	movings sync.WaitGroup
	journal *journal // the writer's
}

func newFile(b *base, j *journal) *File {
	f := &File{base: b, active: newOverlay(), next: newGroup(), journal: j, work: make(chan struct{}, 1), stop: make(chan struct{})}
	f.last = f.next
	close(f.last.done) // nothing is queued
	f.next = newGroup()
	f.writing.Go(f.write)
	return f
}

// Get implements Store.
func (f *File) Get(key []byte) (out []byte, err error) {
	f.mu.Lock()
	value, known := f.active.get(key)
	if !known {
		value, known = f.moving.get(key)
	}
	if known || f.closing {
		defer f.mu.Unlock()
		if f.closing {
			return nil, fmt.Errorf("%w: %s", ErrClosed, f.base.path)
		}
		return bytes.Clone(value), nil
	}
	tx, done, err := f.base.view()
	f.mu.Unlock()
	if err != nil {
		return nil, f.explain(err)
	}
	defer done()
	out, err = get(tx, key)
	return out, f.explain(err)
}

// Iterate implements Store.
func (f *File) Iterate(prefix []byte, fn func(key, value []byte) error) error {
	f.mu.Lock()
	if f.closing {
		f.mu.Unlock()
		return fmt.Errorf("%w: %s", ErrClosed, f.base.path)
	}
	queued := make(map[string][]byte)
	f.active.below(prefix, queued)
	f.moving.below(prefix, queued)
	tx, done, err := f.base.view() // of the same moment
	f.mu.Unlock()
	if err != nil {
		return f.explain(err)
	}
	defer done()
	return f.explain(merge(sorted(queued), func(yield func(key, value []byte) error) error { return iterate(tx, prefix, yield) }, fn))
}

// Batch implements Store.
func (f *File) Batch(ops ...Op) error { return f.Queue(ops...).Wait() }

// Queue implements Store.
func (f *File) Queue(ops ...Op) Write {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closing:
		return failed(fmt.Errorf("%w: %s", ErrClosed, f.base.path))
	case f.err != nil:
		return failed(f.err)
	case len(ops) == 0:
		return f.last
	}
	if err := fits(ops); err != nil {
		// As after a write that failed: what is queued behind it builds on it.
		f.err = fmt.Errorf("%w: %s: %w", ErrWrite, f.base.path, err)
		return failed(f.err)
	}
	f.number++
	f.next.records = appendRecord(f.next.records, f.number, ops)
	for _, op := range ops {
		f.active.apply(op)
	}
	f.last = f.next
	select {
	case f.work <- struct{}{}:
	default:
	}
	return f.next
}

// fits refuses what the base would not take later.
func fits(ops []Op) error {
	size := 0
	for _, op := range ops {
		if len(op.Key) == 0 || len(op.Key) > bolt.MaxKeySize {
			return fmt.Errorf("a key of %d bytes", len(op.Key))
		}
		size += len(op.Key) + len(op.Value) + 16
	}
	if size > maxRecord {
		return fmt.Errorf("a batch of %d bytes", size)
	}
	return nil
}

// Err implements Store.
func (f *File) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Close writes what is queued, and closes the files.
func (f *File) Close() error {
	f.mu.Lock()
	if f.closing {
		f.mu.Unlock()
		return nil
	}
	f.closing = true
	f.mu.Unlock()
	close(f.stop)
	f.writing.Wait()
	f.movings.Wait()
	return errors.Join(f.journal.file.Close(), f.base.db.Close())
}

// Path is the base's.
func (f *File) Path() string { return f.base.path }

func (f *File) explain(err error) error {
	switch {
	case errors.Is(err, berrors.ErrDatabaseNotOpen):
		return fmt.Errorf("%w: %s", ErrClosed, f.base.path)
	case errors.Is(err, ErrCorrupt):
		return corrupt(f.base.path, err)
	}
	return err
}
