//go:build linux

package docker

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/worker/runtime"
)

// served is a program that runs as a service.
type served struct {
	*run
	t      *testing.T
	in     io.WriteCloser
	out    *bufio.Scanner
	cancel context.CancelFunc
	ended  chan runtime.Result
}

func serve(t *testing.T, rt *Runtime, prepare func(*run)) *served {
	t.Helper()
	s := &served{run: newRun(t, "lines"), t: t, ended: make(chan runtime.Result, 1)}
	s.rt, s.Limits.Duration = rt, 0
	if prepare != nil {
		prepare(s.run)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	s.in, s.out = in, bufio.NewScanner(out)
	go func() {
		result, err := rt.Serve(ctx, s.Task, stdin, stdout)
		if err != nil {
			t.Error(err)
		}
		s.ended <- result
	}()
	return s
}

func (s *served) say(line, want string) {
	s.t.Helper()
	_, err := io.WriteString(s.in, line+"\n")
	require.NoError(s.t, err)
	require.True(s.t, s.out.Scan(), "the program says no more: %v", s.out.Err())
	require.Equal(s.t, want, s.out.Text())
}

// end waits for the result, and sees that nothing is left.
func (s *served) end() runtime.Result {
	s.t.Helper()
	var result runtime.Result
	select {
	case result = <-s.ended:
	case <-time.After(time.Minute):
		require.Fail(s.t, "Serve does not return")
	}
	_, err := s.in.Write([]byte("x"))
	require.Error(s.t, err, "its input is still open")
	left, err := filepath.Glob(filepath.Join(filepath.Dir(s.OutputDir), ".emc-docker-*"))
	require.NoError(s.t, err)
	require.Empty(s.t, left)
	_, err = os.Stat(s.OutputDir)
	require.ErrorIs(s.t, err, os.ErrNotExist)
	requireNothingLeft(s.t, s.rt)
	return result
}

func TestServe(t *testing.T) {
	needEngine(t)
	rt := newTestRuntime(t, nil)
	s := serve(t, rt, func(r *run) { r.Limits.LogBytes = 3 })
	for range 3 {
		s.say("hello", "HELLO")
	}
	require.NoError(t, s.in.Close())
	require.False(t, s.out.Scan())
	result := s.end()
	require.Equal(t, runtime.ReasonExited, result.Reason, "%+v", result)
	require.Zero(t, result.ExitCode)
	require.Empty(t, result.Outputs)
	require.Equal(t, "rea\n"+cutNotice, s.log.String())

	s = serve(t, rt, nil)
	s.say("exit", "last words")
	require.False(t, s.out.Scan())
	require.Equal(t, 7, s.end().ExitCode)
}

// A service ends when its context does, or its time: while it waits, and while nobody reads what it says.
func TestServiceIsKilled(t *testing.T) {
	needEngine(t)
	rt := newTestRuntime(t, nil)
	for _, line := range []string{"hello", "flood"} {
		s := serve(t, rt, nil)
		_, err := io.WriteString(s.in, line+"\n")
		require.NoError(t, err)
		require.True(t, s.out.Scan())
		s.cancel()
		require.Equal(t, runtime.ReasonKilled, s.end().Reason)
	}
	s := serve(t, rt, func(r *run) { r.Limits.Duration = 5 * time.Second })
	require.Equal(t, runtime.ReasonDeadline, s.end().Reason)
}

func TestServeRefuses(t *testing.T) {
	needEngine(t)
	rt := newTestRuntime(t, nil)
	r := newRun(t, "lines")
	r.Limits.Duration, r.Limits.MemoryBytes = 0, 0
	stdin, in := io.Pipe()
	_, stdout := io.Pipe()
	_, err := rt.Serve(t.Context(), r.Task, stdin, stdout)
	require.ErrorIs(t, err, runtime.ErrInvalid)
	_, err = in.Write([]byte("x"))
	require.Error(t, err, "its input is still open")
}
