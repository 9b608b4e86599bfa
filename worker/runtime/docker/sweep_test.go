//go:build linux

package docker

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/worker/runtime"
)

// abandon makes what a worker leaves behind that is killed in the middle of a
// run: a running container, its holder, a volume and scratch.
func abandon(t *testing.T, rt *Runtime, r *run) runID {
	t.Helper()
	ctx := t.Context()
	j, err := rt.newJob(r.Task, time.Now().Add(time.Minute))
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(j.scratch.outputs))
	img, release, err := rt.images.ensure(ctx, r.Task)
	require.NoError(t, err)
	release()
	holder, err := rt.images.holderImage(ctx)
	require.NoError(t, err)
	box, err := rt.sandboxFor(ctx, r.Task)
	require.NoError(t, err)
	require.NoError(t, j.create(ctx, j.id, img, holder, box))
	_, err = rt.engine.api.ContainerStart(ctx, j.id.job(), client.ContainerStartOptions{})
	require.NoError(t, err)
	rt.ended(j.id) // as if another process had begun it
	t.Cleanup(func() {
		_, err := rt.Sweep(context.Background(), runtime.SweepOptions{})
		require.NoError(t, err)
	})
	return j.id
}

// TestSweep removes what a dead worker left, and nothing else.
func TestSweep(t *testing.T) {
	rt := newTestRuntime(t, nil)
	neighbour := newTestRuntime(t, nil)
	r := newRun(t, "sleep", "1h")
	r.ID = "emc1dead/7"
	left, others := abandon(t, rt, r), abandon(t, neighbour, newRun(t, "sleep", "1h"))

	// A person's own container, and one that claims a run without an owner.
	img, release, err := rt.images.ensure(t.Context(), r.Task)
	require.NoError(t, err)
	release()
	strangers := map[string]map[string]string{
		"plain":  {},
		"labels": {labelRun: string(left), labelTask: "x", labelRole: roleJob, labelOwner: rt.config.Owner + "x"},
	}
	for name, labels := range strangers {
		config := plain(img.ID, labels)
		config.Cmd = []string{"sleep", "1h"}
		made, err := rt.engine.api.ContainerCreate(t.Context(), client.ContainerCreateOptions{
			Name: "emc-stranger-" + name + "-" + string(newRunID()), Config: config, HostConfig: hardened("", 64<<20, oneCPU, 64),
		})
		require.NoError(t, err)
		_, err = rt.engine.api.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{})
		require.NoError(t, err)
		strangers[name]["id"] = made.ID
		t.Cleanup(func() {
			_, err := rt.engine.api.ContainerRemove(context.Background(), made.ID, client.ContainerRemoveOptions{Force: true})
			require.NoError(t, err)
		})
	}
	kinds := func(list []runtime.Leftover) map[string]int {
		n := map[string]int{}
		for _, l := range list {
			n[l.Kind]++
			if l.Kind != "directory" {
				require.Equal(t, "emc1dead/7", l.Task)
			}
		}
		return n
	}
	all := map[string]int{"container": 2, "volume": 1, "directory": 1}

	dry, err := rt.Sweep(t.Context(), runtime.SweepOptions{DryRun: true})
	require.NoError(t, err)
	require.Equal(t, all, kinds(dry))
	running := func() bool {
		found, err := rt.engine.api.ContainerInspect(t.Context(), left.job(), client.ContainerInspectOptions{})
		require.NoError(t, err)
		return found.Container.State.Running
	}
	require.True(t, running(), "a dry run touches nothing")
	young, err := rt.Sweep(t.Context(), runtime.SweepOptions{Grace: time.Hour})
	require.NoError(t, err)
	require.Equal(t, all, kinds(young))
	require.Eventually(t, func() bool { return !running() }, time.Minute, 50*time.Millisecond, "nobody watches its deadline")
	for _, l := range append(dry, young...) {
		require.False(t, l.Removed, "%+v", l)
		require.Less(t, l.Age, time.Hour)
	}
	// An Engine's own filter is not what decides.
	s := &sweep{r: rt}
	require.True(t, s.ours(rt.labels(left, "x", roleJob)))
	require.False(t, s.ours(strangers["labels"]))
	require.False(t, s.ours(map[string]string{labelOwner: rt.config.Owner}), "no run")
	require.False(t, s.ours(nil))

	// What runs in this process is nobody's leftover.
	rt.begun(left)
	none, err := rt.Sweep(t.Context(), runtime.SweepOptions{})
	require.NoError(t, err)
	require.Empty(t, none)
	rt.ended(left)

	gone, err := rt.Sweep(t.Context(), runtime.SweepOptions{})
	require.NoError(t, err)
	require.Equal(t, all, kinds(gone))
	for _, l := range gone {
		require.True(t, l.Removed, "%+v", l)
	}
	_, err = rt.engine.api.ContainerInspect(t.Context(), left.job(), client.ContainerInspectOptions{})
	require.True(t, cerrdefs.IsNotFound(err), "%v", err)
	require.NoDirExists(t, filepath.Join(rt.config.StateDir, scratchDir, string(left)))

	for _, id := range []string{others.job(), others.holder(), strangers["plain"]["id"], strangers["labels"]["id"]} {
		found, err := rt.engine.api.ContainerInspect(t.Context(), id, client.ContainerInspectOptions{})
		require.NoError(t, err)
		require.True(t, found.Container.State.Running, "another's container was touched")
	}
	_, err = neighbour.Sweep(t.Context(), runtime.SweepOptions{})
	require.NoError(t, err)
}

func TestWordsForAnEngineThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	r, err := New(Config{Host: "unix://" + filepath.Join(dir, "s"), Owner: "o", StateDir: dir, ChildArgs: []string{"x"}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.ErrorContains(t, r.Check(t.Context()), "install Docker Engine")
	_, err = r.Sweep(t.Context(), runtime.SweepOptions{})
	require.Error(t, err)
	require.ErrorContains(t, r.engine.explain(os.ErrPermission), "group docker")
	require.ErrorContains(t, r.engine.explain(errors.New("client version 1.41 is too old")), "20.10")
	result, err := r.Run(t.Context(), runtime.Task{
		ID: "t", Artifact: "/a", ArtifactSHA256: digest(nil), OutputDir: filepath.Join(dir, "out"),
		Limits: runtime.Limits{Duration: time.Second, MemoryBytes: 1, OutputBytes: 1, OutputFiles: 1, LogBytes: 1},
	})
	require.Error(t, err)
	require.Equal(t, runtime.ReasonInternal, result.Reason)
	require.NotContains(t, result.Message, dir)
}

// TestAnEndIsNotBelieved when the Engine ended the job, as it does when it is
// shut down: the holder is gone too then, or nobody listens any more.
func TestAnEndIsNotBelieved(t *testing.T) {
	rt := newTestRuntime(t, nil)
	r := newRun(t, "sleep", "1h")
	id := abandon(t, rt, r)
	j := &job{r: rt, task: r.Task, usage: &usage{}}
	kill := func(name string) {
		_, err := rt.engine.api.ContainerKill(t.Context(), name, client.ContainerKillOptions{})
		require.NoError(t, err)
		_, err = rt.exitCode(t.Context(), name)
		require.NoError(t, err)
	}
	kill(id.job())
	state, err := j.verdict(t.Context(), id, "")
	require.NoError(t, err)
	require.Equal(t, 137, state.ExitCode)

	listening := rt.engine.fresh
	rt.engine.fresh = &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, syscall.ECONNREFUSED
	}}}
	_, err = j.verdict(t.Context(), id, "")
	require.ErrorIs(t, err, errEngineLost)
	rt.engine.fresh = listening

	kill(id.holder())
	_, err = j.verdict(t.Context(), id, "")
	require.ErrorIs(t, err, errEngineLost)
	_, err = rt.Sweep(t.Context(), runtime.SweepOptions{})
	require.NoError(t, err)
}

// TestRunClearsItsOwnPast: what a dead worker left of a task is gone when the task
// runs again; another task's is not touched.
func TestRunClearsItsOwnPast(t *testing.T) {
	rt := newTestRuntime(t, nil)
	again, other := newRun(t, "sleep", "1h"), newRun(t, "sleep", "1h")
	again.ID, other.ID = "emc1dead/8", "emc1dead/9"
	left, stays := abandon(t, rt, again), abandon(t, rt, other)
	require.NoError(t, rt.clear(t.Context(), again.ID))
	_, err := rt.engine.api.ContainerInspect(t.Context(), left.job(), client.ContainerInspectOptions{})
	require.True(t, cerrdefs.IsNotFound(err), "%v", err)
	_, err = rt.engine.api.VolumeInspect(t.Context(), left.volume(), client.VolumeInspectOptions{})
	require.True(t, cerrdefs.IsNotFound(err), "%v", err)
	found, err := rt.engine.api.ContainerInspect(t.Context(), stays.job(), client.ContainerInspectOptions{})
	require.NoError(t, err)
	require.True(t, found.Container.State.Running)
	_, err = rt.Sweep(t.Context(), runtime.SweepOptions{})
	require.NoError(t, err)
}
