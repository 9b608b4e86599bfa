package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// spinSeconds worth of rounds, roughly, on a slow core.
const spinRounds = "1500"

// The worker is killed by -9 at each step of a job and started again: the job
// ends paid or refunded, and never twice.
func TestWorkerKilled(t *testing.T) { each(t, workerKilled) }

func workerKilled(t *testing.T, p program) {
	s := newStage(t, shared).running(p)
	untouched := s.strangers()
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
		j, err := s.net.WaitClosed(s.ctx, id, patience)
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
		s := s.in(t)
		w.Kill()
		p, id := s.launched(s.order(w, "echo", "x"))
		again()
		over(t, p, id)
	})
	s.online(w)
	t.Run("inputs arriving", func(t *testing.T) {
		s := s.in(t)
		o := s.input(s.order(w, "echo", "x"), "big", bytes.Repeat([]byte("x"), 96<<20))
		p, id := s.launched(o)
		s.said(p, "Uploading 25")
		w.Kill()
		again()
		over(t, p, id)
	})
	s.online(w)
	t.Run("ready", func(t *testing.T) {
		s := s.in(t)
		p, id := s.launched(s.order(w, "spin", spinRounds))
		s.said(p, "Node "+w.Address+" has")
		w.Kill()
		again()
		over(t, p, id)
	})
	s.online(w)
	t.Run("running", func(t *testing.T) {
		s := s.in(t)
		p, id := s.launched(s.order(w, "spin", spinRounds))
		s.said(p, "spinning")
		w.Kill()
		gone := s.abandoned(w)
		again()
		gone(t)
		j := over(t, p, id)
		require.Equal(t, rig.Completed, j.Status, j.Reason)
		require.NoError(t, p.Err(), "the customer's command went through it")
	})
	s.online(w)
	if p == docker {
		t.Run("swept by hand", func(t *testing.T) {
			s := s.in(t)
			p, id := s.launched(s.order(w, "spin", spinRounds))
			s.said(p, "spinning")
			w.Kill()
			said, err := w.Run(s.ctx, "sweep", "--dry-run", "--grace", "0s")
			require.NoError(t, err)
			require.Contains(t, said.Out, "would be removed")
			gone := s.abandoned(w)
			_, err = w.Run(s.ctx, "sweep", "--grace", "0s")
			require.NoError(t, err)
			gone(t)
			again()
			j := over(t, p, id)
			require.Equal(t, rig.Completed, j.Status, j.Reason)
		})
		s.online(w)
	}
	t.Run("finished, before the receipt", func(t *testing.T) {
		s := s.in(t)
		p, id := s.launched(s.order(w, "spin", "100"))
		s.logged(w, "run ended", id)
		w.Kill()
		again()
		j := over(t, p, id)
		require.Equal(t, rig.Completed, j.Status, j.Reason)
	})
	s.online(w)
	t.Run("after the receipt", func(t *testing.T) {
		s := s.in(t)
		sum, _, err := s.customer.Submit(s.ctx, s.order(w, "echo", "x"))
		require.NoError(t, err)
		_, err = s.net.WaitJob(s.ctx, sum.Job, patience, rig.Finished)
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
	s.tidyUp()
	untouched(t)
}

// strangers starts containers that are not the worker's in its Engine. What it
// returns checks that nothing was done to them.
func (s *stage) strangers() (untouched func(*testing.T)) {
	s.Helper()
	if s.program != docker {
		return func(*testing.T) {}
	}
	image, err := s.engine.Load(s.ctx, docker.file)
	require.NoError(s, err)
	var ids []string
	// Another worker's, with all that a worker's container has.
	another := map[string]string{rig.OwnerLabel: s.customer.Address}
	for _, name := range []string{"task", "run", "role", "created"} {
		another[rig.LabelPrefix+name] = "1"
	}
	for _, labels := range []map[string]string{{}, {"app": "mine"}, another} {
		id, err := s.engine.Launch(s.ctx, image, labels, "sleep", "0")
		require.NoError(s, err)
		s.Cleanup(func() { require.NoError(s, s.engine.Remove(context.WithoutCancel(s.ctx), id)) })
		ids = append(ids, id)
	}
	return func(t *testing.T) {
		t.Helper()
		for _, id := range ids {
			state, err := s.engine.State(s.ctx, id)
			require.NoError(t, err)
			require.Equal(t, "running", state, "a container that is not the worker's")
		}
	}
}

// abandoned notes the containers that a killed worker left running. What it
// returns waits until each of them is gone: the job is run again, not twice.
func (s *stage) abandoned(w *rig.Worker) (gone func(*testing.T)) {
	s.Helper()
	if s.program != docker {
		return func(*testing.T) {}
	}
	left, err := s.engine.Containers(s.ctx, rig.OwnerLabel+"="+w.Address)
	require.NoError(s, err)
	require.NotEmpty(s, left, "a container outlives its worker")
	return func(t *testing.T) {
		t.Helper()
		for _, c := range left {
			require.NoError(t, rig.Eventually(s.ctx, patience, "container "+c.ID+" is removed", func() (bool, error) {
				state, err := s.engine.State(s.ctx, c.ID)
				return errors.Is(err, rig.ErrNotFound), errors.Join(fmt.Errorf("it is %s", state), err)
			}))
		}
	}
}

// online waits until the chain would give the worker a job again.
func (s *stage) online(w *rig.Worker) {
	s.Helper()
	require.NoError(s, rig.Eventually(s.ctx, patience, "the node takes work", func() (bool, error) {
		n, err := s.net.Node(s.ctx, w.Address)
		return err == nil && n.Online && n.Unavailable == "", err
	}))
}

// logged waits until the worker's log has a line with all the words.
func (s *stage) logged(w *rig.Worker, words ...string) {
	s.Helper()
	require.NoError(s, rig.Eventually(s.ctx, patience, "the worker's log says "+strings.Join(words, ", "), func() (bool, error) {
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
	stages := []*stage{own(t)}
	net := stages[0].net
	if noEngine == nil {
		stages = append(stages, newStage(t, stages[0].site).running(docker))
	}
	workers, customers, ids := []*rig.Worker{}, []*rig.Process{}, []string{}
	for _, s := range stages {
		w := s.worker()
		p, id := s.launched(s.order(w, "spin", "3000"))
		workers, customers, ids = append(workers, w), append(customers, p), append(ids, id)
	}
	for i, s := range stages {
		s.said(customers[i], "spinning")
	}
	stages[0].check()
	// A kill takes the last block's entries from CometBFT's index of transactions,
	// in which the books below are read: whatever was paid for stands deeper.
	height, err := net.Height(t.Context())
	require.NoError(t, err)
	require.NoError(t, rig.Eventually(t.Context(), patience, "two more blocks", func() (bool, error) {
		now, err := net.Height(t.Context())
		return now >= height+2, err
	}))
	net.Kill()
	for i, s := range stages {
		s.logged(workers[i], "the chain's node does not answer")
	}
	require.NoError(t, net.Start(t.Context()))
	stages[0].check()
	for i, s := range stages {
		_ = s.ended(customers[i])
		j, err := net.WaitClosed(s.ctx, ids[i], patience)
		require.NoError(t, err)
		require.Equal(t, rig.Completed, j.Status, j.Reason)
		s.settle()
		n, err := net.Node(s.ctx, workers[i].Address)
		require.NoError(t, err)
		require.EqualValues(t, 1, n.Reputation.Completed)
	}
	if noEngine != nil {
		t.Run("docker", needsEngine)
	}
}
