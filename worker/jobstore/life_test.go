package jobstore_test

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/worker/jobstore"
	"github.com/edgematrix/emc/worker/runtime"
)

// TestLifeOfAJob goes through all phases, and at each step a copy of the directory is opened as after kill -9.
func TestLifeOfAJob(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	w := newWork(t, 1, map[string][]byte{"a": []byte("aaa"), "dir/b": []byte("bb"), "dir/a2": []byte("aaa"), "empty": {}}, nil)
	w.submit(t, c)
	require.NoError(t, s.Authorize(t.Context(), w.id, w.key))
	st, err := s.Status(t.Context(), w.id)
	require.NoError(t, err)
	require.Equal(t, transfer.PhaseNew, st.Phase)
	require.Empty(t, s.Jobs(), "nothing is kept before the offer")

	require.Len(t, w.offer(t, s), 4, "three distinct inputs and the artifact")
	require.NoError(t, put(t, s, w.id, sum([]byte("aaa")), []byte("aaa"), 3, 0))
	require.Len(t, w.offer(t, killed(t, cfg)), 3)
	w.upload(t, killed(t, cfg))
	w.upload(t, s)
	<-s.Changed()

	for _, again := range []*jobstore.Store{killed(t, cfg), s} {
		task, err := again.Begin(w.id)
		require.NoError(t, err)
		require.Equal(t, runtime.Limits{Duration: time.Minute, MemoryBytes: 1 << 20, OutputBytes: 1 << 20, OutputFiles: 10, LogBytes: 100}, task.Limits)
		w.execute(t, task, map[string][]byte{"half": []byte("h")}, "half a run\n")
	}
	// The run was cut short: the next one begins with an empty log and no outputs.
	next := killed(t, cfg)
	require.Equal(t, transfer.PhaseRunning, phase(t, next, w.id))
	for _, again := range []*jobstore.Store{next, s} {
		task, err := again.Begin(w.id)
		require.NoError(t, err)
		run := w.execute(t, task, map[string][]byte{"out": []byte("result"), "sub/dir/x": []byte("x")}, "line 1\nline 2\n")
		done, err := again.Finish(w.id, run)
		require.NoError(t, err)
		require.Equal(t, int64(14), done.Result.LogSize)
		require.Equal(t, sum([]byte("line 1\nline 2\n")), done.Result.LogSHA256)
		require.Len(t, done.Result.Outputs, 2)
	}
	first, err := s.Outcome(w.id)
	require.NoError(t, err)
	for _, again := range []*jobstore.Store{s, killed(t, cfg)} {
		second, err := again.Finish(w.id, runtime.Result{Reason: runtime.ReasonInternal})
		require.NoError(t, err)
		require.Equal(t, first, second, "a job never has two results")
		data, salt, err := again.Result(t.Context(), w.id)
		require.NoError(t, err)
		r, err := job.VerifyResult(data, salt, first.ReceiptDigest())
		require.NoError(t, err)
		require.Equal(t, "it ended", r.Message)
		require.Equal(t, "esult", get(t, again, w.id, sum([]byte("result")), 1))
		require.Equal(t, "line 2\n", readLog(t, again, w.id, 7))
		require.NoError(t, again.Authorize(t.Context(), w.id, w.key))
	}
	require.NoDirExists(t, filepath.Join(cfg.Dir, "jobs", w.id, "in"), "inputs are wiped with the end of the job")
	require.Less(t, s.Usage().ReservedBytes, int64(100_000))

	// Gone from the chain, it stays readable for its owner alone.
	c.mu.Lock()
	clear(c.jobs)
	c.mu.Unlock()
	c.pass(time.Hour)
	after := killed(t, cfg)
	require.NoError(t, after.Authorize(t.Context(), w.id, w.key))
	require.Equal(t, transfer.CodeForbidden, code(after.Authorize(t.Context(), w.id, transfer.PubKey{2})))
	require.Equal(t, "line 2\n", readLog(t, after, w.id, 7))
}

func TestRetention(t *testing.T) {
	for name, accept := range map[string]bool{"accepted": true, "never accepted": false} {
		t.Run(name, func(t *testing.T) {
			c := newChain()
			cfg := config(t.TempDir(), c)
			cfg.RetainAccepted, cfg.RetainOutputs, cfg.RetainLogs = time.Hour, 10*time.Hour, 100*time.Hour
			s := open(t, cfg)
			w := newWork(t, 1, nil, nil)
			w.submit(t, c)
			w.upload(t, s)
			task, err := s.Begin(w.id)
			require.NoError(t, err)
			_, err = s.Finish(w.id, w.execute(t, task, map[string][]byte{"out": []byte("result")}, "log"))
			require.NoError(t, err)
			wait := 10 * time.Hour
			if accept {
				require.NoError(t, s.Accepted(w.id))
				wait = time.Hour
			}
			c.pass(wait - time.Second)
			sweep(t, s, jobstore.Swept{})
			require.Equal(t, "result", get(t, s, w.id, sum([]byte("result")), 0))
			c.pass(time.Second)
			sweep(t, killed(t, cfg), jobstore.Swept{Wiped: 1})
			sweep(t, s, jobstore.Swept{Wiped: 1})
			require.NoDirExists(t, filepath.Join(cfg.Dir, "jobs", w.id, "out"))
			for _, again := range []*jobstore.Store{s, killed(t, cfg)} {
				_, err = again.Get(t.Context(), w.id, sum([]byte("result")), 0)
				require.Equal(t, transfer.CodeGone, code(err))
				_, _, err = again.Result(t.Context(), w.id)
				require.NoError(t, err)
				require.Equal(t, "log", readLog(t, again, w.id, 0))
			}
			c.pass(100 * time.Hour)
			sweep(t, s, jobstore.Swept{Removed: 1})
			require.NoDirExists(t, filepath.Join(cfg.Dir, "jobs", w.id))
			require.Zero(t, s.Usage().ReservedBytes)
			require.Empty(t, s.Jobs())
		})
	}
}

func TestDiscard(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	w := newWork(t, 1, map[string][]byte{"a": []byte("secret")}, nil)
	w.submit(t, c)
	w.offer(t, s)
	writer, err := s.Put(t.Context(), w.id, sum([]byte("secret")), 6, 0)
	require.NoError(t, err)
	require.NoError(t, s.Discard(w.id, "the customer cancelled it"))
	_, err = writer.Write([]byte("secret"))
	require.Error(t, err)
	require.NoError(t, writer.Close())
	for _, again := range []*jobstore.Store{s, killed(t, cfg)} {
		_, err = again.Offer(t.Context(), w.id, w.bytes, w.salt, "")
		require.Equal(t, transfer.CodeGone, code(err))
		require.ErrorContains(t, err, "the customer cancelled it")
		_, _, err = again.Result(t.Context(), w.id)
		require.Equal(t, transfer.CodeGone, code(err))
		_, err = again.Begin(w.id)
		require.ErrorIs(t, err, jobstore.ErrPhase)
	}
	require.NoDirExists(t, filepath.Join(cfg.Dir, "jobs", w.id, "parts"))
	require.Zero(t, s.Usage().LiveJobs)
}

func TestOutputsWithHarmfulNamesAreLeftOut(t *testing.T) {
	c := newChain()
	s := open(t, config(t.TempDir(), c))
	w := newWork(t, 1, nil, nil)
	w.submit(t, c)
	w.upload(t, s)
	task, err := s.Begin(w.id)
	require.NoError(t, err)
	run := w.execute(t, task, map[string][]byte{"ok": []byte("1"), "e\x1b[31mvil": []byte("2")}, "")
	run.Message = "bad \xff words\x00"
	o, err := s.Finish(w.id, run)
	require.NoError(t, err)
	require.Len(t, o.Result.Outputs, 1)
	require.Contains(t, o.Result.Message, "1 outputs were left out")
}

// TestOutputLinks puts a link in place of an output after the run: it must not be followed out of the job.
func TestOutputLinks(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	w := newWork(t, 1, nil, nil)
	w.submit(t, c)
	w.upload(t, s)
	task, err := s.Begin(w.id)
	require.NoError(t, err)
	_, err = s.Finish(w.id, w.execute(t, task, map[string][]byte{"out": []byte("result")}, ""))
	require.NoError(t, err)
	secret := filepath.Join(cfg.Dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("worker"), 0o600))
	out := filepath.Join(task.OutputDir, "out")
	require.NoError(t, os.Remove(out))
	require.NoError(t, os.Symlink(secret, out))
	_, err = s.Get(t.Context(), w.id, sum([]byte("result")), 0)
	require.Error(t, err)
	require.Empty(t, code(err), "the customer is not told about paths")
}

func TestDamagedRecordIsSetAside(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	for i := range 3 {
		w := newWork(t, byte(i+1), nil, nil)
		w.submit(t, c)
		w.offer(t, s)
	}
	require.NoError(t, s.Close())
	jobs := filepath.Join(cfg.Dir, "jobs")
	require.NoError(t, os.WriteFile(filepath.Join(jobs, "00000000000000000000000000000001", "job.json"), []byte("{"), 0o600))
	require.NoError(t, os.Remove(filepath.Join(jobs, "00000000000000000000000000000002", "job.json")))
	require.NoError(t, os.Mkdir(filepath.Join(jobs, ".trash-x"), 0o700))
	s = open(t, cfg)
	require.Len(t, s.Jobs(), 1)
	kept, err := filepath.Glob(filepath.Join(cfg.Dir, "damaged", "*", "spec.json"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	require.NoDirExists(t, filepath.Join(jobs, ".trash-x"))
	_, err = jobstore.Open(cfg)
	require.ErrorContains(t, err, "another process")
}

func TestDamagedArtifactIsAskedForAgain(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	w := newWork(t, 1, nil, nil)
	w.submit(t, c)
	w.upload(t, s)
	require.NoError(t, s.Close())
	path, ok := s.App(job.Digest(sha256.Sum256(artifact)))
	require.True(t, ok)
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.WriteFile(path, bytes.ToUpper(artifact), 0o600))
	s = open(t, cfg)
	_, err := s.Begin(w.id)
	require.ErrorContains(t, err, "damaged")
	w.upload(t, s)
	_, err = s.Begin(w.id)
	require.NoError(t, err)
}

func sweep(t *testing.T, s *jobstore.Store, want jobstore.Swept) {
	t.Helper()
	got, err := s.Sweep()
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func get(t *testing.T, s *jobstore.Store, id, digest string, offset int64) string {
	t.Helper()
	r, err := s.Get(t.Context(), id, digest, offset)
	require.NoError(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return string(data)
}

func readLog(t *testing.T, s *jobstore.Store, id string, offset int64) string {
	t.Helper()
	r, err := s.Log(t.Context(), id, offset, false)
	require.NoError(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	require.True(t, r.Complete())
	return string(data)
}
