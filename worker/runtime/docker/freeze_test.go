//go:build linux

package docker

import (
	"context"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
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

func (r *Runtime) stateOf(t *testing.T, name string) container.ContainerState {
	t.Helper()
	found, err := r.engine.api.ContainerInspect(t.Context(), name, client.ContainerInspectOptions{})
	require.NoError(t, err)
	return found.Container.State.Status
}

func TestFreezeAndThaw(t *testing.T) {
	rt, neighbour := newTestRuntime(t, nil), newTestRuntime(t, nil)
	other := abandon(t, neighbour, newRun(t, "sleep", "1h"))
	long, says := newRun(t, "sleep", "1h"), make(began, 1)
	long.Log = says
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan runtime.Result, 1)
	go func() {
		result, _ := rt.Run(ctx, long.Task)
		ended <- result
	}()
	<-says
	var name string
	rt.mu.Lock()
	for id := range rt.live {
		name = id.job()
	}
	rt.mu.Unlock()

	require.NoError(t, rt.Freeze(t.Context()))
	require.Equal(t, container.StatePaused, rt.stateOf(t, name))
	require.Equal(t, container.StateRunning, rt.stateOf(t, other.job()), "another node's")
	require.NoError(t, rt.Freeze(t.Context()), "and again")
	short := newRun(t, "hello")
	short.ID = "test/2"
	done := make(chan runtime.Result, 1)
	go func() {
		result, _ := rt.Run(t.Context(), short.Task)
		done <- result
	}()
	time.Sleep(time.Second)
	require.Empty(t, done, "another one began")

	require.NoError(t, rt.Thaw(t.Context()))
	require.Equal(t, container.StateRunning, rt.stateOf(t, name))
	requireExit(t, short, <-done, 0)
	require.NoError(t, rt.Freeze(t.Context()))
	cancel()
	require.Equal(t, runtime.ReasonKilled, (<-ended).Reason, "a frozen one ends, too")
	require.NoError(t, rt.Thaw(t.Context()))
}

// A worker that is killed while it proves leaves its containers paused.
func TestThawAndSweepOfWhatAKilledWorkerFroze(t *testing.T) {
	rt := newTestRuntime(t, nil)
	left := abandon(t, rt, newRun(t, "sleep", "1h"))
	require.NoError(t, rt.Freeze(t.Context()))
	next, err := New(rt.config)
	require.NoError(t, err)
	require.NoError(t, next.Thaw(t.Context()))
	require.Equal(t, container.StateRunning, rt.stateOf(t, left.job()))

	require.NoError(t, rt.Freeze(t.Context()))
	_, err = next.Sweep(t.Context(), runtime.SweepOptions{Grace: time.Hour})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return next.stateOf(t, left.job()) == container.StateExited }, 10*time.Second, 50*time.Millisecond)
}
