// Package ledger keeps what a party of a session must not forget: a small ordered store of keys and values whose batches
// are atomic, and durable when whoever waits for them is told. File is a journal before a bbolt file; Memory is for tests,
// and crashes when it is told to.
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

// Op sets a key, or deletes it when Value is nil. Who gave it to a store changes neither slice afterwards.
type Op struct{ Key, Value []byte }

// Write is a batch on its way to the disk.
type Write interface {
	// Wait returns when it is durable: it survives a crash, and so does all that was queued before. After any error either
	// may be the case, and nothing can be written any more.
	Wait() error
	// Durable says whether Wait would return nil at once.
	Durable() bool
}

// Store is a ledger. It is safe for concurrent use.
type Store interface {
	// Get returns a copy of the value, nil when there is none. It sees what is queued.
	Get(key []byte) ([]byte, error)
	// Batch applies all ops or none, and waits. Without ops it waits for what is queued.
	Batch(ops ...Op) error
	// Queue takes the place of a Batch in the order of writes, and returns at once. A write that somebody waits for goes to
	// the disk at once, with all that is queued by then; one that nobody waits for goes some milliseconds later.
	Queue(ops ...Op) Write
	// Err is why nothing can be written any more; nil while all is well. Who waits for nothing asks it.
	Err() error
	// Iterate visits the keys with a prefix in their order, until fn fails. It sees what is queued. fn may keep neither
	// slice, nor call the store.
	Iterate(prefix []byte, fn func(key, value []byte) error) error
	Close() error
}
