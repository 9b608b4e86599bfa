package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// limits sends jobs over each limit. The run is stopped, its time is paid, the
// reason is said, and the worker goes on.
func limits(t *testing.T, s *stage, w *rig.Worker) {
	for _, tc := range []struct {
		name, verb, arg, reason string
		flags                   []string
	}{
		{"deadline", "spin", "0", "deadline", []string{"--max-time", "3s"}},
		// What a container may write to its output is in memory, too.
		{"memory", "alloc", "200", "memory", []string{"--memory", "64MiB", "--max-output", "8MiB"}},
		{"output bytes", "write", "8000000", "output", []string{"--max-output", "1MiB"}},
		{"inodes", "files", "100", "output", []string{"--max-output-files", "10"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := s.in(t)
			o := s.order(w, tc.verb, tc.arg, tc.flags...)
			o.Output = t.TempDir() + "/out"
			sum, said, err := s.customer.Run(s.ctx, o)
			require.Error(t, err)
			require.Equal(t, 3, said.Code, "%s", said.Err)
			require.Equal(t, tc.reason, sum.Reason, said.Err)
			require.True(t, sum.Verified)
			j, err := s.net.Job(s.ctx, sum.Job)
			require.NoError(t, err)
			require.Equal(t, rig.Completed, j.Status)
			require.LessOrEqual(t, int64(j.Paid.Amount), int64(j.MaxPrice.Amount))
			require.Positive(t, int64(j.Paid.Amount))
			s.check()
		})
	}
	t.Run("price below the quote", func(t *testing.T) {
		s := s.in(t)
		before, err := s.net.Open(s.ctx, s.customer.Address)
		require.NoError(t, err)
		_, said, err := s.customer.Run(s.ctx, s.order(w, "echo", "x", "--max-price", "0.0001emc"))
		require.Error(t, err)
		require.Equal(t, 1, said.Code)
		require.Contains(t, said.Err, "0.0001", "the words name the price: %s", said.Err)
		after, err := s.net.Open(s.ctx, s.customer.Address)
		require.NoError(t, err)
		require.Equal(t, before.Uemc, after.Uemc, "nothing was spent")
	})
	_, _, err := s.customer.Run(s.ctx, s.order(w, "echo", "still here"))
	require.NoError(t, err, "the worker goes on")
}
