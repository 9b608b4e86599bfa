//go:build linux

package wasm

import (
	"bufio"
	"context"
	"fmt"
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
	s.Limits.Duration = 0
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

func (s *served) say(line string) {
	s.t.Helper()
	_, err := io.WriteString(s.in, line+"\n")
	require.NoError(s.t, err)
}

func (s *served) hear(want string) {
	s.t.Helper()
	require.True(s.t, s.out.Scan(), "the program says no more: %v", s.out.Err())
	require.Equal(s.t, want, s.out.Text())
}

// end waits for the result, and sees that nothing is left on the disk.
func (s *served) end() runtime.Result {
	s.t.Helper()
	var result runtime.Result
	select {
	case result = <-s.ended:
	case <-time.After(20 * time.Second):
		require.Fail(s.t, "Serve does not return")
	}
	_, err := s.in.Write([]byte("x"))
	require.Error(s.t, err, "its input is still open")
	left, err := filepath.Glob(filepath.Join(filepath.Dir(s.OutputDir), ".emc-wasm-*"))
	require.NoError(s.t, err)
	require.Empty(s.t, left)
	_, err = os.Stat(s.OutputDir)
	require.ErrorIs(s.t, err, os.ErrNotExist)
	return result
}

func TestServe(t *testing.T) {
	rt := newRuntime(t)
	s := serve(t, rt, nil)
	for range 3 {
		s.say("hello")
		s.hear("HELLO")
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", onlyChild(t, rt)))
	require.NoError(t, err)
	require.Regexp(t, `Max cpu time +unlimited`, string(limits), "it would be ended after some days")
	require.NoError(t, s.in.Close())
	require.False(t, s.out.Scan())
	result := s.end()
	require.Equal(t, runtime.ReasonExited, result.Reason, "%+v", result)
	require.Zero(t, result.ExitCode)
	require.Empty(t, result.Outputs)
	require.Equal(t, "ready\n", s.log.String())
}

func TestServiceEndsByItself(t *testing.T) {
	s := serve(t, newRuntime(t), nil)
	s.say("exit")
	s.hear("last words")
	require.False(t, s.out.Scan())
	require.Equal(t, 7, s.end().ExitCode)
}

// A service ends when its context does, also while nobody reads what it says.
func TestServiceIsKilled(t *testing.T) {
	for name, line := range map[string]string{"waits": "hello", "writes": "flood"} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, newRuntime(t), nil)
			s.say(line)
			require.True(t, s.out.Scan())
			s.cancel()
			require.Equal(t, runtime.ReasonKilled, s.end().Reason)
		})
	}
}

// It has its own time limit where it has one, and waits for its turn while the node proves.
func TestServiceFrozen(t *testing.T) {
	rt := newRuntime(t)
	s := serve(t, rt, nil)
	s.say("a")
	s.hear("A")
	pid := onlyChild(t, rt)
	require.NoError(t, rt.Freeze(t.Context()))
	require.Eventually(t, func() bool { return state(t, pid) == "T" }, 5*time.Second, time.Millisecond, "it goes on")
	t.Cleanup(func() { require.NoError(t, rt.Thaw(context.Background())) })
	heard := make(chan bool)
	go func() { heard <- s.out.Scan() }()
	s.say("b")
	limited := serve(t, rt, func(r *run) { r.Limits.Duration = 300 * time.Millisecond })
	select {
	case <-heard:
		require.Fail(t, "it works while the node proves")
	case result := <-limited.ended:
		require.Equal(t, runtime.ReasonDeadline, result.Reason)
	}
	require.NoError(t, rt.Thaw(t.Context()))
	require.True(t, <-heard)
	require.Equal(t, "B", s.out.Text())
	s.cancel()
	s.end()
}

func TestServeRefuses(t *testing.T) {
	rt := newRuntime(t)
	for name, change := range map[string]func(*run){
		"no memory":        func(r *run) { r.Limits.MemoryBytes = 0 },
		"negative":         func(r *run) { r.Limits.Duration = -1 },
		"outputs in place": func(r *run) { require.NoError(t, os.MkdirAll(filepath.Join(r.OutputDir, "x"), 0o700)) },
	} {
		r := newRun(t, "lines")
		r.Limits.Duration = 0
		change(r)
		stdin, in := io.Pipe()
		out, stdout := io.Pipe()
		_, err := rt.Serve(t.Context(), r.Task, stdin, stdout)
		require.ErrorIs(t, err, runtime.ErrInvalid, name)
		_, err = in.Write([]byte("x"))
		require.Error(t, err, "its input is still open")
		_, err = out.Read(make([]byte, 1))
		require.Error(t, err)
	}
	r := newRun(t, "lines")
	r.Limits.Duration = 0
	_, err := rt.Run(t.Context(), r.Task)
	require.ErrorIs(t, err, runtime.ErrInvalid, "a job without an end")
}
