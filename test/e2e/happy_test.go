package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// A customer's whole way: quote, submit, upload, log, download, verify, pay.
func TestHappyPath(t *testing.T) {
	t.Parallel()
	s := newStage(t, shared)
	w := s.worker()

	o := s.input(s.order(w, "echo", "good morning"), "words.txt", []byte("hello over there"))
	quote, err := s.net.Emcd(s.ctx, "job", "run", "--app", guestApp, "--worker", w.Address, "--input", o.Inputs[0], "--dry-run")
	require.NoError(t, err)
	require.Contains(t, quote.Err, w.Address)
	s.check()

	sum, said, err := s.customer.Run(s.ctx, o)
	require.NoError(t, err)
	require.True(t, sum.Verified)
	require.Equal(t, 0, *sum.ExitCode)
	require.Contains(t, said.Err, "good morning", "the log is shown")
	content, err := os.ReadFile(filepath.Join(sum.OutputDir, "words.txt"))
	require.NoError(t, err)
	require.Equal(t, "HELLO OVER THERE", string(content))
	s.check()

	j, err := s.net.Job(s.ctx, sum.Job)
	require.NoError(t, err)
	require.Equal(t, rig.Completed, j.Status)
	require.Positive(t, int64(j.Paid.Amount))
	require.Less(t, int64(j.Paid.Amount), int64(j.MaxPrice.Amount), "what was not used comes back")

	logs, err := s.net.Emcd(s.ctx, "job", "logs", sum.Job)
	require.NoError(t, err)
	require.Equal(t, "good morning\n", logs.Out, "the log stays readable")
	list, err := s.net.Emcd(s.ctx, "job", "list")
	require.NoError(t, err)
	require.Contains(t, list.Out, sum.Job[:8])
	s.settle()
}

// The program's own failure is the customer's: its outputs and receipt come all the same.
func TestProgramFails(t *testing.T) {
	t.Parallel()
	s := newStage(t, shared)
	w := s.worker()
	sum, said, err := s.customer.Run(s.ctx, s.order(w, "exit", "7"))
	require.Error(t, err)
	require.Equal(t, 3, said.Code, said.Err)
	require.Equal(t, 7, *sum.ExitCode)
	require.FileExists(t, filepath.Join(sum.OutputDir, "last-words"))
	s.settle()

	t.Run("limits", func(t *testing.T) { limits(t, s, w) })
	t.Run("escape", func(t *testing.T) { escape(t, s, w) })
	t.Run("liar", func(t *testing.T) { liar(t, s, w) })
	s.settle()
}
