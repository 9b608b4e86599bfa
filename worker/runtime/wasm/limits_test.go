//go:build linux

package wasm

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/worker/runtime"
)

func TestDeadline(t *testing.T) {
	newRun(t, "hello").do(t) // so that the next run starts from the cache
	r := newRun(t, "partial")
	r.Limits.Duration = 1500 * time.Millisecond
	result := r.do(t)
	require.Equal(t, runtime.ReasonDeadline, result.Reason, "%+v", result)
	require.Equal(t, -1, result.ExitCode)
	require.Contains(t, result.Message, "1.5s")
	require.GreaterOrEqual(t, result.Wall, r.Limits.Duration)
	require.Less(t, result.Wall, r.Limits.Duration+time.Second, "the worker was busy, or the kill came late")
	require.Greater(t, result.PeakMemory, int64(1<<20))
	require.Equal(t, []string{"checkpoint"}, paths(result.Outputs))
}

func TestCancel(t *testing.T) {
	r := newRun(t, "partial")
	ctx, cancel := context.WithCancel(t.Context())
	r.Log = writerFunc(func(p []byte) { cancel() }) // as soon as it runs
	begin := time.Now()
	result, err := newRuntime(t).Run(ctx, r.Task)
	require.NoError(t, err)
	require.Equal(t, runtime.ReasonKilled, result.Reason)
	require.Empty(t, result.Outputs)
	require.NoDirExists(t, r.OutputDir)
	require.Less(t, time.Since(begin), 10*time.Second)

	result, err = newRuntime(t).Run(ctx, r.Task)
	require.NoError(t, err)
	require.Equal(t, runtime.ReasonKilled, result.Reason, "an ended context")
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

func TestMemory(t *testing.T) {
	r := newRun(t, "hog")
	result := r.do(t)
	require.Equal(t, runtime.ReasonMemory, result.Reason, "%+v\n%s", result, r.log)
	require.Contains(t, result.Message, "67108864 bytes")
	require.NotZero(t, result.ExitCode)
	require.Less(t, result.PeakMemory, r.Limits.MemoryBytes+200<<20)

	r = newRun(t, "hello")
	r.Limits.MemoryBytes = 1 << 16 // not even the first pages
	result = r.do(t)
	require.Equal(t, runtime.ReasonMemory, result.Reason, "%+v\n%s", result, r.log)
}

func TestOutputLimits(t *testing.T) {
	for name, c := range map[string]struct {
		args   []string
		reason runtime.Reason
		says   string
	}{
		"bytes at the limit":          {[]string{"bytes", "1048576"}, runtime.ReasonExited, ""},
		"bytes past the limit":        {[]string{"bytes", "1048577"}, runtime.ReasonOutput, "1048576 bytes"},
		"files at the limit":          {[]string{"files", "50"}, runtime.ReasonExited, ""},
		"files past the limit":        {[]string{"files", "51"}, runtime.ReasonOutput, "50 files"},
		"directories at the limit":    {[]string{"dirs", "50"}, runtime.ReasonExited, ""},
		"directories past the limit":  {[]string{"dirs", "51"}, runtime.ReasonOutput, "50 files"},
		"truncate":                    {[]string{"sparse", "truncate"}, runtime.ReasonOutput, "bytes"},
		"write at an offset":          {[]string{"sparse", "writeat"}, runtime.ReasonOutput, "bytes"},
		"seek and write":              {[]string{"sparse", "seek"}, runtime.ReasonOutput, "bytes"},
		"allocate":                    {[]string{"sparse", "allocate"}, runtime.ReasonOutput, "bytes"},
		"replaced files give it back": {[]string{"replace", "3000"}, runtime.ReasonExited, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, c.args...)
			if strings.HasPrefix(name, "replaced") {
				r.Limits.OutputBytes, r.Limits.OutputFiles = 801, 2
			}
			result := r.do(t)
			require.Equal(t, c.reason, result.Reason, "%+v\n%s", result, r.log)
			require.Contains(t, result.Message, c.says)
			if c.reason == runtime.ReasonExited {
				require.Zero(t, result.ExitCode, r.log)
			}
			total := int64(0)
			for _, f := range result.Outputs {
				total += f.Size
			}
			require.LessOrEqual(t, total, r.Limits.OutputBytes)
			require.LessOrEqual(t, len(result.Outputs), r.Limits.OutputFiles)
		})
	}
}

func TestLogFlood(t *testing.T) {
	r := newRun(t, "flood", "10737418240") // 10 GiB
	r.Limits.LogBytes = 1000
	result := r.do(t)
	requireExit(t, r, result, 0)
	require.Equal(t, []string{"after"}, paths(result.Outputs))
	kept, notice, ok := strings.Cut(r.log.String(), "\n")
	require.True(t, ok)
	require.Equal(t, strings.Repeat("x", 1000), kept)
	require.Equal(t, "[log cut here: its limit is reached; the program went on]\n", notice)
}

func TestLogOfExactlyTheLimitIsNotCut(t *testing.T) {
	r := newRun(t, "hello")
	r.Limits.LogBytes = int64(len("stdout []\nstderr  0\n"))
	requireExit(t, r, r.do(t), 0)
	require.Equal(t, "stdout []\nstderr  0\n", r.log.String())
}

func TestSleepCostsNothing(t *testing.T) {
	r := newRun(t, "sleep")
	r.Limits.Duration = 20 * time.Second
	requireExit(t, r, r.do(t), 0)
}

func TestDeterminism(t *testing.T) {
	facts := func(prepare func(r *run)) (string, []runtime.File) {
		r := newRun(t, "facts")
		r.Env = []string{"A=1", "B=2"}
		for _, p := range []string{"z/1", "a", "m"} {
			r.input(t, p, p)
		}
		prepare(r)
		result := r.do(t)
		requireExit(t, r, result, 0)
		for i := range result.Outputs {
			result.Outputs[i].Host = ""
		}
		return r.log.String(), result.Outputs
	}
	log, outputs := facts(func(*run) {})
	require.Len(t, outputs, 4)
	again := func(r *run) {
		// Another time, environment, working directory, place and order.
		t.Setenv("TZ", "Asia/Tokyo")
		t.Setenv("HOME", "/nowhere")
		t.Setenv("A", "host")
		t.Chdir(t.TempDir())
		r.Inputs[0], r.Inputs[2] = r.Inputs[2], r.Inputs[0]
		moved := filepath.Join(t.TempDir(), "renamed")
		program, err := os.ReadFile(r.Artifact)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(moved, program, 0o600))
		r.Artifact = moved
	}
	logAgain, outputsAgain := facts(again)
	require.Equal(t, log, logAgain)
	require.Equal(t, outputs, outputsAgain)
}
