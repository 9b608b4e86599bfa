package jobstore_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/worker/jobstore"
)

func TestOffersThatAreRefused(t *testing.T) {
	for name, row := range map[string]struct {
		spec  func(*job.Spec)
		chain func(*jobstore.ChainJob)
		cfg   func(*jobstore.Config)
		want  transfer.Code
	}{
		"other spec digest":   {chain: func(j *jobstore.ChainJob) { j.SpecDigest[0]++ }, want: transfer.CodeMismatch},
		"other inputs digest": {chain: func(j *jobstore.ChainJob) { j.InputsDigest[0]++ }, want: transfer.CodeMismatch},
		"other chain":         {spec: func(s *job.Spec) { s.ChainID = "other" }, want: transfer.CodeInvalid},
		"other app":           {spec: func(s *job.Spec) { s.App = "other" }, want: transfer.CodeInvalid},
		"other artifact":      {spec: func(s *job.Spec) { s.AppDigest = sum([]byte("x")) }, want: transfer.CodeInvalid},
		"more time than paid": {spec: func(s *job.Spec) { s.MaxSeconds = 61 }, want: transfer.CodeInvalid},
		"more memory":         {spec: func(s *job.Spec) { s.Limits.MemoryBytes++ }, want: transfer.CodeInvalid},
		"output in memory": {
			spec:  func(s *job.Spec) { s.Limits.MemoryBytes, s.Limits.OutputBytes = 1<<20, 1<<20 },
			chain: func(j *jobstore.ChainJob) { j.Runtime, j.MemoryBytes = "docker", 2<<20-1 }, want: transfer.CodeInvalid,
		},
		"way out not paid":   {spec: func(s *job.Spec) { s.Egress = true }, want: transfer.CodeInvalid},
		"worker's own check": {cfg: func(c *jobstore.Config) { c.CheckSpec = func(job.Spec) error { return errors.New("no") } }, want: transfer.CodeInvalid},
		"larger than a job may be": {
			spec: func(s *job.Spec) { s.Limits.OutputBytes = 3 << 20 },
			cfg:  func(c *jobstore.Config) { c.MaxJobBytes = 3 << 20 }, want: transfer.CodeTooLarge,
		},
		"store full": {cfg: func(c *jobstore.Config) {
			c.MaxBytes, c.MaxJobBytes = 1<<20, 1<<20
			c.MaxBytes = 2 << 20
			c.MaxJobBytes = 2 << 20
		}, want: transfer.CodeTooLarge},
		"disk full": {cfg: func(c *jobstore.Config) { c.MinFreeBytes = 1 << 60 }, want: transfer.CodeBusy},
	} {
		t.Run(name, func(t *testing.T) {
			c := newChain()
			cfg := config(t.TempDir(), c)
			if row.cfg != nil {
				row.cfg(&cfg)
			}
			s := open(t, cfg)
			w := newWork(t, 1, nil, row.spec)
			w.submit(t, c)
			if row.chain != nil {
				j := c.jobs[w.id]
				row.chain(&j)
				c.jobs[w.id] = j
			}
			_, err := s.Offer(t.Context(), w.id, w.bytes, w.salt, "")
			require.Equal(t, row.want, code(err), "%v", err)
			list, err := os.ReadDir(filepath.Join(cfg.Dir, "jobs"))
			require.NoError(t, err)
			require.Empty(t, list, "nothing is written")
			require.Zero(t, s.Usage().ReservedBytes)
		})
	}
}

// An app that the runtime pulls is neither wanted from the customer nor kept here.
func TestImageNeedsNoArtifact(t *testing.T) {
	c := newChain()
	s := open(t, config(t.TempDir(), c))
	w := newWork(t, 1, nil, func(s *job.Spec) { s.Egress = true })
	w.submit(t, c)
	j := c.jobs[w.id]
	j.AppImage, j.Egress = "ghcr.io/you/app", true
	c.jobs[w.id] = j
	require.Empty(t, w.offer(t, s))
	task, err := s.Begin(w.id)
	require.NoError(t, err)
	require.Empty(t, task.Artifact)
	require.Equal(t, "ghcr.io/you/app", task.Image)
	require.Equal(t, w.spec.AppDigest, task.ArtifactSHA256)
	require.True(t, task.Egress)
}

func TestReservations(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	cfg.MaxBytes, cfg.MaxJobBytes = 5<<20, 5<<20 // each takes 1 MiB of output, 1 MiB beside, and a little
	s := open(t, cfg)
	var works []*work
	for i := range 3 {
		w := newWork(t, byte(i+1), nil, nil)
		w.submit(t, c)
		works = append(works, w)
	}
	works[0].offer(t, s)
	works[1].offer(t, s)
	for _, again := range []*jobstore.Store{s, killed(t, cfg)} {
		_, err := again.Offer(t.Context(), works[2].id, works[2].bytes, works[2].salt, "")
		require.Equal(t, transfer.CodeBusy, code(err))
	}
	require.NoError(t, s.Discard(works[0].id, "gone"))
	works[2].offer(t, s)
}

func TestPut(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	a := []byte("0123456789")
	w := newWork(t, 1, map[string][]byte{"a": a}, nil)
	w.submit(t, c)
	w.offer(t, s)

	require.Equal(t, transfer.CodeTooLarge, code(put(t, s, w.id, sum(a), a, 11, 0)))
	require.Equal(t, transfer.CodeInvalid, code(put(t, s, w.id, sum(a), a, 9, 0)))
	require.Equal(t, transfer.CodeConflict, code(put(t, s, w.id, sum([]byte("x")), a, 1, 0)))
	require.Equal(t, transfer.CodeConflict, code(put(t, s, w.id, sum(a), a[5:], 10, 5)), "there is nothing yet")
	require.Equal(t, transfer.CodeTooLarge, code(put(t, s, w.id, sum(a), append(a, '!'), 10, 0)))
	require.Equal(t, transfer.CodeConflict, code(put(t, s, w.id, sum(a), a[:4], 10, 0)), "not whole")
	require.Equal(t, int64(4), offsetOf(w.offer(t, s), sum(a)))
	require.Equal(t, int64(4), offsetOf(w.offer(t, killed(t, cfg)), sum(a)))

	err := put(t, s, w.id, sum(a), []byte("xxxxxx"), 10, 4)
	require.Equal(t, transfer.CodeMismatch, code(err))
	require.ErrorContains(t, err, sum([]byte("0123xxxxxx")))
	require.Zero(t, offsetOf(w.offer(t, s), sum(a)), "the bytes are gone")

	// A later upload takes over from one whose connection died.
	first, err := s.Put(t.Context(), w.id, sum(a), 10, 0)
	require.NoError(t, err)
	_, err = first.Write(a[:6])
	require.NoError(t, err)
	second, err := s.Put(t.Context(), w.id, sum(a), 10, 6)
	require.NoError(t, err)
	_, err = first.Write([]byte("late"))
	require.Equal(t, transfer.CodeConflict, code(err))
	require.Error(t, first.Commit())
	_, err = second.Write(a[6:])
	require.NoError(t, err)
	require.NoError(t, second.Commit())
	require.NoError(t, first.Close())
	require.NoError(t, second.Close())

	require.Equal(t, transfer.CodeMismatch, code(put(t, s, w.id, sum(artifact), a, 10, 0)))
	require.Equal(t, transfer.CodeTooLarge, code(put(t, s, w.id, sum(artifact), nil, 2<<30, 0)))
	w.upload(t, s)
	require.Equal(t, transfer.CodeConflict, code(put(t, s, w.id, sum(a), a, 10, 0)))
	_, err = s.Offer(t.Context(), w.id, append(bytes.Clone(w.bytes), ' '), w.salt, "")
	require.Equal(t, transfer.CodeMismatch, code(err))
}

func offsetOf(wants []transfer.Want, digest string) int64 {
	for _, w := range wants {
		if w.SHA256 == digest {
			return w.Offset
		}
	}
	return -1
}

func TestInputThatIsTheArtifact(t *testing.T) {
	c := newChain()
	s := open(t, config(t.TempDir(), c))
	w := newWork(t, 1, map[string][]byte{"app": artifact, "other": []byte("x")}, nil)
	w.submit(t, c)
	for range 4 {
		for _, want := range w.offer(t, s) {
			data := w.blob(want.SHA256)
			require.NoError(t, put(t, s, w.id, want.SHA256, data, int64(len(data)), 0))
		}
	}
	require.Equal(t, transfer.PhaseReady, phase(t, s, w.id))
}

func TestStrangersAreBounded(t *testing.T) {
	c := newChain()
	s := open(t, config(t.TempDir(), c))
	w := newWork(t, 200, nil, nil)
	w.submit(t, c)
	busy := 0
	for i := range 1000 {
		err := s.Authorize(t.Context(), fmt.Sprintf("%032x", 1000+i), transfer.PubKey{})
		require.Error(t, err)
		if code(err) == transfer.CodeBusy {
			busy++
		}
	}
	require.Less(t, c.lookups, 200, "a flood of made-up ids must not reach the chain")
	require.Greater(t, busy, 800)
	c.pass(5 * time.Second)
	for range 50 {
		require.Equal(t, transfer.CodeForbidden, code(s.Authorize(t.Context(), w.id, transfer.PubKey{})))
	}
	require.NoError(t, s.Authorize(t.Context(), w.id, w.key))
	require.Less(t, c.lookups, 200, "answers are remembered")
}

func TestApps(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	cfg.MaxAppBytes, cfg.AppsBytes = 100, 250
	s := open(t, cfg)
	add := func(name string, size int) (job.Digest, error) {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, bytes.Repeat([]byte(name), size/len(name)), 0o600))
		d, _, err := s.AddApp(path)
		c.pass(time.Minute)
		return d, err
	}
	_, err := add("x", 101)
	require.Equal(t, transfer.CodeTooLarge, code(err))
	_, _, err = s.AddApp(t.TempDir())
	require.Error(t, err)
	a, err := add("a", 100)
	require.NoError(t, err)
	_, err = add("a", 100)
	require.NoError(t, err)
	require.Equal(t, int64(100), s.Usage().AppBytes, "the same artifact counts once")
	b, err := add("b", 100)
	require.NoError(t, err)
	_, ok := s.App(a) // used: b is the oldest now
	require.True(t, ok)
	c.pass(time.Minute)
	d, err := add("d", 100)
	require.NoError(t, err)
	_, ok = s.App(b)
	require.False(t, ok)
	_, ok = s.App(a)
	require.True(t, ok)
	s.PinApps(a, d)
	_, err = add("e", 100)
	require.Equal(t, transfer.CodeBusy, code(err), "nothing pinned is removed")
	s = open2(t, s, cfg)
	require.Equal(t, int64(200), s.Usage().AppBytes)

	// An app whose job has not ended is not removed either.
	w := newWork(t, 1, nil, nil)
	w.submit(t, c)
	w.upload(t, s)
	for _, name := range []string{"f", "g", "h"} { // with the last one, the job's is the least recently used
		_, err = add(name, 100)
		require.NoError(t, err)
	}
	_, ok = s.App(mustParse(t, sum(artifact)))
	require.True(t, ok)
}

func open2(t *testing.T, s *jobstore.Store, cfg jobstore.Config) *jobstore.Store {
	t.Helper()
	require.NoError(t, s.Close())
	return open(t, cfg)
}

func mustParse(t *testing.T, s string) job.Digest {
	t.Helper()
	d, err := job.ParseDigest(s)
	require.NoError(t, err)
	return d
}

const limitedEnv = "JOBSTORE_TEST_LIMITED"

// TestFullDisk runs a child in which no file can grow beyond 8 KiB, as on a full disk, then lifts that.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(limitedEnv); dir != "" {
		fullDiskChild(t, dir)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), limitedEnv+"="+t.TempDir())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "went on after the disk was full")
}

func fullDiskChild(t *testing.T, dir string) {
	signal.Ignore(unix.SIGXFSZ)
	c := newChain()
	cfg := config(dir, c)
	s := open(t, cfg)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<12)
	w := newWork(t, 1, map[string][]byte{"a": data}, func(s *job.Spec) { s.Limits.LogBytes = 1 << 20 })
	w.submit(t, c)
	w.offer(t, s)
	var old unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &old))
	limit := func(n uint64) {
		require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: old.Max}))
	}

	limit(8 << 10)
	err := put(t, s, w.id, sum(data), data, int64(len(data)), 0)
	require.ErrorIs(t, err, jobstore.ErrDiskFull)
	require.Equal(t, transfer.CodeBusy, code(err))
	require.ErrorContains(t, err, "free space and the worker goes on")
	require.Equal(t, int64(8<<10), offsetOf(w.offer(t, s), sum(data)), "what was written counts")
	limit(old.Cur)
	w.upload(t, s)
	task, err := s.Begin(w.id)
	require.NoError(t, err)

	limit(8 << 10)
	run := w.execute(t, task, nil, string(data)) // the log loses its end, the job goes on
	limit(100)                                   // not even a record fits
	_, err = s.Finish(w.id, run)
	require.ErrorIs(t, err, jobstore.ErrDiskFull)
	require.Equal(t, transfer.PhaseRunning, phase(t, s, w.id))
	limit(old.Cur)
	o, err := s.Finish(w.id, run)
	require.NoError(t, err)
	require.Equal(t, int64(8<<10), o.Result.LogSize)
	left, err := filepath.Glob(filepath.Join(dir, "jobs", w.id, ".tmp-*"))
	require.NoError(t, err)
	require.Empty(t, left)
	t.Log("went on after the disk was full")
}
