package jobstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// appStore keeps artifacts by digest. A file's modification time is the time of its last use.
type appStore struct {
	store *Store
	dir   string

	mu       sync.Mutex
	bytes    int64
	coming   int64               // reserved for artifacts on their way in
	pinned   map[job.Digest]bool // never removed
	verified map[job.Digest]bool // hashed by this process
}

func openApps(s *Store, dir string) (*appStore, error) {
	a := &appStore{store: s, dir: dir, pinned: make(map[job.Digest]bool), verified: make(map[job.Digest]bool)}
	list, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, d := range list {
		path := filepath.Join(dir, d.Name())
		if strings.HasPrefix(d.Name(), ".tmp-") {
			if err := os.Remove(path); err != nil {
				return nil, err
			}
			continue
		}
		a.bytes += sizeOf(path)
	}
	return a, nil
}

// AddApp copies the artifact at path into the store and returns its digest and size in bytes.
func (s *Store) AddApp(path string) (job.Digest, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return job.Digest{}, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return job.Digest{}, 0, err
	}
	if !info.Mode().IsRegular() {
		return job.Digest{}, 0, fmt.Errorf("%s: expected a regular file", path)
	}
	digest, err := s.apps.add(f, info.Size())
	if err != nil {
		return job.Digest{}, 0, fmt.Errorf("app %s: %w", path, s.diskError(err))
	}
	return digest, info.Size(), nil
}

// App returns the path of an artifact. It counts as a use.
func (s *Store) App(digest job.Digest) (path string, ok bool) { return s.apps.use(digest) }

// PinApps replaces the set of artifacts that are never removed, such as those that this worker advertises.
func (s *Store) PinApps(digests ...job.Digest) {
	s.apps.mu.Lock()
	defer s.apps.mu.Unlock()
	clear(s.apps.pinned)
	for _, d := range digests {
		s.apps.pinned[d] = true
	}
}

func (a *appStore) used() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.bytes
}

func (a *appStore) path(d job.Digest) string { return filepath.Join(a.dir, d.String()) }

func (a *appStore) use(d job.Digest) (string, bool) {
	path := a.path(d)
	if !isFile(path, -1) {
		return "", false
	}
	now := a.store.cfg.Now()
	_ = os.Chtimes(path, now, now) // only the order of removal depends on it
	return path, true
}

// reserve makes room for an artifact by removing unused ones. The caller calls release in every case.
func (a *appStore) reserve(size int64) (release func(), err error) {
	if size <= 0 || size > a.store.cfg.MaxAppBytes {
		return nil, transfer.Errorf(transfer.CodeTooLarge, "an app's artifact has 1 to %d bytes on this worker, this one %d", a.store.cfg.MaxAppBytes, size)
	}
	inUse := a.store.appsInUse()
	a.mu.Lock()
	defer a.mu.Unlock()
	if over := a.bytes + a.coming + size - a.store.cfg.AppsBytes; over > 0 {
		if err := a.evict(over, inUse); err != nil {
			return nil, err
		}
	}
	a.coming += size
	return sync.OnceFunc(func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.coming -= size
	}), nil
}

// evict removes at least over bytes of what is neither pinned nor in use, least recently used first, or nothing.
func (a *appStore) evict(over int64, inUse map[job.Digest]bool) error {
	list, err := os.ReadDir(a.dir)
	if err != nil {
		return err
	}
	type old struct {
		digest job.Digest
		size   int64
		used   time.Time
	}
	var unused []old
	var can int64
	for _, d := range list {
		digest, err := job.ParseDigest(d.Name())
		if err != nil || a.pinned[digest] || inUse[digest] {
			continue
		}
		info, err := d.Info()
		if err != nil {
			continue
		}
		unused = append(unused, old{digest, info.Size(), info.ModTime()})
		can += info.Size()
	}
	if can < over {
		return transfer.Busy(time.Minute, "the worker's space for apps is taken by apps in use")
	}
	sort.Slice(unused, func(i, j int) bool { return unused[i].used.Before(unused[j].used) })
	for _, o := range unused {
		if over <= 0 {
			break
		}
		if err := os.Remove(a.path(o.digest)); err != nil {
			return err
		}
		delete(a.verified, o.digest)
		a.bytes -= o.size
		over -= o.size
	}
	return nil
}

func (a *appStore) add(r io.Reader, size int64) (digest job.Digest, err error) {
	release, err := a.reserve(size)
	if err != nil {
		return job.Digest{}, err
	}
	defer release()
	f, err := os.CreateTemp(a.dir, ".tmp-*")
	if err != nil {
		return job.Digest{}, err
	}
	defer os.Remove(f.Name())
	n, err := io.Copy(f, io.LimitReader(r, size+1))
	if err == nil && n != size {
		err = errors.New("the file changed while it was copied")
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return job.Digest{}, err
	}
	// Hashed from the disk, so that the digest is of what is kept.
	if digest, err = hashFile(f.Name()); err != nil {
		return job.Digest{}, err
	}
	return digest, a.adopt(f.Name(), digest)
}

// adopt moves a verified file into the store.
func (a *appStore) adopt(from string, digest job.Digest) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	to, size := a.path(digest), sizeOf(from)
	if isFile(to, size) && a.verified[digest] {
		return os.Remove(from)
	}
	before := sizeOf(to)
	if err := os.Chmod(from, 0o400); err != nil {
		return err
	}
	now := a.store.cfg.Now()
	if err := os.Chtimes(from, now, now); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	a.bytes += size - before
	a.verified[digest] = true
	return syncDir(a.dir)
}

// verify returns the path of an artifact whose bytes this process has hashed.
func (a *appStore) verify(d job.Digest) (string, error) {
	path, ok := a.use(d)
	if !ok {
		return "", fmt.Errorf("the artifact %s is not on this worker", d)
	}
	a.mu.Lock()
	known := a.verified[d]
	a.mu.Unlock()
	if known {
		return path, nil
	}
	got, err := hashFile(path)
	if err != nil {
		return "", err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if got != d {
		size := sizeOf(path)
		if err := os.Remove(path); err != nil && !errors.Is(err, unix.ENOENT) {
			return "", err
		}
		a.bytes -= size
		return "", fmt.Errorf("the artifact %s was damaged on the disk (its digest is %s) and has been removed", d, got)
	}
	a.verified[d] = true
	return path, nil
}

// appsInUse are the artifacts of jobs that have not ended.
func (s *Store) appsInUse() map[job.Digest]bool {
	out := make(map[job.Digest]bool)
	for _, e := range s.entries() {
		e.mu.Lock()
		if e.rec.live() {
			out[e.rec.Chain.AppDigest] = true
		}
		e.mu.Unlock()
	}
	return out
}
