package docker

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"

	"github.com/edgematrix/emc/worker/runtime"
)

// loadedImage is an image in the Engine, with what a container's specification
// needs to know of it.
type loadedImage struct {
	ID         string
	Entrypoint []string
	Cmd        []string
	WorkingDir string
	Volumes    []string
}

// images brings images into the Engine and removes those not used for long.
type images struct {
	engine   *engine
	stateDir string
	limit    int64
	now      func() time.Time
	log      *slog.Logger

	mu     sync.Mutex
	locks  map[string]chan struct{} // held by whoever brings in a key
	users  map[string]int           // runs that need a key
	listMu sync.Mutex               // of the list on disk
}

func newImages(e *engine, c Config, now func() time.Time) *images {
	return &images{
		engine: e, stateDir: c.StateDir, limit: c.ImageBytes, now: now, log: c.Logger,
		locks: map[string]chan struct{}{}, users: map[string]int{},
	}
}

// ensure returns the task's image, and brings it into the Engine if it is not
// there: once, however many runs ask at the same time. Until release is called
// it is not removed. An error in the image itself is a customerError.
func (s *images) ensure(ctx context.Context, t runtime.Task) (img loadedImage, release func(), err error) {
	key := imageKey(t)
	s.use(key, 1)
	release = sync.OnceFunc(func() { s.use(key, -1) })
	defer func() {
		if err != nil {
			release()
		}
	}()
	unlock, err := s.lock(ctx, key)
	if err != nil {
		return loadedImage{}, release, err
	}
	defer unlock()

	record, known := s.recall(key)
	if known {
		img, err = s.inspect(ctx, record.ID)
		if err == nil {
			record.Used = s.now()
			return img, release, s.remember(record)
		}
		if !cerrdefs.IsNotFound(err) {
			return loadedImage{}, release, err
		}
	}
	if t.Image != "" {
		record, err = s.pull(ctx, t)
	} else {
		record, err = s.load(ctx, t)
	}
	if err != nil {
		return loadedImage{}, release, err
	}
	record.Key, record.Used = key, s.now()
	// What this runtime brought in before is its own still, even if somebody
	// removed the name in between.
	if img, err = s.inspect(ctx, record.ID); err != nil {
		return loadedImage{}, release, err
	}
	if err := s.remember(record); err != nil {
		return loadedImage{}, release, err
	}
	s.prune(ctx)
	return img, release, nil
}

func imageKey(t runtime.Task) string {
	if t.Image != "" {
		return t.Image + "@sha256:" + t.ArtifactSHA256
	}
	return "archive:" + t.ArtifactSHA256
}

func (s *images) use(key string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users[key] += n; s.users[key] == 0 {
		delete(s.users, key)
	}
}

func (s *images) inUse(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.users[key] > 0
}

// lock waits for the exclusive use of a key, or for the end of the context.
func (s *images) lock(ctx context.Context, key string) (unlock func(), err error) {
	s.mu.Lock()
	l := s.locks[key]
	if l == nil {
		l = make(chan struct{}, 1)
		s.locks[key] = l
	}
	s.mu.Unlock()
	select {
	case l <- struct{}{}:
		return func() { <-l }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *images) inspect(ctx context.Context, id string) (loadedImage, error) {
	found, err := s.engine.api.ImageInspect(ctx, id)
	if err != nil {
		return loadedImage{}, err
	}
	img := loadedImage{ID: found.ID}
	if c := found.Config; c != nil {
		img.Entrypoint, img.Cmd, img.WorkingDir = c.Entrypoint, c.Cmd, c.WorkingDir
		img.Volumes = sortedKeys(c.Volumes)
	}
	return img, nil
}

// present says whether the Engine has an image.
func (s *images) present(ctx context.Context, id string) (bool, error) {
	_, err := s.engine.api.ImageInspect(ctx, id)
	if cerrdefs.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

func (s *images) recall(key string) (imageRecord, bool) {
	s.listMu.Lock()
	defer s.listMu.Unlock()
	return s.list().find(key)
}

func (s *images) list() *imageList {
	l, err := readImageList(s.stateDir)
	if err != nil {
		s.log.Warn("the list of images is not used; images that earlier workers loaded stay in the Engine", "error", err)
	}
	return &l
}

func (s *images) remember(r imageRecord) error {
	s.listMu.Lock()
	defer s.listMu.Unlock()
	l := s.list()
	if old, ok := l.find(r.Key); ok && old.ID == r.ID {
		r.Foreign = old.Foreign
	}
	if err := os.MkdirAll(s.stateDir, 0o700); err != nil {
		return err
	}
	if err := l.put(r); err != nil {
		return fmt.Errorf("the list of images cannot be written: %w", err)
	}
	return nil
}

// prune keeps the images within their size. Failing to is no reason for a job
// to fail.
func (s *images) prune(ctx context.Context) {
	s.listMu.Lock()
	defer s.listMu.Unlock()
	l := s.list()
	for _, r := range l.oldest(s.limit, s.inUse) {
		// By its name, and never by force: if somebody gave the image another name,
		// or runs it, it stays.
		_, err := s.engine.api.ImageRemove(ctx, r.Ref, client.ImageRemoveOptions{PruneChildren: true})
		if err != nil && !cerrdefs.IsNotFound(err) {
			s.log.Warn("an image cannot be removed", "image", r.Ref, "error", err)
			continue
		}
		if err := l.drop(r.Key); err != nil {
			s.log.Warn("the list of images cannot be written", "error", err)
			return
		}
		s.log.Info("removed an image that was not used for long", "image", r.Ref, "bytes", r.Bytes)
	}
}

// holderImage returns the id of the holder's image, which is loaded when it is
// not there: an operator may prune it at any time.
func (s *images) holderImage(ctx context.Context) (string, error) {
	unlock, err := s.lock(ctx, helperTag)
	if err != nil {
		return "", err
	}
	defer unlock()
	archive, err := holderArchive(ctx)
	if err != nil {
		return "", err
	}
	found, err := s.engine.api.ImageInspect(ctx, helperTag)
	if err == nil && same(found, archive) == nil {
		return found.ID, nil
	} else if err != nil && !cerrdefs.IsNotFound(err) {
		return "", err
	}
	return s.send(ctx, archive, helperTag)
}
