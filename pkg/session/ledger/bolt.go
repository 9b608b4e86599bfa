package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

var (
	bucket = []byte("ledger")
	// castagnoli is the polynomial of the checksum before each value: bbolt checks its own pages' structure, not the values,
	// and a flipped bit in an amount must not be signed.
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// lockWait is how long Open waits for another process to let go, such as one that is just being replaced.
const lockWait = 2 * time.Second

// minFileSize is bbolt's two pages of metadata; an existing file that is shorter has been cut.
const minFileSize = 2 * 4096

// Bolt is a Store in one file, of mode 0600, which it locks. Batches that wait at the same time share one write.
type Bolt struct {
	path string
	db   *bolt.DB

	mu      sync.Mutex
	waiting []*pending
	writing bool
	broken  error // a write failed: what is queued behind it builds on it
}

type pending struct {
	ops  []Op
	done chan error // of one place
	lead chan struct{}
}

// Open opens the file, or makes it, and reads all of it once, so that damage is found now and not when a voucher is due.
func Open(path string) (b *Bolt, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrWrite, err)
	}
	info, statErr := os.Stat(path)
	if statErr == nil && info.Size() < minFileSize {
		return nil, corrupt(path, fmt.Errorf("it has %d bytes", info.Size()))
	}
	// bbolt maps the file: a truncated one faults, and a damaged page panics. Both happen in this goroutine.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			b, err = nil, corrupt(path, fmt.Errorf("%v", r))
		}
	}()
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", ErrLocked, path)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrInvalidMapping):
		return nil, corrupt(path, err)
	case err != nil:
		return nil, fmt.Errorf("the ledger at %s cannot be opened: %w", path, err)
	}
	b = &Bolt{path: path, db: db}
	if err := b.prepare(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return b, nil
}

func (b *Bolt) prepare() error {
	if err := os.Chmod(b.path, 0o600); err != nil { // an older file may be open to others
		return fmt.Errorf("%w: %w", ErrWrite, err)
	}
	err := b.db.View(func(tx *bolt.Tx) error {
		if info, err := os.Stat(b.path); err != nil || info.Size() < tx.Size() {
			return fmt.Errorf("the file should have %d bytes", tx.Size())
		}
		if tx.Bucket(bucket) == nil {
			return nil
		}
		return tx.Bucket(bucket).ForEach(func(_, v []byte) error { _, err := open(v); return err })
	})
	if err != nil {
		return corrupt(b.path, err)
	}
	return b.db.Update(func(tx *bolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(bucket)
		return err
	})
}

// Get implements Store.
func (b *Bolt) Get(key []byte) (out []byte, err error) {
	err = b.db.View(func(tx *bolt.Tx) error {
		sealed := tx.Bucket(bucket).Get(key)
		if sealed == nil {
			return nil
		}
		value, err := open(sealed)
		out = append(make([]byte, 0, len(value)), value...)
		return err
	})
	return out, b.explain(err)
}

// Iterate implements Store.
func (b *Bolt) Iterate(prefix []byte, fn func(key, value []byte) error) error {
	return b.explain(b.db.View(func(tx *bolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			value, err := open(v)
			if err != nil {
				return err
			}
			if err := fn(k, value); err != nil {
				return err
			}
		}
		return nil
	}))
}

// Batch implements Store.
func (b *Bolt) Batch(ops ...Op) error { return b.Queue(ops...)() }

// Queue implements Store. Whoever finds nobody writing writes, for himself and for all that wait by then; the next one in
// line leads the next write.
func (b *Bolt) Queue(ops ...Op) (wait func() error) {
	me := &pending{ops: ops, done: make(chan error, 1), lead: make(chan struct{})}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(b.waiting, me)
	if !b.writing {
		b.writing = true
		close(me.lead)
	}
	return func() error { return b.await(me) }
}

func (b *Bolt) await(me *pending) error {
	select {
	case err := <-me.done:
		return err
	case <-me.lead:
	}
	b.mu.Lock()
	all, err := b.waiting, b.broken
	b.waiting = nil
	b.mu.Unlock()
	if err == nil {
		err = b.write(all)
	}
	for _, p := range all {
		p.done <- err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = err
	if b.writing = len(b.waiting) > 0; b.writing {
		close(b.waiting[0].lead)
	}
	return err
}

func (b *Bolt) write(all []*pending) error {
	if !slices.ContainsFunc(all, func(p *pending) bool { return len(p.ops) > 0 }) {
		return nil
	}
	err := b.db.Update(func(tx *bolt.Tx) error {
		ledger := tx.Bucket(bucket)
		for _, p := range all {
			for _, op := range p.ops {
				if err := put(ledger, op); err != nil {
					return err
				}
			}
		}
		return nil
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, berrors.ErrDatabaseNotOpen):
		return b.explain(err)
	default:
		return fmt.Errorf("%w: %s: %w; free space, see that the file can be written, and start again", ErrWrite, b.path, err)
	}
}

func put(b *bolt.Bucket, op Op) error {
	if op.Value == nil {
		return b.Delete(op.Key)
	}
	return b.Put(op.Key, seal(op.Value))
}

func seal(value []byte) []byte {
	out := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(value)), crc32.Checksum(value, castagnoli))
	return append(out, value...)
}

func open(sealed []byte) ([]byte, error) {
	if len(sealed) < 4 || binary.BigEndian.Uint32(sealed) != crc32.Checksum(sealed[4:], castagnoli) {
		return nil, fmt.Errorf("%w: a record fails its checksum", ErrCorrupt)
	}
	return sealed[4:], nil
}

// Close closes the file.
func (b *Bolt) Close() error { return b.db.Close() }

// Path is the file's.
func (b *Bolt) Path() string { return b.path }

func (b *Bolt) explain(err error) error {
	switch {
	case errors.Is(err, berrors.ErrDatabaseNotOpen):
		return fmt.Errorf("%w: %s", ErrClosed, b.path)
	case errors.Is(err, ErrCorrupt):
		return corrupt(b.path, err)
	}
	return err
}

func corrupt(path string, err error) error {
	return fmt.Errorf("%w: %s: %w: the file was left as it is; never go on with an older copy of it or with an empty one: close the session "+
		"on the chain and open another (docs/sessions.md)", ErrCorrupt, path, err)
}
