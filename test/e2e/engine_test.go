package e2e

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// The Engine itself dies, hangs or is not there, in the middle of jobs: each
// job ends paid or refunded, never twice, and nothing is left in the Engine.
func TestEngineKilled(t *testing.T) {
	needsEngine(t)
	t.Parallel()
	d, err := rig.StartDockerd(t.Context(), "")
	if errors.Is(err, rig.ErrNoDockerd) {
		missing(t, err)
	}
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the Engine said:\n%s", rig.Tail(d.Output(), 30))
		}
		require.NoError(t, d.Close())
	})
	s := newStage(t, shared).running(docker)
	s.engine = d.Engine
	w := s.home("worker")
	w.Env = []string{rig.EnvEngine + "=" + d.Host}
	s.up(w)

	// completed waits for the customer's command and for the job's good end.
	completed := func(t *testing.T, p *rig.Process, id string) {
		t.Helper()
		require.NoError(t, s.ended(p), "the customer's command went through it")
		j, err := s.net.WaitClosed(s.ctx, id, patience)
		require.NoError(t, err)
		require.Equal(t, rig.Completed, j.Status, j.Reason)
		require.Equal(t, "EXIT_REASON_EXITED", j.Receipt.Reason)
		require.Zero(t, j.Receipt.ExitCode)
		s.check()
	}

	t.Run("in the middle of a job", func(t *testing.T) {
		s := s.in(t)
		p, id := s.launched(s.order(w, "spin", "2000"))
		s.said(p, "spinning")
		d.Kill()
		s.check()
		require.NoError(t, d.Start(s.ctx))
		completed(t, p, id)
	})
	t.Run("and the worker with it", func(t *testing.T) {
		s := s.in(t)
		p, id := s.launched(s.order(w, "spin", "2000"))
		s.said(p, "spinning")
		gone := s.abandoned(w)
		w.Kill()
		d.Kill()
		s.check()
		require.NoError(t, d.Start(s.ctx))
		require.NoError(t, w.Start(s.ctx))
		gone(t)
		completed(t, p, id)
	})
	s.online(w)
	t.Run("it hangs", func(t *testing.T) {
		s := s.in(t)
		p, id := s.launched(s.order(w, "spin", "1000"))
		s.said(p, "spinning")
		d.Pause()
		<-time.After(5 * time.Second) // how long it hangs, not what is waited for
		d.Resume()
		completed(t, p, id)
	})
	t.Run("down when a job comes", func(t *testing.T) {
		s := s.in(t)
		d.Kill()
		p, id := s.launched(s.order(w, "spin", "100"))
		_, err := s.net.WaitJob(s.ctx, id, patience, rig.Running)
		require.NoError(t, err)
		require.NoError(t, d.Start(s.ctx))
		completed(t, p, id)
	})
	t.Run("down for good", func(t *testing.T) {
		s := s.in(t)
		d.Kill()
		sum, said, err := s.customer.Run(s.ctx, s.order(w, "echo", "x", "--max-time", "8s"))
		require.Error(t, err)
		require.Equal(t, 4, said.Code, said.Err)
		j, err := s.net.Job(s.ctx, sum.Job)
		require.NoError(t, err)
		require.Equal(t, rig.Failed, j.Status, j.Reason)
		require.Zero(t, j.Paid.Amount, "the worker's Engine is the worker's business")
		t.Logf("the customer reads: %s", rig.Tail(said.Err, 3))
		s.check()
		require.NoError(t, d.Start(s.ctx))
	})
	s.online(w)
	_, _, err = s.customer.Run(s.ctx, s.order(w, "echo", "still here"))
	require.NoError(t, err, "the worker goes on")
	s.settle()
	require.NoError(t, w.Stop())
	s.tidyUp()
}
