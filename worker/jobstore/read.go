package jobstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// Status implements transfer.Backend.
func (s *Store) Status(_ context.Context, jobID string) (transfer.Status, error) {
	e, err := s.locked(jobID)
	if err != nil {
		return transfer.Status{Phase: transfer.PhaseNew, Message: "the specification and the inputs have not been uploaded yet"}, nil
	}
	defer e.mu.Unlock()
	size, _, _ := e.log.state()
	return transfer.Status{Phase: e.rec.Phase, Message: e.rec.Message, LogBytes: size}, nil
}

// Log implements transfer.Backend. A log that has not begun is empty, and can be followed.
func (s *Store) Log(ctx context.Context, jobID string, offset int64, follow bool) (transfer.LogReader, error) {
	e, err := s.locked(jobID)
	if err != nil {
		return nil, transfer.Errorf(transfer.CodeNotReady, "the job has not been uploaded yet")
	}
	defer e.mu.Unlock()
	if e.log.isSealed() {
		return nil, transfer.Errorf(transfer.CodeSealed, "the log is encrypted to the customer")
	}
	return &logReader{ctx: ctx, log: e.log, off: offset, follow: follow}, nil
}

// SealedLog implements transfer.Backend.
func (s *Store) SealedLog(_ context.Context, jobID string, offset int64) (transfer.Blob, error) {
	e, err := s.locked(jobID)
	if err != nil {
		return transfer.Blob{}, transfer.Errorf(transfer.CodeNotReady, "the job has not been uploaded yet")
	}
	defer e.mu.Unlock()
	if !e.log.isSealed() {
		return transfer.Blob{}, transfer.Errorf(transfer.CodeNotReady, "the log is not encrypted: ask for it as it is")
	}
	return openSealed(e.path("log.age"), offset)
}

// Result implements transfer.Backend.
func (s *Store) Result(_ context.Context, jobID string) ([]byte, job.Salt, error) {
	e, err := s.locked(jobID)
	if err != nil {
		return nil, job.Salt{}, transfer.Errorf(transfer.CodeNotReady, "the job has not been uploaded yet")
	}
	defer e.mu.Unlock()
	return e.result()
}

// result reads the stored result. e.mu is held.
func (e *entry) result() ([]byte, job.Salt, error) {
	switch e.rec.Phase {
	case transfer.PhaseFinished, transfer.PhaseWiped:
	case transfer.PhaseClosed:
		return nil, job.Salt{}, closedError(e.rec)
	default:
		return nil, job.Salt{}, transfer.Errorf(transfer.CodeNotReady, "the job has not finished: it is in the phase %q", e.rec.Phase)
	}
	data, err := os.ReadFile(e.path("result.json"))
	return data, e.rec.ResultSalt, err
}

// Get implements transfer.Backend.
func (s *Store) Get(_ context.Context, jobID, sum string, offset int64) (transfer.Blob, error) {
	e, err := s.locked(jobID)
	if err != nil {
		return transfer.Blob{}, transfer.Errorf(transfer.CodeNotReady, "the job has not been uploaded yet")
	}
	defer e.mu.Unlock()
	if e.rec.Phase == transfer.PhaseWiped {
		return transfer.Blob{}, transfer.Errorf(transfer.CodeGone, "the outputs have been wiped: %s", e.rec.Message)
	}
	file, err := e.output(sum)
	if err != nil {
		return transfer.Blob{}, err
	}
	if sealed := e.path("sealed", sum); isFile(sealed, -1) {
		return openSealed(sealed, offset)
	}
	if offset > file.Size {
		return transfer.Blob{}, transfer.Errorf(transfer.CodeInvalid, "output %q has %d bytes, asked from %d", file.Path, file.Size, offset)
	}
	f, err := openOutput(e.path("out"), file)
	if err != nil {
		return transfer.Blob{}, err
	}
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return transfer.Blob{}, errors.Join(err, f.Close())
	}
	return transfer.Blob{ReadCloser: f, Size: file.Size}, nil
}

// output finds an output by digest. e.mu is held.
func (e *entry) output(sum string) (job.File, error) {
	if e.outputs == nil {
		data, _, err := e.result()
		if err != nil {
			return job.File{}, err
		}
		r, err := job.UnmarshalResult(data)
		if err != nil {
			return job.File{}, err
		}
		e.outputs = make(map[string]job.File, len(r.Outputs))
		for _, f := range r.Outputs {
			e.outputs[f.SHA256] = f
		}
	}
	file, ok := e.outputs[sum]
	if !ok {
		return job.File{}, transfer.Errorf(transfer.CodeUnknown, "the job has no output %s", sum)
	}
	return file, nil
}

// openOutput opens a regular file below dir, where a job once wrote: whatever link it may have left leads nowhere.
func openOutput(dir string, file job.File) (*os.File, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	info, err := root.Lstat(file.Path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() != file.Size {
		return nil, fmt.Errorf("output %q: expected a regular file of %d bytes: %w", file.Path, file.Size, fs.ErrInvalid)
	}
	return root.Open(file.Path)
}
