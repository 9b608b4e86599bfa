package jobstore_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/worker/jobstore"
	"github.com/edgematrix/emc/worker/runtime"
)

const chainID = "emc-test-1"

var artifact = []byte("the artifact of an app")

// chain stands for the chain and the clock.
type chain struct {
	mu      sync.Mutex
	jobs    map[string]jobstore.ChainJob
	lookups int
	now     time.Time
}

func newChain() *chain {
	return &chain{jobs: map[string]jobstore.ChainJob{}, now: time.Unix(1_700_000_000, 0)}
}

func (c *chain) lookup(_ context.Context, id string) (jobstore.ChainJob, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lookups++
	j, ok := c.jobs[id]
	if !ok {
		return j, jobstore.ErrUnknownJob
	}
	return j, nil
}

func (c *chain) clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *chain) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func config(dir string, c *chain) jobstore.Config {
	cfg := jobstore.DefaultConfig(dir, chainID, c.lookup)
	cfg.Now, cfg.Logger = c.clock, slog.New(slog.NewTextHandler(io.Discard, nil))
	cfg.MinFreeBytes = 0
	return cfg
}

func open(t *testing.T, cfg jobstore.Config) *jobstore.Store {
	t.Helper()
	s, err := jobstore.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// killed opens a copy of the store's directory as it is now, as the next process would find it after kill -9.
func killed(t *testing.T, cfg jobstore.Config) *jobstore.Store {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(to, os.DirFS(cfg.Dir)))
	cfg.Dir = to
	return open(t, cfg)
}

// work is a job that a customer wants done.
type work struct {
	id     string
	spec   job.Spec
	bytes  []byte
	salt   job.Salt
	inputs map[string][]byte // by path
	key    transfer.PubKey
	priv   []byte
	// recipient is empty, as with a client that cannot decrypt, unless a test sets it.
	recipient string
}

func sum(b []byte) string { return fmt.Sprintf("%x", sha256.Sum256(b)) }

func newWork(t *testing.T, n byte, inputs map[string][]byte, change func(*job.Spec)) *work {
	t.Helper()
	w := &work{id: fmt.Sprintf("%032x", n), salt: job.Salt{n}, inputs: inputs}
	var err error
	w.priv, w.key, err = transfer.NewAccessKey()
	require.NoError(t, err)
	w.spec = job.Spec{
		Version: 1, ChainID: chainID, App: "app", AppDigest: sum(artifact), Args: []string{"x"},
		Limits: job.Limits{MemoryBytes: 1 << 20, OutputBytes: 1 << 20, OutputFiles: 10, LogBytes: 100}, MaxSeconds: 60,
	}
	for path, data := range inputs {
		w.spec.Inputs = append(w.spec.Inputs, job.File{Path: path, Size: int64(len(data)), SHA256: sum(data)})
	}
	job.SortFiles(w.spec.Inputs)
	if change != nil {
		change(&w.spec)
	}
	w.bytes, err = job.MarshalSpec(w.spec)
	require.NoError(t, err)
	return w
}

func (w *work) submit(t *testing.T, c *chain) {
	t.Helper()
	inputs, err := job.InputsDigest(w.salt, w.spec.Inputs)
	require.NoError(t, err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jobs[w.id] = jobstore.ChainJob{
		AccessKey: w.key, SpecDigest: job.SpecDigest(w.salt, w.bytes), InputsDigest: inputs, App: "app",
		AppDigest: job.Digest(sha256.Sum256(artifact)), MaxSeconds: 60, MemoryBytes: 1 << 20,
	}
}

func (w *work) blob(digest string) []byte {
	for _, data := range w.inputs {
		if sum(data) == digest {
			return data
		}
	}
	return artifact
}

func (w *work) offer(t *testing.T, s *jobstore.Store) []transfer.Want {
	t.Helper()
	wants, err := s.Offer(t.Context(), w.id, w.bytes, w.salt, w.recipient)
	require.NoError(t, err)
	return wants
}

func put(t *testing.T, s *jobstore.Store, id, digest string, data []byte, size, offset int64) error {
	t.Helper()
	w, err := s.Put(t.Context(), id, digest, size, offset)
	if err != nil {
		return err
	}
	defer w.Close()
	if _, err := w.Write(data); err != nil {
		return err
	}
	return w.Commit()
}

// upload brings a submitted job to ready.
func (w *work) upload(t *testing.T, s *jobstore.Store) {
	t.Helper()
	for _, want := range w.offer(t, s) {
		data := w.blob(want.SHA256)
		require.NoError(t, put(t, s, w.id, want.SHA256, data[want.Offset:], int64(len(data)), want.Offset))
	}
	require.Equal(t, transfer.PhaseReady, phase(t, s, w.id))
}

func phase(t *testing.T, s *jobstore.Store, id string) transfer.Phase {
	t.Helper()
	j, err := s.Job(id)
	require.NoError(t, err)
	return j.Phase
}

// execute stands for a runtime: it checks the inputs, writes outputs and log.
func (w *work) execute(t *testing.T, task runtime.Task, outputs map[string][]byte, log string) runtime.Result {
	t.Helper()
	require.Len(t, task.Inputs, len(w.inputs))
	for _, in := range task.Inputs {
		data, err := os.ReadFile(in.Host)
		require.NoError(t, err)
		require.True(t, bytes.Equal(w.inputs[in.Path], data), in.Path)
	}
	got, err := os.ReadFile(task.Artifact)
	require.NoError(t, err)
	require.Equal(t, artifact, got)
	require.NoDirExists(t, task.OutputDir)
	r := runtime.Result{Reason: runtime.ReasonExited, Message: "it ended", Wall: time.Second, CPU: time.Second, PeakMemory: 5}
	for path, data := range outputs {
		host := filepath.Join(task.OutputDir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(host), 0o755))
		require.NoError(t, os.WriteFile(host, data, 0o644))
		r.Outputs = append(r.Outputs, runtime.File{Path: path, Host: host, Size: int64(len(data)), SHA256: sum(data)})
	}
	_, err = io.WriteString(task.Log, log)
	require.NoError(t, err)
	return r
}

func code(err error) transfer.Code { return transfer.CodeOf(err) }
