package jobclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

const (
	recordFile = "job.json"
	logFile    = "log"
	// pendingPrefix begins the folder of a job whose submission is not known to be in a block; the job's id, which the
	// chain derives from a sequence, is not known before.
	pendingPrefix = "new-"
	// shortestPrefix is the least of an id that is taken for it.
	shortestPrefix = 4
)

// ErrUnknownJob says that this machine has no folder for a job.
var ErrUnknownJob = errors.New("this machine does not hold the job's access key")

// Store keeps one folder for each job below a directory. Every write is on disk when the method returns.
type Store struct{ dir string }

// NewStore returns the store in dir, which is made with the first job.
func NewStore(dir string) *Store { return &Store{dir: dir} }

func (s *Store) name(r *Record) string {
	if r.ID != "" {
		return r.ID
	}
	return pendingPrefix + r.PublicKey
}

func (s *Store) path(r *Record, file string) string { return filepath.Join(s.dir, s.name(r), file) }

// Create makes the folder of a job that is about to be submitted.
func (s *Store) Create(r *Record) error {
	if err := r.validate(); err != nil {
		return fmt.Errorf("job folder: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(s.dir, s.name(r)), 0o700); err != nil {
		return fmt.Errorf("the job's access key cannot be kept: %w", err)
	}
	if err := s.Save(r); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// Save replaces the record in one step: a crash leaves the old or the new one.
func (s *Store) Save(r *Record) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	path := s.path(r, recordFile)
	tmp, err := os.CreateTemp(filepath.Dir(path), recordFile+"-*") // mode 0600
	if err != nil {
		return fmt.Errorf("the job's folder cannot be written: %w", err)
	}
	_, err = tmp.Write(append(data, '\n'))
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("the job's folder cannot be written: %w", err), os.Remove(tmp.Name()))
	}
	return syncDir(filepath.Dir(path))
}

// Name gives the job its id, and its folder that name.
func (s *Store) Name(r *Record, id string) error {
	old := filepath.Join(s.dir, s.name(r))
	named := *r
	named.ID = id
	err := os.Rename(old, filepath.Join(s.dir, id))
	if _, there := os.Stat(filepath.Join(s.dir, id)); errors.Is(err, os.ErrNotExist) && there == nil {
		err = nil // another command of this home found the job on the chain first
	}
	if err != nil {
		return fmt.Errorf("the job's folder cannot be named: %w", err)
	}
	*r = named
	return errors.Join(s.Save(r), syncDir(s.dir))
}

// Drop removes the folder of a job whose submission is known to have failed.
func (s *Store) Drop(r *Record) error {
	if r.ID != "" {
		return fmt.Errorf("job %s is on the chain: its folder stays", r.ID)
	}
	return os.RemoveAll(filepath.Join(s.dir, s.name(r)))
}

// Load finds a job by its id, or by the beginning of it.
func (s *Store) Load(id string) (*Record, error) {
	if len(id) < shortestPrefix {
		return nil, fmt.Errorf("job %q: give at least the first %d characters of its id", id, shortestPrefix)
	}
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	var found []string
	for _, n := range names {
		if strings.HasPrefix(n, id) && !strings.HasPrefix(n, pendingPrefix) {
			found = append(found, n)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("job %s: %w: its folder is in jobs/ of the home directory from which it was submitted", id, ErrUnknownJob)
	case 1:
		return s.read(found[0])
	default:
		return nil, fmt.Errorf("job %s: %d jobs begin like this; give more of the id", id, len(found))
	}
}

// List returns all records, oldest first. Folders that cannot be read are returned as problems.
func (s *Store) List() (records []*Record, problems []error) {
	names, err := s.names()
	if err != nil {
		return nil, []error{err}
	}
	for _, n := range names {
		r, err := s.read(n)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		records = append(records, r)
	}
	sort.SliceStable(records, func(i, j int) bool { return records[i].CreatedAt.Before(records[j].CreatedAt) })
	return records, problems
}

func (s *Store) names() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the folders of jobs cannot be read: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func (s *Store) read(name string) (*Record, error) {
	data, err := os.ReadFile(filepath.Join(s.dir, name, recordFile))
	if err != nil {
		return nil, fmt.Errorf("job folder %s: %w", name, err)
	}
	var r Record
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("job folder %s: %w", name, err)
	}
	// A crash between naming the folder and writing the id leaves the folder's name as the only place of the id.
	if r.ID == "" && !strings.HasPrefix(name, pendingPrefix) {
		r.ID = name
	}
	if err := r.validate(); err != nil {
		return nil, fmt.Errorf("job folder %s: %w", name, err)
	}
	if s.name(&r) != name {
		return nil, fmt.Errorf("job folder %s holds the record of %s", name, s.name(&r))
	}
	return &r, nil
}

// syncDir makes renames and new names in a directory last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
