package jobstore

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"filippo.io/age"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

const recordVersion = 1

// record is job.json. Times are Unix seconds, 0 is not yet.
type record struct {
	Version    int            `json:"version"`
	ID         string         `json:"id"`
	Chain      ChainJob       `json:"chain"`
	Salt       job.Salt       `json:"salt"`
	Phase      transfer.Phase `json:"phase"`
	Message    string         `json:"message"`
	Reserved   int64          `json:"reserved"` // bytes
	Runs       int            `json:"runs"`
	CreatedAt  int64          `json:"created_at"`
	EndedAt    int64          `json:"ended_at"` // finished or closed
	AcceptedAt int64          `json:"accepted_at"`
	ResultSalt job.Salt       `json:"result_salt,omitzero"`
	// Recipient is whom log and outputs are encrypted to when the job has ended; empty for a client that cannot decrypt.
	Recipient string `json:"recipient,omitempty"`
	Sealed    bool   `json:"sealed,omitempty"`    // no plaintext of them is left
	LogBytes  int64  `json:"log_bytes,omitempty"` // of the encrypted log's plaintext
}

// live says whether the job has not ended yet.
func (r record) live() bool {
	switch r.Phase {
	case transfer.PhaseInputs, transfer.PhaseReady, transfer.PhaseRunning:
		return true
	default:
		return false
	}
}

// entry is a job in memory. mu guards all of it; the disk below dir is changed only with mu held, but for a blobWriter's
// own part and the log.
type entry struct {
	dir string
	log *jobLog

	mu      sync.Mutex
	rec     record
	gone    bool                // removed by Sweep while somebody still held the entry
	spec    *job.Spec           // kept while the job is live
	outputs map[string]job.File // by digest; filled on demand
	writers map[string]*blobWriter
	run     *logWriter // of the run that goes on
}

func (e *entry) path(names ...string) string {
	return filepath.Join(append([]string{e.dir}, names...)...)
}

// save makes a changed record last, and only then the one in memory.
func (e *entry) save(rec record) error {
	data, err := json.MarshalIndent(rec, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(e.path("job.json"), append(data, '\n')); err != nil {
		return err
	}
	e.rec = rec
	return nil
}

func loadEntry(dir string) (*entry, error) {
	data, err := os.ReadFile(filepath.Join(dir, "job.json"))
	if err != nil {
		return nil, err
	}
	e := &entry{dir: dir, writers: make(map[string]*blobWriter)}
	if err := json.Unmarshal(data, &e.rec); err != nil {
		return nil, fmt.Errorf("job.json: %w", err)
	}
	if e.rec.Version != recordVersion {
		return nil, fmt.Errorf("job.json: version %d, expected %d", e.rec.Version, recordVersion)
	}
	if e.rec.ID != filepath.Base(dir) {
		return nil, fmt.Errorf("job.json: it is of the job %q", e.rec.ID)
	}
	if e.rec.Reserved < 0 || e.rec.Reserved > job.MaxInt {
		return nil, fmt.Errorf("job.json: it reserves %d bytes, expected 0 to %d", e.rec.Reserved, int64(job.MaxInt))
	}
	if e.rec.Recipient != "" {
		if _, err := age.ParseX25519Recipient(e.rec.Recipient); err != nil {
			return nil, fmt.Errorf("job.json: its recipient: %w", err)
		}
	}
	e.log = newJobLog(e.path("log"), !e.rec.live())
	if isFile(e.path("log.age"), -1) && !isFile(e.path("log"), -1) {
		e.log.size, e.log.sealed = e.rec.LogBytes, true
	}
	return e, nil
}

// specification reads and checks spec.json, once while the job is live.
func (e *entry) specification() (*job.Spec, error) {
	if e.spec != nil {
		return e.spec, nil
	}
	data, err := os.ReadFile(e.path("spec.json"))
	if err != nil {
		return nil, err
	}
	spec, err := job.VerifySpec(data, e.rec.Salt, e.rec.Chain.SpecDigest, e.rec.Chain.InputsDigest)
	if err != nil {
		return nil, fmt.Errorf("spec.json of job %s: %w", e.rec.ID, err)
	}
	e.spec = &spec
	return e.spec, nil
}

// blobs returns the size of each distinct input by digest.
func blobs(spec *job.Spec) map[string]int64 {
	out := make(map[string]int64, len(spec.Inputs))
	for _, f := range spec.Inputs {
		out[f.SHA256] = f.Size
	}
	return out
}
