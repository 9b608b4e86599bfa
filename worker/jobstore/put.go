package jobstore

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// blobWriter appends to one part. Its own mutex orders it against a later Put of the same blob, which takes over: the
// connection of the earlier one may be dead long before this side learns of it.
type blobWriter struct {
	store   *Store
	entry   *entry
	sum     string
	size    int64
	release func() // of the artifact's reservation

	mu  sync.Mutex
	f   *os.File // nil when closed or superseded
	off int64
	h   hash.Hash // nil when the part was begun by an earlier Put
}

// Put implements transfer.Backend.
func (s *Store) Put(_ context.Context, jobID, sum string, size, offset int64) (transfer.BlobWriter, error) {
	isApp, err := s.checkPut(jobID, sum, size)
	if err != nil {
		return nil, err
	}
	release := func() {}
	if isApp {
		if release, err = s.apps.reserve(size); err != nil {
			return nil, err
		}
	}
	w, err := s.openPart(jobID, sum, size, offset)
	if err != nil {
		release()
		return nil, err
	}
	w.release = release
	return w, nil
}

// checkPut says whether a blob of this size is wanted, and whether it is the artifact alone.
func (s *Store) checkPut(jobID, sum string, size int64) (isApp bool, err error) {
	e, err := s.locked(jobID)
	if err != nil {
		return false, err
	}
	defer e.mu.Unlock()
	if e.rec.Phase == transfer.PhaseClosed {
		return false, closedError(e.rec)
	}
	if e.rec.Phase != transfer.PhaseInputs {
		return false, transfer.Errorf(transfer.CodeConflict, "the worker wants nothing more for this job")
	}
	spec, err := e.specification()
	if err != nil {
		return false, err
	}
	declared, isInput := blobs(spec)[sum]
	isInput = isInput && !isFile(e.path("in", sum), declared)
	switch {
	case isInput && size > declared:
		return false, transfer.Errorf(transfer.CodeTooLarge, "the specification declares %d bytes for %s, not %d", declared, sum, size)
	case isInput && size != declared:
		return false, transfer.Errorf(transfer.CodeInvalid, "the specification declares %d bytes for %s, not %d", declared, sum, size)
	case isInput:
		return false, nil
	case sum == spec.AppDigest:
		return true, nil
	default:
		return false, transfer.Errorf(transfer.CodeConflict, "the worker does not want %s for this job", sum)
	}
}

func (s *Store) openPart(jobID, sum string, size, offset int64) (*blobWriter, error) {
	e, err := s.locked(jobID)
	if err != nil {
		return nil, err
	}
	defer e.mu.Unlock()
	if e.rec.Phase != transfer.PhaseInputs {
		return nil, transfer.Errorf(transfer.CodeConflict, "the worker wants nothing more for this job")
	}
	if old := e.writers[sum]; old != nil {
		old.supersede()
	}
	path := e.path("parts", sum)
	if have := sizeOf(path); offset > have {
		return nil, transfer.Errorf(transfer.CodeConflict, "the worker has %d bytes of %s, the upload goes on at %d", have, sum, offset)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err == nil {
		err = f.Truncate(offset)
	}
	if err == nil {
		_, err = f.Seek(offset, 0)
	}
	if err != nil {
		if f != nil {
			_ = f.Close()
		}
		return nil, s.diskError(err)
	}
	w := &blobWriter{store: s, entry: e, sum: sum, size: size, f: f, off: offset}
	if offset == 0 {
		w.h = sha256.New()
	}
	e.writers[sum] = w
	return w, nil
}

var errSuperseded = transfer.Errorf(transfer.CodeConflict, "another upload of the same bytes took over")

func (w *blobWriter) supersede() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f != nil {
		_ = w.f.Close()
		w.f = nil
	}
}

// Write implements io.Writer.
func (w *blobWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil {
		return 0, errSuperseded
	}
	if int64(len(p)) > w.size-w.off {
		return 0, transfer.Errorf(transfer.CodeTooLarge, "more than the declared %d bytes", w.size)
	}
	n, err := w.f.Write(p)
	w.off += int64(n)
	if w.h != nil {
		w.h.Write(p[:n])
	}
	return n, w.store.diskError(err)
}

// Commit verifies the digest and moves the blob to where it is used.
func (w *blobWriter) Commit() error {
	got, err := w.seal()
	if err != nil {
		return err
	}
	s, e := w.store, w.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.writers[w.sum] != w {
		return errSuperseded
	}
	part := e.path("parts", w.sum)
	if got.String() != w.sum {
		return errors.Join(
			transfer.Errorf(transfer.CodeMismatch, "expected sha256 %s, got %s: the bytes were deleted", w.sum, got),
			os.Remove(part))
	}
	if e.rec.Phase != transfer.PhaseInputs {
		return transfer.Errorf(transfer.CodeConflict, "the job has moved on")
	}
	if err := s.place(e, part, got); err != nil {
		return s.diskError(err)
	}
	wants, err := s.wants(e)
	if err == nil && len(wants) == 0 {
		err = s.ready(e)
	}
	return err
}

// seal ends writing and returns the digest of what is on the disk.
func (w *blobWriter) seal() (job.Digest, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.f == nil {
		return job.Digest{}, errSuperseded
	}
	if w.off != w.size {
		return job.Digest{}, transfer.Errorf(transfer.CodeConflict, "%d of %d bytes are here", w.off, w.size)
	}
	path := w.f.Name()
	if err := w.f.Sync(); err != nil {
		return job.Digest{}, w.store.diskError(err)
	}
	if w.h != nil {
		return job.Digest(w.h.Sum(nil)), nil
	}
	return hashFile(path)
}

// place moves a verified part to the inputs, the artifacts, or both. e.mu is held.
func (s *Store) place(e *entry, part string, sum job.Digest) error {
	spec, err := e.specification()
	if err != nil {
		return err
	}
	if _, isInput := blobs(spec)[sum.String()]; isInput {
		to := e.path("in", sum.String())
		if !isFile(to, -1) {
			if err := os.Rename(part, to); err != nil {
				return err
			}
			return syncDir(e.path("in"))
		}
	}
	if sum == e.rec.Chain.AppDigest {
		return s.apps.adopt(part, sum)
	}
	return fmt.Errorf("blob %s is neither an input nor the artifact", sum)
}

// Close keeps what has been written.
func (w *blobWriter) Close() error {
	w.release()
	w.mu.Lock()
	var err error
	if w.f != nil {
		err = w.f.Close()
		w.f = nil
	}
	w.mu.Unlock()
	w.entry.mu.Lock()
	defer w.entry.mu.Unlock()
	if w.entry.writers[w.sum] == w {
		delete(w.entry.writers, w.sum)
	}
	return err
}
