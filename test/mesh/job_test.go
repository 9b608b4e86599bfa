package mesh

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
	"github.com/edgematrix/emc/testutil/netlab"
)

// A customer at home gives a job to the worker at home: no one of them is reached from outside, and a hole cannot be punched
// between two such NATs. Inputs, log and outputs go through a router, which carries all of it.
func jobAtHome(s *site) {
	flat := s.nat("flat", netlab.EndpointDependent)
	require.NoError(s, flat.Link().Delay(10*time.Millisecond, 0))
	input := bytes.Repeat([]byte("a line of some input\n"), 50_000)
	before := s.carried()
	s.echo(flat, s.worker, input)
	carried := s.carried() - before
	s.Logf("of %d bytes of input and output, routers carried %.0f", 2*len(input), carried)
	require.Greater(s, carried, float64(2*len(input)))
}

// NATs as most homes have them let a hole be punched: a router brings the two ends together, and carries little of what they
// have to say to each other. The worker's line is narrow, so that most of it is still to come by then.
func punched(s *site) {
	customer := s.nat("punches", netlab.EndpointIndependent)
	require.NoError(s, customer.Link().Delay(10*time.Millisecond, 0))
	s.unreachable(s.second.Address, s.cone)
	require.NoError(s, s.cone.Link().Rate(16_000_000))
	input := bytes.Repeat([]byte("a line of some more input\n"), 200_000)
	before := s.carried()
	s.echo(customer, s.second, input)
	carried := s.carried() - before
	s.Logf("of %d bytes of input and output, routers carried %.0f", 2*len(input), carried)
	require.Positive(s, carried, "a router brought them together")
	require.Less(s, carried, float64(len(input)))
}

// echo has a worker do a job for a customer at a host, and looks at all that comes of it.
func (s *site) echo(h *netlab.Host, w *rig.Worker, input []byte) rig.Summary {
	s.Helper()
	const name, words = "lines.txt", "these are the words"
	file := filepath.Join(s.TempDir(), name)
	require.NoError(s, os.WriteFile(file, input, 0o600))
	customer := rig.Customer{Net: s.net, Key: "alice"}
	order := rig.Order{
		App: batch, AppFile: s.guest, Inputs: []string{file}, Args: []string{"echo", words}, Output: filepath.Join(s.TempDir(), "out"),
		Flags: []string{"--worker", w.Address, "--max-time", "2m"},
	}
	answer, err := h.Command(s.ctx, "", nil, s.net.Bin.Emcd(), customer.Command("run", order)...)
	require.NoError(s, err, answer.Err)
	var sum rig.Summary
	require.NoError(s, json.Unmarshal([]byte(answer.Out), &sum))
	require.True(s, sum.Verified)
	require.Equal(s, w.Address, sum.Node)
	require.Contains(s, answer.Err, words, "the log")
	got, err := os.ReadFile(filepath.Join(sum.OutputDir, name))
	require.NoError(s, err)
	require.True(s, bytes.Equal(bytes.ToUpper(input), got), "the output")
	j, err := s.net.Job(s.ctx, sum.Job)
	require.NoError(s, err)
	require.Equal(s, rig.Completed, j.Status)
	require.Positive(s, int64(j.Paid.Amount), "the worker is paid")
	return sum
}
