package e2e

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// A customer's whole way: quote, submit, upload, log, download, verify, pay.
func TestHappyPath(t *testing.T) { each(t, happyPath) }

func happyPath(t *testing.T, p program) {
	s := newStage(t, shared).running(p)
	w := s.worker()

	o := s.input(s.order(w, "echo", "good morning"), "words.txt", []byte("hello over there"))
	quote, err := s.net.Emcd(s.ctx, "job", "run", "--app", p.app, "--worker", w.Address, "--input", o.Inputs[0], "--dry-run")
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
	s.leftNothing(w, "hello over there", "HELLO OVER THERE", "good morning")
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

	s.isolation(w)
	if p == docker { // the same worker serves the other runtime, too
		_, _, err := s.customer.Run(s.ctx, s.running(wasm).order(w, "echo", "x"))
		require.NoError(t, err)
	}
	s.settle()
}

// noImage sends an artifact that is no image: the customer is told, and the
// worker goes on.
func noImage(t *testing.T, s *stage, w *rig.Worker) {
	path := filepath.Join(t.TempDir(), "image.tar")
	require.NoError(t, os.WriteFile(path, []byte("no image"), 0o644))
	owner, err := rig.NewCustomer(s.ctx, s.net, "owner")
	require.NoError(t, err)
	p := program{runtime: docker.runtime, app: "no-image", file: path}
	_, err = owner.RegisterFor(s.ctx, p.runtime, p.app, p.file)
	require.NoError(t, err)
	_, said, err := s.customer.Run(s.ctx, s.running(p).order(w, "echo", "x"))
	require.Error(t, err)
	require.Equal(t, 3, said.Code, said.Err)
	require.Contains(t, said.Err, "not one that this runtime can run")
	s.check()
}

// leftNothing waits until no file of the worker's has any of the words.
func (s *stage) leftNothing(w *rig.Worker, words ...string) {
	s.Helper()
	require.NoError(s, rig.Eventually(s.ctx, patience, "the worker's disk says nothing of the job", func() (bool, error) {
		found := ""
		err := filepath.WalkDir(w.Home, func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
				return nil
			}
			if err != nil {
				return err
			}
			content, err := os.ReadFile(path)
			for _, word := range words {
				if bytes.Contains(content, []byte(word)) {
					found = path
				}
			}
			if errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			return err
		})
		return found == "", err
	}))
}

// isolation: the tier is measured, and a customer can ask for it.
func (s *stage) isolation(w *rig.Worker) {
	s.Helper()
	n, err := s.net.Node(s.ctx, w.Address)
	require.NoError(s, err)
	require.Positive(s, int64(n.Offer.Isolation))
	for tier, fits := range map[int64]bool{int64(n.Offer.Isolation): true, int64(n.Offer.Isolation) + 1: false} {
		said, err := s.net.Emcd(s.ctx, "job", "run", "--app", s.program.app, "--worker", w.Address, "--dry-run", "--min-isolation", strconv.FormatInt(tier, 10))
		require.Equal(s, fits, err == nil, "tier %d: %s%s", tier, said.Out, said.Err)
	}
}

// The program's own failure is the customer's: its outputs and receipt come all the same.
func TestProgramFails(t *testing.T) { each(t, programFails) }

func programFails(t *testing.T, p program) {
	s := newStage(t, shared).running(p)
	w := s.worker()
	sum, said, err := s.customer.Run(s.ctx, s.order(w, "exit", "7"))
	require.Error(t, err)
	require.Equal(t, 3, said.Code, said.Err)
	require.Equal(t, 7, *sum.ExitCode)
	require.FileExists(t, filepath.Join(sum.OutputDir, "last-words"))
	s.settle()

	t.Run("limits", func(t *testing.T) { limits(t, s.in(t), w) })
	if p == docker {
		t.Run("no image", func(t *testing.T) { noImage(t, s.in(t), w) })
	}
	if p == wasm { // containers have TestHostileContainers
		t.Run("escape", func(t *testing.T) { escape(t, s.in(t), w) })
	}
	t.Run("liar", func(t *testing.T) { liar(t, s.in(t), w) })
	s.settle()
}
