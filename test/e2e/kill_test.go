package e2e

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// spinSeconds worth of rounds, roughly, on a slow core.
const spinRounds = "1500"

// The worker is killed by -9 at each step of a job and started again: the job
// ends paid or refunded, and never twice.
func TestWorkerKilled(t *testing.T) {
	t.Parallel()
	s := newStage(t, shared)
	w := s.worker()
	again := func() {
		s.Helper()
		s.check()
		require.NoError(s, w.Start(s.ctx))
	}
	// over waits for the end of a job and of the customer's command.
	over := func(t *testing.T, p *rig.Process, id string) rig.Job {
		t.Helper()
		if p != nil {
			_ = s.ended(p)
		}
		j, err := s.net.WaitClosed(s.ctx, id, 2*minute)
		require.NoError(t, err)
		s.check()
		if j.Status == rig.Completed {
			require.NotNil(t, j.Receipt)
			return j
		}
		require.Contains(t, []string{rig.Failed, rig.Expired}, j.Status, j.Reason)
		t.Logf("it was refunded: %s", j.Reason)
		return j
	}

	t.Run("scheduled", func(t *testing.T) {
		w.Kill()
		p, id := s.launched(s.order(w, "echo", "x"))
		again()
		over(t, p, id)
	})
	s.online(w)
	t.Run("inputs arriving", func(t *testing.T) {
		o := s.input(s.order(w, "echo", "x"), "big", bytes.Repeat([]byte("x"), 96<<20))
		p, id := s.launched(o)
		s.said(p, "Uploading 25")
		w.Kill()
		again()
		over(t, p, id)
	})
	s.online(w)
	t.Run("ready", func(t *testing.T) {
		p, id := s.launched(s.order(w, "spin", spinRounds))
		s.said(p, "Node "+w.Address+" has")
		w.Kill()
		again()
		over(t, p, id)
	})
	s.online(w)
	t.Run("running", func(t *testing.T) {
		p, id := s.launched(s.order(w, "spin", spinRounds))
		s.said(p, "spinning")
		w.Kill()
		again()
		j := over(t, p, id)
		require.Equal(t, rig.Completed, j.Status, j.Reason)
		require.NoError(t, p.Err(), "the customer's command went through it")
	})
	s.online(w)
	t.Run("finished, before the receipt", func(t *testing.T) {
		p, id := s.launched(s.order(w, "spin", "100"))
		s.logged(w, "run ended", id)
		w.Kill()
		again()
		j := over(t, p, id)
		require.Equal(t, rig.Completed, j.Status, j.Reason)
	})
	s.online(w)
	t.Run("after the receipt", func(t *testing.T) {
		sum, _, err := s.customer.Submit(s.ctx, s.order(w, "echo", "x"))
		require.NoError(t, err)
		_, err = s.net.WaitJob(s.ctx, sum.Job, minute, rig.Finished)
		require.NoError(t, err)
		w.Kill()
		again()
		got, _, err := s.customer.Attach(s.ctx, sum.Job)
		require.NoError(t, err)
		require.True(t, got.Verified)
		require.Equal(t, rig.Completed, over(t, nil, sum.Job).Status)
	})
	s.settle()
	require.NoError(t, w.Stop(), "after all that it still stops as it should")
}

// online waits until the chain would give the worker a job again.
func (s *stage) online(w *rig.Worker) {
	s.Helper()
	require.NoError(s, rig.Eventually(s.ctx, minute, "the node takes work", func() (bool, error) {
		n, err := s.net.Node(s.ctx, w.Address)
		return err == nil && n.Online && n.Unavailable == "", err
	}))
}

// logged waits until the worker's log has a line with all the words.
func (s *stage) logged(w *rig.Worker, words ...string) {
	s.Helper()
	require.NoError(s, rig.Eventually(s.ctx, minute, "the worker's log says "+strings.Join(words, ", "), func() (bool, error) {
		for line := range strings.Lines(w.Log()) {
			all := true
			for _, word := range words {
				all = all && strings.Contains(line, word)
			}
			if all {
				return true, nil
			}
		}
		return false, nil
	}))
}

// The chain is killed in the middle of a job and started again.
func TestChainKilled(t *testing.T) {
	t.Parallel()
	s := own(t)
	w := s.worker()
	p, id := s.launched(s.order(w, "spin", spinRounds))
	s.said(p, "spinning")
	s.check()
	s.net.Kill()
	select { // long enough for worker and customer to notice
	case <-time.After(3 * time.Second):
	case <-p.Done():
	}
	require.NoError(t, s.net.Start(s.ctx))
	s.check()
	_ = s.ended(p)
	j, err := s.net.WaitClosed(s.ctx, id, 2*minute)
	require.NoError(t, err)
	require.Equal(t, rig.Completed, j.Status, j.Reason)
	s.settle()
	n, err := s.net.Node(s.ctx, w.Address)
	require.NoError(t, err)
	require.EqualValues(t, 1, n.Reputation.Completed)
}
