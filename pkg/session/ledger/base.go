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
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

var (
	bucket        = []byte("ledger")
	meta          = []byte("meta")
	generationKey = []byte("generation")
)

// lockWait is how long Open waits for another process to let go, such as one that is just being replaced.
const lockWait = 2 * time.Second

// minFileSize is bbolt's two pages of metadata; an existing file that is shorter has been cut.
const minFileSize = 2 * 4096

// base is a bbolt file with what all journals up to its generation said. Before each value stands its checksum: bbolt
// checks its own pages' structure, not the values.
type base struct {
	path       string
	db         *bolt.DB
	generation uint64
	fresh      bool // it has no generation yet
}

// openBase opens or makes the file, which it locks, and reads all of it once, so that damage is found now and not when a
// voucher is due. It changes nothing in it.
func openBase(path string) (b *base, err error) {
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
	b = &base{path: path, db: db}
	if err := b.check(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return b, nil
}

func (b *base) check() error {
	if err := os.Chmod(b.path, 0o600); err != nil { // an older file may be open to others
		return fmt.Errorf("%w: %w", ErrWrite, err)
	}
	return corrupt(b.path, b.db.View(func(tx *bolt.Tx) error {
		if info, err := os.Stat(b.path); err != nil || info.Size() < tx.Size() {
			return fmt.Errorf("the file should have %d bytes", tx.Size())
		}
		if m := tx.Bucket(meta); m == nil {
			b.fresh = true
		} else if value := m.Get(generationKey); len(value) != 8 {
			return errors.New("it has no generation")
		} else {
			b.generation = binary.BigEndian.Uint64(value)
		}
		if tx.Bucket(bucket) == nil {
			return nil
		}
		return tx.Bucket(bucket).ForEach(func(_, v []byte) error { _, err := unseal(v); return err })
	}))
}

// absorb writes what a journal said, and its generation, in one transaction.
func (b *base) absorb(values []entry, generation uint64) error {
	err := b.db.Update(func(tx *bolt.Tx) error {
		ledger, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		for _, e := range values {
			if e.value == nil {
				err = ledger.Delete([]byte(e.key))
			} else {
				err = ledger.Put([]byte(e.key), seal(e.value))
			}
			if err != nil {
				return err
			}
		}
		m, err := tx.CreateBucketIfNotExists(meta)
		if err != nil {
			return err
		}
		return m.Put(generationKey, binary.BigEndian.AppendUint64(nil, generation))
	})
	if err == nil {
		b.generation, b.fresh = generation, false
	}
	return err
}

// view is the base as it is now, until done is called.
func (b *base) view() (tx *bolt.Tx, done func(), err error) {
	tx, err = b.db.Begin(false)
	if err != nil {
		return nil, nil, err
	}
	return tx, func() { _ = tx.Rollback() }, nil
}

func get(tx *bolt.Tx, key []byte) ([]byte, error) {
	sealed := tx.Bucket(bucket).Get(key)
	if sealed == nil {
		return nil, nil
	}
	value, err := unseal(sealed)
	return append(make([]byte, 0, len(value)), value...), err
}

func iterate(tx *bolt.Tx, prefix []byte, fn func(key, value []byte) error) error {
	c := tx.Bucket(bucket).Cursor()
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		value, err := unseal(v)
		if err != nil {
			return err
		}
		if err := fn(k, value); err != nil {
			return err
		}
	}
	return nil
}

func seal(value []byte) []byte {
	out := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(value)), crc32.Checksum(value, castagnoli))
	return append(out, value...)
}

func unseal(sealed []byte) ([]byte, error) {
	if len(sealed) < 4 || binary.BigEndian.Uint32(sealed) != crc32.Checksum(sealed[4:], castagnoli) {
		return nil, fmt.Errorf("%w: a record fails its checksum", ErrCorrupt)
	}
	return sealed[4:], nil
}

// corrupt says what is to be done about a damaged ledger.
func corrupt(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s: %w: the file was left as it is; never go on with an older copy of it or with an empty one: close the session "+
		"on the chain and open another (docs/sessions.md)", ErrCorrupt, path, err)
}

// syncFolder makes names in a file's folder durable.
func syncFolder(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
