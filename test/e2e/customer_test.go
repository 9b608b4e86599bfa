package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// reservationFee is what a slot held in vain costs, in uemc.
const reservationFee = 2_500

// The customer goes away; nothing waits for a human.
func TestCustomerGone(t *testing.T) { each(t, customerGone) }

func customerGone(t *testing.T, p program) {
	s := newStage(t, shared).running(p)
	w := s.worker("--slots", "2")

	t.Run("before the upload", func(t *testing.T) {
		s := s.in(t)
		h := submitByHand(t, s, w, []byte("never sent"))
		s.check()
		j, err := s.net.WaitClosed(s.ctx, h.id, patience)
		require.NoError(t, err)
		require.Equal(t, rig.Expired, j.Status, j.Reason)
		require.EqualValues(t, reservationFee, j.Paid.Amount)
		s.check()
	})
	t.Run("after the upload", func(t *testing.T) {
		s := s.in(t)
		sum, _, err := s.customer.Submit(s.ctx, s.order(w, "echo", "x"))
		require.NoError(t, err)
		j, err := s.net.WaitJob(s.ctx, sum.Job, patience, rig.Finished)
		require.NoError(t, err)
		require.EqualValues(t, acceptWindow, j.Deadline-j.FinishedAt)
		s.check()
		j, err = s.net.WaitClosed(s.ctx, sum.Job, patience)
		require.NoError(t, err)
		require.Equal(t, rig.Completed, j.Status, j.Reason)
		require.GreaterOrEqual(t, int64(j.ClosedAt-j.FinishedAt), int64(acceptWindow), "not before the window's end")
		s.check()
	})
	t.Run("killed, and back after the payment", func(t *testing.T) {
		s := s.in(t)
		o := s.input(s.order(w, "echo", "x"), "data.txt", []byte("abc"))
		p, id := s.launched(o)
		s.said(p, "Node "+w.Address+" has")
		p.Kill()
		s.check()
		j, err := s.net.WaitClosed(s.ctx, id, patience)
		require.NoError(t, err)
		require.Equal(t, rig.Completed, j.Status, j.Reason)
		sum, _, err := s.customer.Attach(s.ctx, id)
		require.NoError(t, err)
		content, err := os.ReadFile(filepath.Join(sum.OutputDir, "data.txt"))
		require.NoError(t, err)
		require.Equal(t, "ABC", string(content))
		s.check()
	})
	t.Run("cancels", func(t *testing.T) {
		s := s.in(t)
		sum, _, err := s.customer.Submit(s.ctx, s.order(w, "spin", "0"))
		require.NoError(t, err)
		_, err = s.net.WaitJob(s.ctx, sum.Job, patience, rig.Running)
		require.NoError(t, err)
		_, err = s.net.Emcd(s.ctx, "job", "cancel", sum.Job, "--from", s.customer.Key, "--keyring-backend", "test", "--yes")
		require.NoError(t, err)
		j, err := s.net.WaitClosed(s.ctx, sum.Job, patience)
		require.NoError(t, err)
		require.Equal(t, rig.Cancelled, j.Status)
		require.Positive(t, int64(j.Paid.Amount), "a started job costs at least the minimum fee")
		s.check()
	})
	s.settle()
}
