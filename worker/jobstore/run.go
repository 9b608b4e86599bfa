package jobstore

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/worker/runtime"
)

// ErrPhase says that a job is not where a call needs it to be.
var ErrPhase = errors.New("the job is in another phase")

// Begin starts a run of a ready job, or a new run of one whose last run was cut short by a restart: its log and outputs
// are emptied. The task's Log belongs to the store; Finish closes it.
func (s *Store) Begin(id string) (runtime.Task, error) {
	e, err := s.locked(id)
	if err != nil {
		return runtime.Task{}, err
	}
	defer e.mu.Unlock()
	if e.rec.Phase != transfer.PhaseReady && e.rec.Phase != transfer.PhaseRunning {
		return runtime.Task{}, fmt.Errorf("job %s: %w: it cannot start from %q", id, ErrPhase, e.rec.Phase)
	}
	spec, err := e.specification()
	if err != nil {
		return runtime.Task{}, err
	}
	artifact, err := s.artifact(e.rec.Chain)
	if err != nil { // lost or damaged: the customer can upload it again
		rec := e.rec
		rec.Phase, rec.Message = transfer.PhaseInputs, "the app's artifact is needed again"
		return runtime.Task{}, errors.Join(fmt.Errorf("job %s: %w", id, err), s.update(e, rec))
	}
	if e.run != nil {
		_ = e.run.close()
		e.run = nil
	}
	if err := os.RemoveAll(e.path("out")); err != nil {
		return runtime.Task{}, err
	}
	log, err := e.log.begin(spec.Limits.LogBytes + logSlack)
	if err != nil {
		return runtime.Task{}, s.diskError(err)
	}
	rec := e.rec
	rec.Phase, rec.Message, rec.Runs = transfer.PhaseRunning, "", rec.Runs+1
	if err := s.update(e, rec); err != nil {
		return runtime.Task{}, errors.Join(err, log.close())
	}
	e.run = log
	return e.task(spec, artifact, log)
}

// artifact is the path of a job's verified artifact; empty when the runtime pulls it.
func (s *Store) artifact(chain ChainJob) (string, error) {
	if chain.AppImage != "" {
		return "", nil
	}
	path, err := s.apps.verify(chain.AppDigest)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

func (e *entry) task(spec *job.Spec, artifact string, log *logWriter) (runtime.Task, error) {
	dir, err := filepath.Abs(e.dir)
	if err != nil {
		return runtime.Task{}, err
	}
	t := runtime.Task{
		ID: e.rec.ID, Artifact: artifact, ArtifactSHA256: spec.AppDigest, Image: e.rec.Chain.AppImage, Egress: spec.Egress,
		Args: spec.Args, Env: spec.Env, OutputDir: filepath.Join(dir, "out"), Log: log,
		Limits: runtime.Limits{
			Duration:    time.Duration(spec.MaxSeconds) * time.Second,
			MemoryBytes: spec.Limits.MemoryBytes, OutputBytes: spec.Limits.OutputBytes,
			OutputFiles: int(spec.Limits.OutputFiles), LogBytes: spec.Limits.LogBytes,
		},
	}
	for _, f := range spec.Inputs {
		t.Inputs = append(t.Inputs, runtime.File{Path: f.Path, Host: filepath.Join(dir, "in", f.SHA256), Size: f.Size, SHA256: f.SHA256})
	}
	return t, nil
}

// Outcome is a finished job's result.
type Outcome struct {
	Result job.Result
	Bytes  []byte   // canonical
	Salt   job.Salt // of the digest in the receipt
}

// ReceiptDigest is what the receipt on the chain carries.
func (o Outcome) ReceiptDigest() job.Digest { return job.Salted(job.ResultDigest(o.Bytes), o.Salt) }

// Finish keeps the result of a run: the log ends, the outputs stay, the inputs are removed. It may be called again, also
// after a restart, and then returns what was kept, so that a job never has two results.
func (s *Store) Finish(id string, run runtime.Result) (Outcome, error) {
	e, err := s.locked(id)
	if err != nil {
		return Outcome{}, err
	}
	defer e.mu.Unlock()
	switch e.rec.Phase {
	case transfer.PhaseFinished, transfer.PhaseWiped:
		return e.outcome()
	case transfer.PhaseRunning:
	default:
		return Outcome{}, fmt.Errorf("job %s: %w: it cannot finish from %q", id, ErrPhase, e.rec.Phase)
	}
	if err := e.closeLog(); err != nil {
		s.cfg.Logger.Error("a part of a job's log was lost", "job", id, "error", err)
	}
	result, data, err := s.build(e, run)
	if err != nil {
		return Outcome{}, fmt.Errorf("job %s: %w", id, err)
	}
	salt, err := job.NewSalt(s.cfg.Random)
	if err != nil {
		return Outcome{}, err
	}
	if err := e.syncOutputs(result.Outputs); err != nil {
		return Outcome{}, s.diskError(err)
	}
	if err := writeFile(e.path("result.json"), data); err != nil {
		return Outcome{}, s.diskError(err)
	}
	rec := e.rec
	rec.Phase, rec.Message, rec.ResultSalt, rec.EndedAt = transfer.PhaseFinished, result.Message, salt, s.cfg.Now().Unix()
	rec.Reserved = result.OutputBytes() + result.LogSize + int64(len(data)) + endedBytes
	if rec.Recipient != "" {
		rec.Reserved += sealRoom(result)
	}
	if err := s.update(e, rec); err != nil {
		return Outcome{}, err
	}
	e.log.end()
	e.spec = nil
	s.tellEnded()
	if err := e.tidy(); err != nil {
		s.cfg.Logger.Warn("a job's inputs could not be removed yet", "job", id, "error", err)
	}
	return Outcome{Result: result, Bytes: data, Salt: salt}, nil
}

// Outcome returns the kept result of a finished job. The error wraps ErrPhase before that.
func (s *Store) Outcome(id string) (Outcome, error) {
	e, err := s.locked(id)
	if err != nil {
		return Outcome{}, err
	}
	defer e.mu.Unlock()
	return e.outcome()
}

func (e *entry) outcome() (Outcome, error) {
	data, salt, err := e.result()
	if err != nil {
		return Outcome{}, fmt.Errorf("job %s: %w: %w", e.rec.ID, ErrPhase, err)
	}
	r, err := job.UnmarshalResult(data)
	return Outcome{Result: r, Bytes: data, Salt: salt}, err
}

// build makes the result of a run. Outputs whose names the format refuses (they could harm whoever prints them) are left
// out and counted in the message. e.mu is held.
func (s *Store) build(e *entry, run runtime.Result) (job.Result, []byte, error) {
	size := sizeOf(e.path("log"))
	var sum job.Digest
	var err error
	if size == 0 {
		sum, err = job.LogDigest(strings.NewReader(""))
	} else {
		sum, err = hashFile(e.path("log"))
	}
	if err != nil {
		return job.Result{}, nil, err
	}
	r := job.Result{
		Version: job.ResultVersion, ChainID: s.cfg.ChainID, JobID: e.rec.ID,
		Reason: string(run.Reason), ExitCode: int64(run.ExitCode), LogSize: size, LogSHA256: sum.String(),
		WallMillis: run.Wall.Milliseconds(), CPUMillis: run.CPU.Milliseconds(), PeakMemoryBytes: run.PeakMemory,
	}
	refused := 0
	for _, o := range run.Outputs {
		f := job.File{Path: o.Path, Size: o.Size, SHA256: o.SHA256}
		if f.Validate() != nil || len(r.Outputs) == job.MaxOutputFiles {
			refused++
			continue
		}
		r.Outputs = append(r.Outputs, f)
	}
	job.SortFiles(r.Outputs)
	r.Message = run.Message
	if refused > 0 {
		r.Message = strings.TrimSpace(fmt.Sprintf("%s (%d outputs were left out: their names are refused)", r.Message, refused))
	}
	r.Message = cleanMessage(r.Message)
	data, err := job.MarshalResult(r)
	return r, data, err
}

func cleanMessage(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
	if len(s) > job.MaxMessageBytes {
		s = strings.ToValidUTF8(s[:job.MaxMessageBytes-len("…")], "") + "…"
	}
	return s
}

// syncOutputs makes the outputs last and checks that they are what the runtime said.
func (e *entry) syncOutputs(files []job.File) error {
	dirs := make(map[string]bool)
	for _, file := range files {
		f, err := openOutput(e.path("out"), file)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
		for d := filepath.Dir(e.path("out", filepath.FromSlash(file.Path))); len(d) >= len(e.dir); d = filepath.Dir(d) {
			dirs[d] = true
		}
	}
	for d := range dirs {
		if err := syncDir(d); err != nil {
			return err
		}
	}
	return nil
}

// closeLog ends writing. e.mu is held.
func (e *entry) closeLog() error {
	if e.run == nil {
		return nil
	}
	err := e.run.close()
	e.run = nil
	return err
}
