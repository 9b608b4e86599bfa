//go:build linux

package docker

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/worker/runtime"
)

func TestRunHello(t *testing.T) {
	r := newRun(t, "hello", "one", "zwei ✓")
	r.Env = []string{"GREETING=good morning"}
	result := r.do(t)
	requireExit(t, r, result, 0)
	require.Equal(t, "stdout [one zwei ✓] good morning\n", r.log.String())
	require.Equal(t, []runtime.File{{
		Path: "hello.txt", Host: filepath.Join(r.OutputDir, "hello.txt"), Size: 5, SHA256: digest([]byte("hello")),
	}}, result.Outputs)
	content, err := os.ReadFile(result.Outputs[0].Host)
	require.NoError(t, err)
	require.Equal(t, "hello", string(content))
	require.Positive(t, result.Wall)

	r = newRun(t) // the image's own arguments and environment
	requireExit(t, r, r.do(t), 0)
	require.Equal(t, "stdout [from the image] image\n", r.log.String())
}

func TestRunEnvironment(t *testing.T) {
	r := newRun(t, "env")
	r.Env = []string{"A=1", "B=x=y"}
	requireExit(t, r, r.do(t), 0)
	require.ElementsMatch(t, []string{
		"A=1", "B=x=y", "HOME=/tmp", "HOSTNAME=emc", "PATH=/bin", "GREETING=image", "/etc 65532 65532",
	}, strings.Split(strings.TrimSpace(r.log.String()), "\n"))
}

func TestRunNestedInputs(t *testing.T) {
	r := newRun(t, "copy")
	r.input(t, "b/c/deep.txt", "deep", 0o600)
	r.input(t, "b/two", "2", 0o644)
	r.input(t, "a.txt", strings.Repeat("long ", 50_000), 0o400)
	r.input(t, "empty", "", 0o600)
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
	for i, mode := range []os.FileMode{0o600, 0o644, 0o400, 0o600} {
		st, err := os.Stat(r.Inputs[i].Host)
		require.NoError(t, err)
		require.Equal(t, mode, st.Mode(), "the store's file was changed")
	}
}

func TestRunExitCodes(t *testing.T) {
	rt := newTestRuntime(t, nil)
	for _, code := range []string{"1", "3", "137", "255"} {
		r := newRun(t, "exit", code)
		r.rt = rt
		result := r.do(t)
		require.Equal(t, runtime.ReasonExited, result.Reason)
		require.Equal(t, code, strconv.Itoa(result.ExitCode))
		require.Empty(t, result.Outputs)
	}
	r := newRun(t, "panic")
	r.rt = rt
	requireExit(t, r, r.do(t), 2)
	require.Contains(t, r.log.String(), "on purpose")

	r = newRun(t, "signal", "15")
	r.rt = rt
	result := r.do(t)
	requireExit(t, r, result, 143)
	require.Contains(t, result.Message, "signal 15")
}

func TestRunIntoEmptyOutputDir(t *testing.T) {
	r := newRun(t, "hello")
	require.NoError(t, os.Mkdir(r.OutputDir, 0o755))
	requireExit(t, r, r.do(t), 0)
	require.FileExists(t, filepath.Join(r.OutputDir, "hello.txt"))
}

func TestRunRefusesBadTasks(t *testing.T) {
	rt := newTestRuntime(t, nil)
	r := newRun(t, "hello")
	r.Limits.MemoryBytes = 0
	result, err := rt.Run(t.Context(), r.Task)
	require.ErrorIs(t, err, runtime.ErrInvalid)
	require.Equal(t, runtime.ReasonInternal, result.Reason)

	r = newRun(t, "hello")
	require.NoError(t, os.Mkdir(r.OutputDir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(r.OutputDir, "old"), nil, 0o600))
	_, err = rt.Run(t.Context(), r.Task)
	require.ErrorIs(t, err, runtime.ErrInvalid)
	require.FileExists(t, filepath.Join(r.OutputDir, "old"))

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	result, err = rt.Run(ended, newRun(t, "hello").Task)
	require.NoError(t, err)
	require.Equal(t, runtime.ReasonKilled, result.Reason)
}

func TestRunSaysWhatTheWorkerDidWrong(t *testing.T) {
	rt := newTestRuntime(t, nil)
	for name, spoil := range map[string]func(r *run){
		"artifact changed": func(r *run) { r.ArtifactSHA256 = digest([]byte("another")) },
		"artifact gone":    func(r *run) { r.Artifact += ".gone"; r.ArtifactSHA256 = digest([]byte("gone")) },
		"input gone":       func(r *run) { r.Inputs[0].Host += ".gone" },
		"input shrunk":     func(r *run) { r.Inputs[0].Size++ },
		"no output parent": func(r *run) { r.OutputDir = filepath.Join(r.OutputDir, "x", "y") },
		"too much memory":  func(r *run) { r.Limits.MemoryBytes = 1 << 49 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, "copy")
			r.input(t, "a", "content", 0o600)
			spoil(r)
			result, err := rt.Run(t.Context(), r.Task)
			require.Error(t, err)
			require.NotErrorIs(t, err, runtime.ErrInvalid)
			require.Equal(t, runtime.ReasonInternal, result.Reason)
			require.NotContains(t, result.Message, shared.dir, "the customer is not to see host paths")
			require.NoDirExists(t, r.OutputDir)
		})
	}
}

func TestCheck(t *testing.T) {
	require.NoError(t, newTestRuntime(t, nil).Check(t.Context()))
}

func TestIsolation(t *testing.T) {
	r := newTestRuntime(t, nil)
	tier, words, err := r.Isolation(t.Context())
	require.NoError(t, err)
	require.GreaterOrEqual(t, tier, runtime.TierContainer)
	require.NotEmpty(t, words)
	t.Log(tier, words)
}
