package jobstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// Store keeps jobs on disk. It implements transfer.Backend and is safe for concurrent use.
type Store struct {
	cfg     Config
	lock    *os.File
	chain   *chainCache
	apps    *appStore
	changed chan struct{}
	ended   chan struct{}
	step    func(string) // tests look at the disk between the steps of sealing

	sealing  sync.Mutex
	creating sync.Mutex // one new job at a time: reservations are checked, then taken

	mu       sync.Mutex
	jobs     map[string]*entry
	reserved int64
	live     int
}

var _ transfer.Backend = (*Store)(nil)

// Open opens the store, or makes one, and tidies up what a killed process left.
func Open(cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	for _, dir := range []string{cfg.Dir, filepath.Join(cfg.Dir, "jobs"), filepath.Join(cfg.Dir, "apps")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		// Inputs and outputs are the customers': other users of this machine must not read them.
		if err := os.Chmod(dir, 0o700); err != nil {
			return nil, err
		}
	}
	lock, err := os.OpenFile(filepath.Join(cfg.Dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("the job store %s is in use by another process: %w", cfg.Dir, err), lock.Close())
	}
	s := &Store{
		cfg: cfg, lock: lock, chain: newChainCache(cfg.Lookup, cfg.Now),
		jobs: make(map[string]*entry), changed: make(chan struct{}, 1),
		ended: make(chan struct{}, 1), step: func(string) {},
	}
	s.apps, err = openApps(s, filepath.Join(cfg.Dir, "apps"))
	if err == nil {
		err = s.load()
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// Close releases the store. Nothing may be using it any more.
func (s *Store) Close() error { return s.lock.Close() }

// Changed delivers a value after the phase of one or more jobs has changed. It is for one consumer, who then looks at
// Jobs.
func (s *Store) Changed() <-chan struct{} { return s.changed }

func (s *Store) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *Store) load() error {
	root := filepath.Join(s.cfg.Dir, "jobs")
	list, err := os.ReadDir(root)
	if err != nil {
		return err
	}
	for _, d := range list {
		dir := filepath.Join(root, d.Name())
		if job.CheckID(d.Name()) != nil {
			if strings.HasPrefix(d.Name(), ".trash-") {
				if err := os.RemoveAll(dir); err != nil {
					return err
				}
			}
			continue
		}
		e, err := loadEntry(dir)
		switch {
		case errors.Is(err, os.ErrNotExist): // killed before the job was stored: the customer offers again
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			continue
		case err != nil:
			if err := s.setAside(dir, err); err != nil {
				return err
			}
			continue
		}
		if err := e.tidy(); err != nil {
			return err
		}
		s.jobs[d.Name()] = e
		s.reserved += e.rec.Reserved
		if e.rec.live() {
			s.live++
		}
	}
	return nil
}

// setAside keeps a damaged job for a person, out of the way.
func (s *Store) setAside(dir string, reason error) error {
	to := filepath.Join(s.cfg.Dir, "damaged")
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	to = filepath.Join(to, fmt.Sprintf("%s-%d", filepath.Base(dir), s.cfg.Now().Unix()))
	s.cfg.Logger.Error("a job's record cannot be read: set aside", "from", dir, "to", to, "error", reason)
	return os.Rename(dir, to)
}

// tidy removes what the record does not speak of any more.
func (e *entry) tidy() error {
	var names []string
	switch e.rec.Phase {
	case transfer.PhaseFinished:
		names = []string{"in", "parts"}
	case transfer.PhaseWiped, transfer.PhaseClosed:
		names = []string{"in", "parts", "out", "sealed"}
	}
	if e.rec.Sealed {
		names = append(names, "out", "log", "spec.json")
	}
	for _, n := range names {
		if err := os.RemoveAll(e.path(n)); err != nil {
			return err
		}
	}
	for _, dir := range []string{e.dir, e.path("sealed")} {
		left, err := filepath.Glob(filepath.Join(dir, ".tmp-*"))
		for _, n := range left {
			err = errors.Join(err, removeIfThere(n))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) entry(id string) *entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.jobs[id]
}

func (s *Store) entries() []*entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*entry, 0, len(s.jobs))
	for _, e := range s.jobs {
		out = append(out, e)
	}
	return out
}

// locked returns the entry with mu held.
func (s *Store) locked(id string) (*entry, error) {
	if e := s.entry(id); e != nil {
		e.mu.Lock()
		if !e.gone {
			return e, nil
		}
		e.mu.Unlock()
	}
	return nil, fmt.Errorf("job %s: %w: %w", id, ErrUnknownJob, transfer.Errorf(transfer.CodeUnknown, "the worker has no such job: upload it first"))
}

// update saves a changed record and keeps the totals. e.mu is held.
func (s *Store) update(e *entry, rec record) error {
	before := e.rec
	if err := e.save(rec); err != nil {
		return s.diskError(fmt.Errorf("job %s: %w", rec.ID, err))
	}
	s.mu.Lock()
	s.reserved += rec.Reserved - before.Reserved
	if before.live() && !rec.live() {
		s.live--
	}
	s.mu.Unlock()
	if before.Phase != rec.Phase {
		s.notify()
	}
	return nil
}
