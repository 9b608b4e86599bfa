package jobstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// overheadBytes is reserved for each job beside its declared sizes: record, specification, result, the log's last line.
const overheadBytes = 1 << 20

// endedBytes is what remains reserved of that when the job has ended, beside the sizes that are known then.
const endedBytes = job.MaxSpecBytes + 16<<10

// inMemory is the runtime whose /out is in memory: without the check a job could
// take more of the machine than it was matched for.
const inMemory = "docker"

// Authorize implements transfer.Backend. Nothing is stored for a job that is known from the chain only.
func (s *Store) Authorize(ctx context.Context, jobID string, key transfer.PubKey) error {
	owner, err := s.accessKey(ctx, jobID)
	if err != nil {
		return err
	}
	if owner != key {
		return transfer.Errorf(transfer.CodeForbidden, "this access key is not the one that stands in the job on the chain")
	}
	return nil
}

func (s *Store) accessKey(ctx context.Context, jobID string) (transfer.PubKey, error) {
	if e, err := s.locked(jobID); err == nil {
		defer e.mu.Unlock()
		return e.rec.Chain.AccessKey, nil
	}
	chain, err := s.chain.get(ctx, jobID)
	return chain.AccessKey, err
}

// Offer implements transfer.Backend.
func (s *Store) Offer(ctx context.Context, jobID string, spec []byte, salt job.Salt, recipient string) ([]transfer.Want, error) {
	e, err := s.locked(jobID)
	if err != nil {
		if e, err = s.create(ctx, jobID, spec, salt, recipient); err != nil {
			return nil, err
		}
	}
	defer e.mu.Unlock()
	if got := job.SpecDigest(salt, spec); got != e.rec.Chain.SpecDigest {
		return nil, transfer.Errorf(transfer.CodeMismatch, "the specification should have the salted digest %s, got %s", e.rec.Chain.SpecDigest, got)
	}
	if e.rec.Phase == transfer.PhaseClosed {
		return nil, closedError(e.rec)
	}
	if e.rec.Phase != transfer.PhaseInputs {
		return nil, nil
	}
	if e.rec.Recipient != recipient { // the last one who offers says who can decrypt
		rec := e.rec
		rec.Recipient = recipient
		if err := s.update(e, rec); err != nil {
			return nil, err
		}
	}
	wants, err := s.wants(e)
	if err == nil && len(wants) == 0 {
		err = s.ready(e)
	}
	return wants, err
}

// create checks a new job against the chain and this worker's limits, stores it, and returns it with mu held.
func (s *Store) create(ctx context.Context, jobID string, data []byte, salt job.Salt, recipient string) (*entry, error) {
	chain, err := s.chain.get(ctx, jobID)
	if err != nil {
		return nil, err
	}
	spec, err := s.checkOffer(chain, data, salt)
	if err != nil {
		return nil, err
	}
	s.creating.Lock()
	defer s.creating.Unlock()
	if e, err := s.locked(jobID); err == nil { // somebody was quicker
		return e, nil
	}
	need, err := s.room(spec)
	if err != nil {
		return nil, err
	}
	e := &entry{dir: filepath.Join(s.cfg.Dir, "jobs", jobID), spec: &spec, writers: make(map[string]*blobWriter)}
	rec := record{
		Version: recordVersion, ID: jobID, Chain: chain, Salt: salt, Phase: transfer.PhaseInputs,
		Reserved: need, CreatedAt: s.cfg.Now().Unix(), Recipient: recipient,
	}
	if err := e.lay(rec, data); err != nil {
		return nil, s.diskError(errors.Join(err, os.RemoveAll(e.dir)))
	}
	e.log = newJobLog(e.path("log"), false)
	e.mu.Lock()
	s.mu.Lock()
	s.jobs[jobID] = e
	s.reserved += need
	s.live++
	s.mu.Unlock()
	s.notify()
	return e, nil
}

// lay writes a new job's directory, its record last.
func (e *entry) lay(rec record, spec []byte) error {
	if err := os.RemoveAll(e.dir); err != nil {
		return err
	}
	for _, dir := range []string{e.dir, e.path("parts"), e.path("in")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	if err := writeFile(e.path("spec.json"), spec); err != nil {
		return err
	}
	if err := e.save(rec); err != nil {
		return err
	}
	return syncDir(filepath.Dir(e.dir))
}

func (s *Store) checkOffer(chain ChainJob, data []byte, salt job.Salt) (job.Spec, error) {
	spec, err := job.VerifySpec(data, salt, chain.SpecDigest, chain.InputsDigest)
	if errors.Is(err, job.ErrDigest) {
		return spec, transfer.Errorf(transfer.CodeMismatch, "%v", err)
	}
	if err != nil {
		return spec, transfer.Errorf(transfer.CodeInvalid, "%v", err)
	}
	switch {
	case spec.ChainID != s.cfg.ChainID:
		err = fmt.Errorf("the specification is for the chain %q, this worker is on %q", spec.ChainID, s.cfg.ChainID)
	case spec.AppDigest != chain.AppDigest.String():
		err = fmt.Errorf("the specification names the artifact %s, the job on the chain %s", spec.AppDigest, chain.AppDigest)
	case spec.App != chain.App:
		err = fmt.Errorf("the specification is for the app %q, the job on the chain for %q", spec.App, chain.App)
	case spec.MaxSeconds > chain.MaxSeconds:
		err = fmt.Errorf("the specification asks for %d s, the job on the chain pays for %d s", spec.MaxSeconds, chain.MaxSeconds)
	case spec.Limits.MemoryBytes > chain.MemoryBytes:
		err = fmt.Errorf("the specification asks for %d bytes of memory, the job on the chain for %d", spec.Limits.MemoryBytes, chain.MemoryBytes)
	case chain.Runtime == inMemory && spec.Limits.OutputBytes > chain.MemoryBytes-spec.Limits.MemoryBytes:
		err = fmt.Errorf("the specification asks for %d bytes of memory and %d of output, which the %s runtime keeps in memory; the job on the chain for %d together",
			spec.Limits.MemoryBytes, spec.Limits.OutputBytes, chain.Runtime, chain.MemoryBytes)
	case spec.Egress && !chain.Egress:
		err = errors.New("the specification asks for a way to the internet, the job on the chain does not")
	case s.cfg.CheckSpec != nil:
		err = s.cfg.CheckSpec(spec)
	}
	if err != nil {
		return spec, transfer.Errorf(transfer.CodeInvalid, "%v", err)
	}
	return spec, nil
}

// room says how much a job may take, by what it declares, and whether there is as much.
func (s *Store) room(spec job.Spec) (need int64, err error) {
	inputs := int64(0)
	for _, size := range blobs(&spec) {
		inputs += size
	}
	need = inputs + spec.Limits.OutputBytes + spec.Limits.LogBytes + overheadBytes // bounded by pkg/job: no overflow
	if need > s.cfg.MaxJobBytes {
		return 0, transfer.Errorf(transfer.CodeTooLarge,
			"the job may take %d bytes (%d inputs, %d output, %d log); this worker gives a job at most %d: lower the limits, or choose another worker",
			need, inputs, spec.Limits.OutputBytes, spec.Limits.LogBytes, s.cfg.MaxJobBytes)
	}
	s.mu.Lock()
	reserved, live := s.reserved, s.live
	s.mu.Unlock()
	if reserved+need > s.cfg.MaxBytes || live >= s.cfg.MaxJobs {
		return 0, transfer.Busy(diskFullRetry, "the worker's space is reserved by other jobs")
	}
	return need, s.checkFree(need)
}

// wants lists the blobs that are not here yet. e.mu is held.
func (s *Store) wants(e *entry) ([]transfer.Want, error) {
	spec, err := e.specification()
	if err != nil {
		return nil, err
	}
	var out []transfer.Want
	for sum, size := range blobs(spec) {
		if !isFile(e.path("in", sum), size) {
			out = append(out, transfer.Want{SHA256: sum, Size: size, Offset: sizeOf(e.path("parts", sum))})
		}
	}
	if _, ok := s.apps.use(e.rec.Chain.AppDigest); !ok && e.rec.Chain.AppImage == "" {
		if _, isInput := blobs(spec)[spec.AppDigest]; !isInput || len(out) == 0 {
			out = append(out, transfer.Want{SHA256: spec.AppDigest, Size: -1, Offset: sizeOf(e.path("parts", spec.AppDigest))})
		}
	}
	sort.Slice(out, func(i, j int) bool { return out[i].SHA256 < out[j].SHA256 })
	return out, nil
}

// ready moves on when nothing is wanted any more. e.mu is held.
func (s *Store) ready(e *entry) error {
	rec := e.rec
	rec.Phase, rec.Message = transfer.PhaseReady, ""
	return s.update(e, rec)
}

func closedError(rec record) error {
	return transfer.Errorf(transfer.CodeGone, "the job was closed: %s", rec.Message)
}
