package jobstore_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/worker/jobstore"
	"github.com/edgematrix/emc/worker/runtime"
)

func TestNothingReadableIsLeft(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	w := sealedWork(t, 1)
	w.finish(t, c, s)
	require.NotEmpty(t, found(t, cfg.Dir), "the search finds what is there")
	before, err := s.Outcome(w.id)
	require.NoError(t, err)
	w.readable(t, s)
	require.NoError(t, s.Seal(t.Context()))
	require.Empty(t, found(t, cfg.Dir))
	for _, gone := range []string{"in", "parts", "out", "log", "spec.json"} {
		_, err := os.Lstat(filepath.Join(cfg.Dir, "jobs", w.id, gone))
		require.ErrorIs(t, err, fs.ErrNotExist, gone)
	}
	for _, again := range []*jobstore.Store{s, killed(t, cfg)} {
		w.readable(t, again)
		after, err := again.Outcome(w.id)
		require.NoError(t, err)
		require.Equal(t, before, after, "what the receipt says is of the plaintext")
		require.Empty(t, w.offer(t, again), "an offer that comes again is answered")
		b, err := again.Get(t.Context(), w.id, sum(secretOutput), 0)
		require.NoError(t, err)
		require.True(t, b.Sealed)
		stranger, err := age.GenerateX25519Identity()
		require.NoError(t, err)
		_, err = age.Decrypt(b, stranger)
		require.ErrorAs(t, err, new(*age.NoIdentityMatchError))
		require.NoError(t, b.Close())
		_, err = again.Get(t.Context(), w.id, sum(secretOutput), b.Size+1)
		require.Equal(t, transfer.CodeInvalid, code(err))
	}
	onDisk := int64(0)
	require.NoError(t, filepath.WalkDir(filepath.Join(cfg.Dir, "jobs"), func(path string, d fs.DirEntry, err error) error {
		info, infoErr := d.Info()
		if d.Type().IsRegular() {
			onDisk += info.Size()
		}
		return errors.Join(err, infoErr)
	}))
	require.GreaterOrEqual(t, s.Usage().ReservedBytes, onDisk)
}

// The disk is copied after every step, as kill -9 would leave it: everything can be read then, and sealing goes on.
func TestKillsWhileSealing(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	w := sealedWork(t, 1)
	w.finish(t, c, s)
	steps := map[string]int{}
	s.OnStep(func(name string) {
		steps[name]++
		again := killed(t, cfg)
		w.readable(t, again)
		require.NoError(t, again.Seal(t.Context()))
		w.readable(t, again)
		require.Empty(t, found(t, filepath.Join(dirOf(t, again, w.id))), name)
		left, err := filepath.Glob(filepath.Join(dirOf(t, again, w.id), "*", ".tmp-*"))
		require.NoError(t, err)
		require.Empty(t, left)
	})
	require.NoError(t, s.Seal(t.Context()))
	require.Equal(t, map[string]int{"age file aside": 4, "age file": 4, "output plaintext": 3, "log size": 1, "all files": 1, "record": 1}, steps)
	require.Empty(t, found(t, cfg.Dir))
	s.OnStep(func(name string) { t.Fatal("nothing is left to do:", name) })
	require.NoError(t, s.Seal(t.Context()))
}

func TestSealingKeepsUp(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- s.KeepSealing(ctx) }()
	for n := range byte(3) {
		w := sealedWork(t, n+1)
		w.finish(t, c, s)
		require.Eventually(t, func() bool { return len(found(t, cfg.Dir)) == 0 }, time.Minute, time.Millisecond)
		w.readable(t, s)
	}
	w := sealedWork(t, 9)
	w.submit(t, c)
	w.upload(t, s)
	task, err := s.Begin(w.id)
	require.NoError(t, err)
	w.execute(t, task, outputs(), secretLine)
	require.NoError(t, s.Discard(w.id, "it was cancelled"))
	require.Eventually(t, func() bool { return len(found(t, cfg.Dir)) == 0 }, time.Minute, time.Millisecond)
	w.readableLog(t, s)
	cancel()
	require.NoError(t, <-done)
}

// A customer who follows the log when it is encrypted reads it to its end.
func TestFollowerOfALogThatIsSealed(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	w := sealedWork(t, 1)
	w.finish(t, c, s)
	r, err := s.Log(t.Context(), w.id, 0, true)
	require.NoError(t, err)
	defer r.Close()
	head := make([]byte, 3)
	_, err = io.ReadFull(r, head)
	require.NoError(t, err)
	require.NoError(t, s.Seal(t.Context()))
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, secretLine, string(head)+string(rest))
	require.True(t, r.Complete())
}

// Without a recipient, everything stays as it was before there was one.
func TestOlderClient(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	w := sealedWork(t, 1)
	w.recipient = ""
	w.finish(t, c, s)
	require.NoError(t, s.Seal(t.Context()))
	require.NoDirExists(t, filepath.Join(cfg.Dir, "jobs", w.id, "in"), "the inputs go in any case")
	for _, line := range found(t, cfg.Dir) {
		require.False(t, strings.HasPrefix(line, "input"), line)
	}
	b, err := s.Get(t.Context(), w.id, sum(secretOutput), 0)
	require.NoError(t, err)
	require.False(t, b.Sealed)
	require.Equal(t, secretOutput, w.plainOf(t, b))
	require.Equal(t, secretLine, readLog(t, s, w.id, 0))
	_, err = s.SealedLog(t.Context(), w.id, 0)
	require.Equal(t, transfer.CodeNotReady, code(err))
}

// The last offer before the job is ready counts: a client that lost its key must not be answered in a way that it cannot read.
func TestRecipientOfTheLastOffer(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	w := sealedWork(t, 1)
	mine := w.recipient
	w.submit(t, c)
	w.recipient = ""
	w.offer(t, s)
	w.recipient = mine
	w.upload(t, killed(t, cfg))
	w.upload(t, s)
	w.recipient = "" // too late: the job goes on
	w.offer(t, s)
	task, err := s.Begin(w.id)
	require.NoError(t, err)
	_, err = s.Finish(w.id, w.execute(t, task, outputs(), secretLine))
	require.NoError(t, err)
	require.NoError(t, s.Seal(t.Context()))
	require.Empty(t, found(t, cfg.Dir))
	w.readable(t, s)
}

func TestRetentionOfWhatIsSealed(t *testing.T) {
	for name, sealed := range map[string]bool{"sealed before": true, "wiped before": false} {
		t.Run(name, func(t *testing.T) {
			c := newChain()
			cfg := config(t.TempDir(), c)
			cfg.RetainOutputs, cfg.RetainLogs = time.Hour, 2*time.Hour
			s := open(t, cfg)
			w := sealedWork(t, 1)
			w.finish(t, c, s)
			if sealed {
				require.NoError(t, s.Seal(t.Context()))
			}
			c.pass(time.Hour)
			sweep(t, s, jobstore.Swept{Wiped: 1})
			require.NoError(t, s.Seal(t.Context()))
			for _, again := range []*jobstore.Store{s, killed(t, cfg)} {
				_, err := again.Get(t.Context(), w.id, sum(secretOutput), 0)
				require.Equal(t, transfer.CodeGone, code(err))
				w.readableLog(t, again)
				require.Empty(t, found(t, dirOf(t, again, w.id)))
				require.NoDirExists(t, filepath.Join(dirOf(t, again, w.id), "sealed"))
			}
			c.pass(time.Hour)
			sweep(t, s, jobstore.Swept{Removed: 1})
			require.Zero(t, s.Usage().ReservedBytes)
		})
	}
}

// A job that is wiped or removed while a file of it is being encrypted stays so.
func TestSweptWhileSealing(t *testing.T) {
	for _, whole := range []bool{false, true} {
		c := newChain()
		cfg := config(t.TempDir(), c)
		cfg.RetainOutputs, cfg.RetainLogs = time.Hour, 2*time.Hour
		if whole {
			cfg.RetainLogs = time.Hour
		}
		s := open(t, cfg)
		w := sealedWork(t, 1)
		w.finish(t, c, s)
		first := true
		s.OnStep(func(name string) {
			if name == "age file aside" && first {
				first = false
				c.pass(time.Hour)
				_, err := s.Sweep()
				require.NoError(t, err)
			}
		})
		require.NoError(t, s.Seal(t.Context()))
		require.False(t, first)
		require.NoError(t, s.Seal(t.Context()))
		require.Empty(t, found(t, cfg.Dir))
		if !whole {
			w.readableLog(t, s)
			require.NoDirExists(t, filepath.Join(cfg.Dir, "jobs", w.id, "sealed"))
		} else {
			require.NoDirExists(t, filepath.Join(cfg.Dir, "jobs", w.id))
		}
	}
}

// What is in the way of sealing costs nobody an output.
func TestSealingThatFails(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	w, lost := sealedWork(t, 1), sealedWork(t, 2)
	w.finish(t, c, s)
	lost.finish(t, c, s)
	require.NoError(t, os.Remove(filepath.Join(cfg.Dir, "jobs", lost.id, "out", "large")))
	blocked := filepath.Join(cfg.Dir, "jobs", w.id, "sealed")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	require.Error(t, s.Seal(t.Context()))
	w.readable(t, s)
	require.NotEmpty(t, found(t, filepath.Join(cfg.Dir, "jobs", w.id)))
	require.Empty(t, found(t, filepath.Join(cfg.Dir, "jobs", lost.id)), "one job does not keep others waiting, nor one output")
	require.NoError(t, os.Remove(blocked))
	require.NoError(t, s.Seal(t.Context()))
	require.Empty(t, found(t, cfg.Dir))
	w.readable(t, s)

	stopped, cancel := context.WithCancel(t.Context())
	next := sealedWork(t, 3)
	next.finish(t, c, s)
	cancel()
	require.ErrorIs(t, s.Seal(stopped), context.Canceled)
	next.readable(t, s)
}

func TestFinishAgainAfterSealing(t *testing.T) {
	c := newChain()
	s := open(t, config(t.TempDir(), c))
	w := sealedWork(t, 1)
	w.finish(t, c, s)
	first, err := s.Outcome(w.id)
	require.NoError(t, err)
	require.NoError(t, s.Seal(t.Context()))
	again, err := s.Finish(w.id, runtime.Result{Reason: runtime.ReasonInternal})
	require.NoError(t, err)
	require.Equal(t, first, again)
	require.NoError(t, s.Accepted(w.id))
}

func dirOf(t *testing.T, s *jobstore.Store, id string) string {
	t.Helper()
	return filepath.Join(s.Dir(), "jobs", id)
}
