package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

var (
	bucketQueue    = []byte("queue")
	bucketKeys     = []byte("keys")
	bucketInFlight = []byte("inflight")
	bucketHistory  = []byte("history")
	bucketDone     = []byte("done")
	keyTx          = []byte("tx")
)

// Spool is the outbox. It is safe for concurrent use.
type Spool struct {
	path string
	db   *bolt.DB
	now  func() time.Time

	historyLimit uint64
}

// Option changes a Spool.
type Option func(*Spool)

// WithClock replaces the clock of the records' times.
func WithClock(now func() time.Time) Option { return func(s *Spool) { s.now = now } }

// WithHistoryLimit replaces HistoryLimit.
func WithHistoryLimit(n uint64) Option { return func(s *Spool) { s.historyLimit = n } }

// minFileSize is bbolt's two pages of metadata; an existing file that is shorter has been cut.
const minFileSize = 2 * 4096

// lockWait is how long Open waits for another process to let go, such as one that is just being replaced.
const lockWait = 2 * time.Second

// Open opens the spool's file, or makes it, and reads all of it once, so that damage is found now and not when a
// message is due.
func Open(path string, opts ...Option) (s *Spool, err error) {
	s = &Spool{path: path, now: time.Now, historyLimit: HistoryLimit}
	for _, o := range opts {
		o(s)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, s.writeError(err)
	}
	existed := fileExists(path)
	// bbolt maps the file: a truncated one faults, and a damaged page panics. Both happen in this goroutine.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, corrupt(path, fmt.Errorf("%v", r))
		}
	}()
	s.db, err = bolt.Open(path, 0o600, &bolt.Options{Timeout: lockWait, FreelistType: bolt.FreelistMapType})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return nil, fmt.Errorf("%w: %s", ErrLocked, path)
	case isDamage(err), err != nil && existed && fileSize(path) < minFileSize:
		return nil, corrupt(path, err)
	case err != nil && !existed:
		return nil, s.writeError(errors.Join(err, removeEmpty(path)))
	case err != nil:
		return nil, s.openError(err)
	}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

func (s *Spool) prepare() error {
	if err := s.scan(); err != nil {
		return corrupt(s.path, err)
	}
	return s.update(func(tx *bolt.Tx) error {
		for _, b := range [][]byte{bucketQueue, bucketKeys, bucketInFlight, bucketHistory, bucketDone} {
			if _, err := tx.CreateBucketIfNotExists(b); err != nil {
				return err
			}
		}
		return nil
	})
}

// Close closes the file.
func (s *Spool) Close() error { return s.db.Close() }

// Path returns the path of the file.
func (s *Spool) Path() string { return s.path }

// scan reads every record.
func (s *Spool) scan() error {
	return s.db.View(func(tx *bolt.Tx) error {
		if size, have := tx.Size(), fileSize(s.path); have < size {
			return fmt.Errorf("the file has %d bytes, it should have %d", have, size)
		}
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				switch string(name) {
				case string(bucketQueue):
					return decode(v, new(Entry))
				case string(bucketInFlight):
					return decode(v, new(InFlight))
				case string(bucketHistory):
					return decode(v, new(Record))
				default:
					if len(v) != 8 {
						return fmt.Errorf("%w: the key %q has no sequence", ErrCorrupt, k)
					}
					return nil
				}
			})
		})
	})
}

func isDamage(err error) bool {
	return errors.Is(err, berrors.ErrInvalid) || errors.Is(err, berrors.ErrChecksum) || errors.Is(err, berrors.ErrVersionMismatch) ||
		errors.Is(err, berrors.ErrInvalidMapping)
}

func corrupt(path string, err error) error {
	what := strings.TrimPrefix(err.Error(), ErrCorrupt.Error()+": ")
	return fmt.Errorf("%w: %s: %s: the file was left as it is; copy it to a safe place, then restore it from a backup, or move it away and "+
		"start again: receipts and messages that are only in this file are then lost, and the worker asks the chain what became of its jobs",
		ErrCorrupt, path, what)
}

func (s *Spool) openError(err error) error {
	if os.IsPermission(err) {
		return fmt.Errorf("the spool at %s cannot be opened: %w: it must belong to the user that runs the worker", s.path, err)
	}
	if isSpace(err) {
		return s.writeError(err)
	}
	return fmt.Errorf("the spool at %s cannot be opened: %w", s.path, err)
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// removeEmpty takes away what a failed first Open left, which holds nothing.
func removeEmpty(path string) error {
	err := os.Remove(path)
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
