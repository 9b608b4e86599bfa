//go:build linux

package wasm

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/worker/runtime"
)

// began tells when a program has said its first words.
type began chan struct{}

func (b began) Write(p []byte) (int, error) {
	select {
	case b <- struct{}{}:
	default:
	}
	return len(p), nil
}

// state is a process's state by its letter.
func state(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(text), ") ")
	return rest[:1]
}

func onlyChild(t *testing.T, rt *Runtime) int {
	t.Helper()
	rt.freezer.mu.Lock()
	defer rt.freezer.mu.Unlock()
	require.Len(t, rt.freezer.children, 1)
	for c := range rt.freezer.children {
		return c.cmd.Process.Pid
	}
	return 0
}

func TestFreezeAndThaw(t *testing.T) {
	rt := newRuntime(t)
	long, says := newRun(t, "loop"), make(began, 1)
	long.Log = says
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan runtime.Result, 1)
	go func() {
		result, _ := rt.Run(ctx, long.Task)
		ended <- result
	}()
	<-says
	pid := onlyChild(t, rt)

	require.NoError(t, rt.Freeze(t.Context()))
	require.Eventually(t, func() bool { return state(t, pid) == "T" }, 5*time.Second, time.Millisecond, "it goes on")
	short := newRun(t, "hello")
	done := make(chan runtime.Result, 1)
	go func() {
		result, _ := rt.Run(t.Context(), short.Task)
		done <- result
	}()
	time.Sleep(300 * time.Millisecond)
	require.Equal(t, pid, onlyChild(t, rt), "another one began")

	require.NoError(t, rt.Thaw(t.Context()))
	require.NoError(t, rt.Thaw(t.Context()), "and again")
	require.Eventually(t, func() bool { return state(t, pid) != "T" }, 5*time.Second, time.Millisecond)
	requireExit(t, short, <-done, 0)
	require.Empty(t, ended, "the first one goes on")
	cancel()
	require.Equal(t, runtime.ReasonKilled, (<-ended).Reason)
	rt.freezer.mu.Lock()
	defer rt.freezer.mu.Unlock()
	require.Empty(t, rt.freezer.children)
}

// The deadline and a cancellation reach a program that is frozen, and one that
// waits to begin.
func TestFrozenProgramsEnd(t *testing.T) {
	rt := newRuntime(t)
	long, says := newRun(t, "loop"), make(began, 1)
	long.Log, long.Limits.Duration = says, 3*time.Second
	ended := make(chan runtime.Result, 1)
	go func() {
		result, _ := rt.Run(t.Context(), long.Task)
		ended <- result
	}()
	<-says
	require.NoError(t, rt.Freeze(t.Context()))
	t.Cleanup(func() { require.NoError(t, rt.Thaw(context.Background())) })

	late := newRun(t, "hello")
	late.Limits.Duration = 200 * time.Millisecond
	result, err := rt.Run(t.Context(), late.Task)
	require.NoError(t, err)
	require.Equal(t, runtime.ReasonDeadline, result.Reason)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	result, err = rt.Run(ctx, newRun(t, "hello").Task)
	require.NoError(t, err)
	require.Equal(t, runtime.ReasonKilled, result.Reason)

	require.Equal(t, runtime.ReasonDeadline, (<-ended).Reason)
}
