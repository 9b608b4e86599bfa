package jobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// errMovedOn says that the job was wiped or removed meanwhile: nothing is left to encrypt.
var errMovedOn = errors.New("the job has moved on")

// errLost says that an output is not what was stored: whoever owns the machine may have taken it away. It cannot be handed
// out, so it need not be kept from being deleted, either.
var errLost = errors.New("it is not as it was stored")

// KeepSealing encrypts what ended jobs leave, each to its own customer, until ctx ends. It is apart from Finish because the
// receipt must not wait for gigabytes; until a file is encrypted, it is handed out as it is.
func (s *Store) KeepSealing(ctx context.Context) error {
	for {
		err := s.Seal(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // whoever ended it knows why
		}
		var again <-chan time.Time
		var timer *time.Timer
		if err != nil {
			s.cfg.Logger.Error("what a job left could not be encrypted to its customer: it is tried again", "error", err)
			timer = time.NewTimer(diskFullRetry)
			again = timer.C
		}
		select {
		case <-ctx.Done():
		case <-s.ended:
		case <-again:
		}
		if timer != nil {
			timer.Stop()
		}
	}
}

// Seal encrypts what all jobs that have ended until now leave. One call at a time.
func (s *Store) Seal(ctx context.Context) error {
	s.sealing.Lock()
	defer s.sealing.Unlock()
	var problems []error
	for _, e := range s.entries() {
		if err := s.seal(ctx, e); err != nil && !errors.Is(err, errMovedOn) {
			problems = append(problems, s.diskError(fmt.Errorf("job %s: %w", filepath.Base(e.dir), err)))
		}
		if ctx.Err() != nil {
			return errors.Join(append(problems, ctx.Err())...)
		}
	}
	return errors.Join(problems...)
}

// tellEnded wakes KeepSealing.
func (s *Store) tellEnded() {
	select {
	case s.ended <- struct{}{}:
	default:
	}
}

func (s *Store) seal(ctx context.Context, e *entry) error {
	to, outputs, err := s.due(e)
	if to == nil || err != nil {
		return err
	}
	for sum, files := range outputs {
		if err := s.sealOutput(ctx, e, to, sum, files); err != nil {
			return err
		}
	}
	if err := s.sealLog(ctx, e, to); err != nil {
		return err
	}
	s.step("all files")
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone || e.rec.Sealed {
		return errMovedOn
	}
	rec := e.rec
	rec.Sealed = true
	rec.Reserved = e.kept()
	if err := s.update(e, rec); err != nil {
		return err
	}
	s.step("record")
	return e.tidy()
}

// due returns whom a job's files are to be encrypted to, and the outputs by digest; nil if nothing is to be done.
func (s *Store) due(e *entry) (age.Recipient, map[string][]job.File, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.gone || e.rec.live() || e.rec.Recipient == "" || e.rec.Sealed {
		return nil, nil, nil
	}
	to, err := age.ParseX25519Recipient(e.rec.Recipient)
	if err != nil || e.rec.Phase != transfer.PhaseFinished {
		return to, nil, err
	}
	o, err := e.outcome()
	if err != nil {
		return nil, nil, err
	}
	outputs := make(map[string][]job.File, len(o.Result.Outputs))
	for _, f := range o.Result.Outputs {
		outputs[f.SHA256] = append(outputs[f.SHA256], f)
	}
	return to, outputs, nil
}

// sealOutput encrypts an output, which may stand under several names, and then removes its plaintext.
func (s *Store) sealOutput(ctx context.Context, e *entry, to age.Recipient, sum string, files []job.File) error {
	dir, file := e.path("sealed"), e.path("sealed", sum)
	open := func() (*os.File, error) {
		if e.gone || e.rec.Phase != transfer.PhaseFinished {
			return nil, errMovedOn
		}
		if isFile(file, -1) {
			return nil, nil
		}
		f, err := openOutput(e.path("out"), files[0])
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
			err = fmt.Errorf("%w: %w", errLost, err)
		}
		return f, err
	}
	done := func() error {
		for _, f := range files {
			if err := removeOutput(e.path("out"), f.Path); err != nil {
				return err
			}
		}
		s.step("output plaintext")
		return nil
	}
	err := s.sealFile(ctx, e, to, dir, file, open, done)
	if errors.Is(err, errLost) {
		s.cfg.Logger.Error("an output is not on the disk any more", "job", filepath.Base(e.dir), "output", files[0].Path, "error", err)
		return nil
	}
	return err
}

func (s *Store) sealLog(ctx context.Context, e *entry, to age.Recipient) error {
	open := func() (*os.File, error) {
		if e.gone {
			return nil, errMovedOn
		}
		if isFile(e.path("log.age"), -1) || !isFile(e.path("log"), -1) {
			return nil, nil
		}
		return os.OpenFile(e.path("log"), os.O_RDONLY|unix.O_NOFOLLOW, 0)
	}
	done := func() error {
		if !isFile(e.path("log"), -1) {
			return nil
		}
		rec := e.rec
		rec.LogBytes = sizeOf(e.path("log"))
		if err := s.update(e, rec); err != nil {
			return err
		}
		s.step("log size")
		e.log.seal()
		return os.Remove(e.path("log")) // who reads it now reads on
	}
	return s.sealFile(ctx, e, to, e.dir, e.path("log.age"), open, done)
}

// sealFile makes an age file of what open opens; if that is nil, the age file is there or there is nothing. open and done
// run with e.mu held, the work between does not: the customer may be asking for the job meanwhile. The age file has its
// name only when it is whole and lasts, and until then the plaintext is left alone.
func (s *Store) sealFile(ctx context.Context, e *entry, to age.Recipient, dir, name string, open func() (*os.File, error), done func() error) error {
	from, tmp, err := s.openBoth(e, dir, open)
	if err != nil {
		return err
	}
	if from != nil {
		err = s.encrypt(ctx, to, tmp, from)
		err = errors.Join(err, from.Close(), tmp.Close())
		s.step("age file aside")
		if err != nil {
			return errors.Join(err, removeIfThere(tmp.Name()))
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if from != nil {
		if _, err := os.Lstat(tmp.Name()); err != nil { // wiped meanwhile
			return errMovedOn
		}
		if err := os.Rename(tmp.Name(), name); err != nil {
			return err
		}
		if err := syncDir(dir); err != nil {
			return err
		}
		s.step("age file")
	}
	if e.gone {
		return errMovedOn
	}
	return done()
}

func (s *Store) openBoth(e *entry, dir string, open func() (*os.File, error)) (from, tmp *os.File, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if from, err = open(); err != nil || from == nil {
		return nil, nil, err
	}
	info, err := from.Stat()
	if err == nil {
		err = s.checkFree(transfer.SealedMost(info.Size()))
	}
	if err == nil {
		err = mkdirIfMissing(dir)
	}
	if err == nil {
		tmp, err = os.CreateTemp(dir, ".tmp-*")
	}
	if err != nil {
		return nil, nil, errors.Join(err, from.Close())
	}
	return from, tmp, nil
}

func (s *Store) encrypt(ctx context.Context, to age.Recipient, into, from *os.File) error {
	w, err := age.Encrypt(into, to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, untilDone{ctx, from}); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return into.Sync()
}

// untilDone ends a copy of gigabytes when the worker is stopped.
type untilDone struct {
	ctx context.Context
	io.Reader
}

func (r untilDone) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// kept is the space of what is left of an ended job. e.mu is held.
func (e *entry) kept() int64 {
	n := sizeOf(e.path("log")) + sizeOf(e.path("log.age")) + sizeOf(e.path("result.json")) + endedBytes
	list, err := os.ReadDir(e.path("sealed"))
	if err != nil {
		return n
	}
	for _, d := range list {
		n += sizeOf(e.path("sealed", d.Name()))
	}
	return n
}

// sealRoom is what encrypting takes beside the files themselves: one of them twice, and age's overhead for all.
func sealRoom(r job.Result) int64 {
	largest := transfer.SealedMost(r.LogSize)
	over := largest - r.LogSize
	for _, f := range r.Outputs {
		sealed := transfer.SealedMost(f.Size)
		largest = max(largest, sealed)
		over += sealed - f.Size
	}
	return largest + over
}

// openSealed opens an age file at an offset.
func openSealed(path string, offset int64) (transfer.Blob, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return transfer.Blob{}, err
	}
	info, err := f.Stat()
	if err == nil && offset > info.Size() {
		err = transfer.Errorf(transfer.CodeInvalid, "the age file has %d bytes, asked from %d", info.Size(), offset)
	}
	if err == nil {
		_, err = f.Seek(offset, io.SeekStart)
	}
	if err != nil {
		return transfer.Blob{}, errors.Join(err, f.Close())
	}
	return transfer.Blob{ReadCloser: f, Size: info.Size(), Sealed: true}, nil
}

// removeOutput removes a file below dir, where a job once wrote.
func removeOutput(dir, name string) error {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func mkdirIfMissing(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
