// Package ledger keeps what a party of a session must not forget: a small ordered store of keys and values whose batches
// are atomic, and durable when they return. Bolt is a file; Memory is for tests, and crashes when it is told to.
package ledger

import "errors"

// Errors of a ledger.
var (
	// ErrCorrupt means a file that fails its checks. It is left as it is.
	ErrCorrupt = errors.New("the ledger is damaged")
	// ErrLocked means that another process has the file open.
	ErrLocked = errors.New("the ledger is in use by another process")
	// ErrWrite means that a batch may be missing: whoever keeps state in memory opens the ledger again.
	ErrWrite = errors.New("the ledger could not be written")
	// ErrClosed means a ledger that was closed.
	ErrClosed = errors.New("the ledger is closed")
	// ErrCrashed is what a Memory answers between a crash and Restart.
	ErrCrashed = errors.New("crashed")
)

// Op sets a key, or deletes it when Value is nil.
type Op struct{ Key, Value []byte }

// Store is a ledger. It is safe for concurrent use.
type Store interface {
	// Get returns a copy of the value, nil when there is none.
	Get(key []byte) ([]byte, error)
	// Batch applies all ops or none; when it returns nil, they survive a crash, and so does all that was queued before. After
	// any error either may be the case, and nothing can be written any more. Without ops it waits for what is queued.
	Batch(ops ...Op) error
	// Queue takes the place of a Batch in the order of writes, and returns at once; the caller calls wait, once and soon, for
	// what Batch would have returned. Who holds a lock can so give it back before the disk is done: those that queue
	// meanwhile share the write.
	Queue(ops ...Op) (wait func() error)
	// Iterate visits the keys with a prefix in their order, until fn fails. fn may keep neither slice, nor call the store.
	Iterate(prefix []byte, fn func(key, value []byte) error) error
	Close() error
}
