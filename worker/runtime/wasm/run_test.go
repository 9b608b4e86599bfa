//go:build linux

package wasm

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/worker/runtime"
)

// run is a task with its log, ready to be changed before it is started.
type run struct {
	runtime.Task
	log *bytes.Buffer
}

func newRun(t testing.TB, args ...string) *run {
	t.Helper()
	guest, err := shared.guest()
	require.NoError(t, err)
	return runOf(t, guest, args...)
}

// runOf is a run of another artifact.
func runOf(t testing.TB, artifact string, args ...string) *run {
	t.Helper()
	program, err := os.ReadFile(artifact)
	require.NoError(t, err)
	log := &bytes.Buffer{}
	return &run{log: log, Task: runtime.Task{
		ID: "test/1", Artifact: artifact, ArtifactSHA256: digest(program),
		Args: args, OutputDir: filepath.Join(t.TempDir(), "out"), Log: log,
		Limits: runtime.Limits{
			Duration: 30 * time.Second, MemoryBytes: 64 << 20,
			OutputBytes: 1 << 20, OutputFiles: 50, LogBytes: 1 << 20,
		},
	}}
}

func (r *run) input(t testing.TB, path, content string) {
	t.Helper()
	host := filepath.Join(t.TempDir(), "input")
	require.NoError(t, os.WriteFile(host, []byte(content), 0o600))
	r.Inputs = append(r.Inputs, runtime.File{
		Path: path, Host: host, Size: int64(len(content)), SHA256: digest([]byte(content)),
	})
}

func (r *run) do(t testing.TB) runtime.Result {
	t.Helper()
	result, err := newRuntime(t).Run(context.Background(), r.Task)
	require.NoError(t, err, "%+v\n%s", result, r.log)
	left, err := filepath.Glob(filepath.Join(filepath.Dir(r.OutputDir), ".emc-wasm-*"))
	require.NoError(t, err)
	require.Empty(t, left, "scratch is left behind")
	return result
}

func requireExit(t testing.TB, r *run, result runtime.Result, code int) {
	t.Helper()
	require.Equal(t, runtime.ReasonExited, result.Reason, "%+v\n%s", result, r.log)
	require.Equal(t, code, result.ExitCode, "%+v\n%s", result, r.log)
}

func paths(files []runtime.File) []string {
	var list []string
	for _, f := range files {
		list = append(list, f.Path)
	}
	return list
}

func TestCheck(t *testing.T) {
	require.NoError(t, newRuntime(t).Check(t.Context()))
}

func TestRunHello(t *testing.T) {
	r := newRun(t, "hello", "one", "zwei ✓")
	r.Env = []string{"GREETING=good morning"}
	result := r.do(t)
	requireExit(t, r, result, 0)
	require.Equal(t, "stdout [one zwei ✓]\nstderr good morning 1\n", r.log.String())
	require.Equal(t, []runtime.File{{
		Path: "hello.txt", Host: filepath.Join(r.OutputDir, "hello.txt"), Size: 5, SHA256: digest([]byte("hello")),
	}}, result.Outputs)
	content, err := os.ReadFile(result.Outputs[0].Host)
	require.NoError(t, err)
	require.Equal(t, "hello", string(content))
	require.Positive(t, result.CPU)
	require.Greater(t, result.Wall, result.CPU/10)
	require.Greater(t, result.PeakMemory, int64(1<<20))
}

func TestRunNestedInputs(t *testing.T) {
	r := newRun(t, "copy")
	r.input(t, "b/c/deep.txt", "deep")
	r.input(t, "b/two", "2")
	r.input(t, "a.txt", strings.Repeat("long ", 50_000))
	r.input(t, "empty", "")
	result := r.do(t)
	requireExit(t, r, result, 0)
	require.Equal(t, []string{"a.txt", "b/c/deep.txt", "b/two", "empty"}, paths(result.Outputs))
	for _, in := range r.Inputs {
		for _, out := range result.Outputs {
			if in.Path == out.Path {
				require.Equal(t, in.SHA256, out.SHA256, in.Path)
			}
		}
	}
}

func TestRunExitCodes(t *testing.T) {
	for _, code := range []string{"0", "1", "3", "137", "255"} {
		t.Run(code, func(t *testing.T) {
			r := newRun(t, "exit", code)
			result := r.do(t)
			require.Equal(t, runtime.ReasonExited, result.Reason)
			require.Equal(t, code, strconv.Itoa(result.ExitCode))
			require.Empty(t, result.Outputs)
		})
	}
	r := newRun(t, "panic")
	requireExit(t, r, r.do(t), 2)
	require.Contains(t, r.log.String(), "on purpose")
}

func TestRunIntoEmptyOutputDir(t *testing.T) {
	r := newRun(t, "hello")
	require.NoError(t, os.Mkdir(r.OutputDir, 0o755))
	requireExit(t, r, r.do(t), 0)
	require.FileExists(t, filepath.Join(r.OutputDir, "hello.txt"))
}

func TestRunRefusesBadTasks(t *testing.T) {
	r := newRun(t, "hello")
	r.Limits.MemoryBytes = 0
	result, err := newRuntime(t).Run(t.Context(), r.Task)
	require.ErrorIs(t, err, runtime.ErrInvalid)
	require.Equal(t, runtime.ReasonInternal, result.Reason)

	r = newRun(t, "hello")
	require.NoError(t, os.Mkdir(r.OutputDir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(r.OutputDir, "old"), nil, 0o600))
	_, err = newRuntime(t).Run(t.Context(), r.Task)
	require.ErrorIs(t, err, runtime.ErrInvalid)
	require.FileExists(t, filepath.Join(r.OutputDir, "old"))
}

func TestRunSaysWhatTheWorkerDidWrong(t *testing.T) {
	for name, spoil := range map[string]func(r *run){
		"artifact changed": func(r *run) { r.ArtifactSHA256 = digest([]byte("another")) },
		"artifact gone":    func(r *run) { r.Artifact += ".gone" },
		"input gone":       func(r *run) { r.Inputs[0].Host += ".gone" },
		"input shrunk":     func(r *run) { r.Inputs[0].Size++ },
		"no output parent": func(r *run) { r.OutputDir = filepath.Join(r.OutputDir, "x", "y") },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, "copy")
			r.input(t, "a", "content")
			spoil(r)
			result, err := newRuntime(t).Run(t.Context(), r.Task)
			require.Error(t, err)
			require.NotErrorIs(t, err, runtime.ErrInvalid)
			require.Equal(t, runtime.ReasonInternal, result.Reason)
			require.NotContains(t, result.Message, shared.dir, "the customer is not to see host paths")
			require.NoDirExists(t, r.OutputDir)
		})
	}
	broken, err := New(Config{Executable: "/nonexistent/worker", ChildArgs: []string{childArg}})
	require.NoError(t, err)
	require.ErrorContains(t, broken.Check(t.Context()), "/nonexistent/worker")
}

// TestRunsAtOnce starts several jobs of one program that nobody has compiled
// yet: they share one cache and must not disturb each other.
func TestRunsAtOnce(t *testing.T) {
	r, err := New(Config{ChildArgs: []string{childArg}, CacheDir: filepath.Join(t.TempDir(), "cache")})
	require.NoError(t, err)
	var group errgroup.Group
	for range 8 {
		dir := t.TempDir()
		group.Go(func() error {
			task, _, err := probeTask(dir)
			if err != nil {
				return err
			}
			result, err := r.Run(t.Context(), task)
			if err == nil && (result.ExitCode != 0 || len(result.Outputs) != 1) {
				err = fmt.Errorf("%+v", result)
			}
			return err
		})
	}
	require.NoError(t, group.Wait())
}

func TestPrepare(t *testing.T) {
	cache := filepath.Join(t.TempDir(), "cache")
	r, err := New(Config{ChildArgs: []string{childArg}, CacheDir: cache})
	require.NoError(t, err)
	task, _, err := probeTask(t.TempDir())
	require.NoError(t, err)
	require.NoError(t, r.Prepare(t.Context(), task.Artifact, task.ArtifactSHA256))
	require.FileExists(t, filepath.Join(cache, task.ArtifactSHA256, sumsName))

	require.Error(t, r.Prepare(t.Context(), task.Artifact, digest(nil)), "another digest")
	text := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(text, []byte("text"), 0o600))
	require.ErrorContains(t, r.Prepare(t.Context(), text, digest([]byte("text"))), "not one that this runtime can run")
}
