//go:build linux

package docker

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/worker/runtime"
)

func TestDeadline(t *testing.T) {
	t.Parallel() // it waits
	r := newRun(t, "partial")
	r.rt = newTestRuntime(t, nil)
	require.NoError(t, r.rt.Prepare(t.Context(), r.Artifact, r.ArtifactSHA256))
	// The time has to suffice for starting two containers on a busy machine.
	r.Limits.Duration = 15 * time.Second
	result := r.do(t)
	require.Equal(t, runtime.ReasonDeadline, result.Reason, "%+v", result)
	require.Equal(t, -1, result.ExitCode)
	require.Contains(t, result.Message, "15s")
	require.GreaterOrEqual(t, result.Wall, r.Limits.Duration)
	require.Equal(t, []string{"checkpoint"}, paths(result.Outputs))
	require.Equal(t, "half done\n", r.log.String())
	require.Positive(t, result.PeakMemory)
	require.Positive(t, result.CPU)
}

func TestDeadlineBeforeTheStart(t *testing.T) {
	r := newRun(t, "hello")
	r.Limits.Duration = time.Nanosecond
	result := r.do(t)
	require.Equal(t, runtime.ReasonDeadline, result.Reason, "%+v", result)
	require.Empty(t, result.Outputs)
}

func TestCancel(t *testing.T) {
	r := newRun(t, "partial")
	rt := newTestRuntime(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	r.Log = writerFunc(func([]byte) { cancel() }) // as soon as it runs
	result, err := rt.Run(ctx, r.Task)
	require.NoError(t, err)
	require.Equal(t, runtime.ReasonKilled, result.Reason)
	require.Empty(t, result.Outputs)
	require.NoDirExists(t, r.OutputDir)
	requireNothingLeft(t, rt)
}

type writerFunc func(p []byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

func TestMemory(t *testing.T) {
	rt := newTestRuntime(t, nil)
	r := newRun(t, "hog")
	r.rt = rt
	result := r.do(t)
	require.Equal(t, runtime.ReasonMemory, result.Reason, "%+v\n%s", result, r.log)
	require.Contains(t, result.Message, "67108864 bytes")
	require.Equal(t, 137, result.ExitCode)
	require.LessOrEqual(t, result.PeakMemory, memoryBytes(r.Limits))
}

func TestOutputLimits(t *testing.T) {
	rt := newTestRuntime(t, nil)
	for name, c := range map[string]struct {
		args   []string
		reason runtime.Reason
		says   string
	}{
		"bytes at the limit":          {[]string{"bytes", "1048576"}, runtime.ReasonExited, ""},
		"bytes past the limit":        {[]string{"bytes", "1048577"}, runtime.ReasonOutput, "1048576 bytes"},
		"bytes without end":           {[]string{"fill", "/out"}, runtime.ReasonOutput, "1048576 bytes"},
		"files at the limit":          {[]string{"files", "50"}, runtime.ReasonExited, ""},
		"files past the limit":        {[]string{"files", "51"}, runtime.ReasonOutput, "50 files"},
		"files without end":           {[]string{"inodes", "/out"}, runtime.ReasonOutput, "50 files"},
		"directories past the limit":  {[]string{"dirs", "51"}, runtime.ReasonOutput, "50 files"},
		"sparse files":                {[]string{"sparse", "1000000", "4"}, runtime.ReasonOutput, "bytes"},
		"a huge sparse file":          {[]string{"sparse", "1099511627776", "1"}, runtime.ReasonExited, "too large"},
		"replaced files give it back": {[]string{"replace", "3000"}, runtime.ReasonExited, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, c.args...)
			r.rt = rt
			result := r.do(t)
			require.Equal(t, c.reason, result.Reason, "%+v\n%s", result, r.log)
			require.Contains(t, result.Message+r.log.String(), c.says)
			if c.says == "" {
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

// TestFullOutputIsNoLackOfMemory: /out is larger than what the program may hold.
func TestFullOutputIsNoLackOfMemory(t *testing.T) {
	r := newRun(t, "fill", "/out")
	r.Limits.MemoryBytes, r.Limits.OutputBytes = 32<<20, 128<<20
	result := r.do(t)
	require.Equal(t, runtime.ReasonOutput, result.Reason, "%+v\n%s", result, r.log)
}

func TestLogFlood(t *testing.T) {
	r := newRun(t, "flood", "268435456") // 256 MiB
	r.Limits.LogBytes = 1000
	result := r.do(t)
	requireExit(t, r, result, 0)
	require.Equal(t, []string{"after"}, paths(result.Outputs))
	require.Equal(t, strings.Repeat("x", 1000)+"\n"+cutNotice, r.log.String())
}

func TestLogOfExactlyTheLimitIsNotCut(t *testing.T) {
	r := newRun(t, "hello")
	r.Limits.LogBytes = int64(len("stdout [from the image] image\n"))
	r.Args = nil
	requireExit(t, r, r.do(t), 0)
	require.Equal(t, "stdout [from the image] image\n", r.log.String())
}

// TestRunsAtOnce starts several jobs of one image that is not loaded yet: it is
// loaded once, and they do not disturb each other.
func TestRunsAtOnce(t *testing.T) {
	rt := newTestRuntime(t, nil)
	var group errgroup.Group
	var mu sync.Mutex
	logs := map[string]bool{}
	for i := range 4 {
		r := newRun(t, "hello", itoa(i))
		group.Go(func() error {
			result, err := rt.Run(t.Context(), r.Task)
			mu.Lock()
			defer mu.Unlock()
			logs[r.log.String()] = err == nil && result.ExitCode == 0 && len(result.Outputs) == 1
			return err
		})
	}
	require.NoError(t, group.Wait())
	require.Len(t, logs, 4)
	for text, ok := range logs {
		require.True(t, ok, text)
	}
}
