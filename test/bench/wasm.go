package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
	"github.com/edgematrix/emc/worker/runtime"
	"github.com/edgematrix/emc/worker/runtime/wasm"
)

// wasmStarts is how often a start is timed.
const wasmStarts = 30

// wasmFigures times the start of a real program: from the call of the runtime,
// through the worker's own child process, until the first line that the
// program's main prints. The reference is the start of a process that does
// nothing, timed in turns with it.
func wasmFigures(bin string) ([]Figure, error) {
	b := rig.Binaries(bin)
	if err := b.Check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "emc-bench-wasm-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cache := filepath.Join(dir, "cache")
	if err := os.Mkdir(cache, 0o700); err != nil {
		return nil, err
	}
	worker, err := filepath.Abs(b.Worker())
	if err != nil {
		return nil, err
	}
	r, err := wasm.New(wasm.Config{Executable: worker, ChildArgs: []string{"wasm-child"}, CacheDir: cache, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	cold, err := timeStart(ctx, r, b.Charlm(), filepath.Join(dir, "cold"))
	if err != nil {
		return nil, err
	}
	var starts, bare []time.Duration
	for i := range wasmStarts {
		start, err := timeStart(ctx, r, b.Charlm(), filepath.Join(dir, fmt.Sprint("run", i)))
		if err != nil {
			return nil, err
		}
		begin := time.Now()
		if err := exec.CommandContext(ctx, "true").Run(); err != nil {
			return nil, err
		}
		starts, bare = append(starts, start), append(bare, time.Since(begin))
	}
	warm, process := median(seconds(starts)), median(seconds(bare))
	return []Figure{
		{Name: "wasm.start_ms", Value: warm * 1000, Unit: "ms", Goal: "<= 300"},
		{Name: "wasm.start.vs_process", Value: warm / process, Unit: "ratio", Goal: "-"},
		{Name: "wasm.first_start_ms", Value: cold.Seconds() * 1000, Unit: "ms", Goal: "-"},
	}, nil
}

// timeStart runs a program that says something at once.
func timeStart(ctx context.Context, r *wasm.Runtime, artifact, out string) (time.Duration, error) {
	digest, err := rig.Digest(artifact)
	if err != nil {
		return 0, err
	}
	path, err := filepath.Abs(artifact)
	if err != nil {
		return 0, err
	}
	first := &firstWrite{}
	begin := time.Now()
	result, err := r.Run(ctx, runtime.Task{
		ID: "bench", Artifact: path, ArtifactSHA256: digest, Args: []string{"help"}, OutputDir: out, Log: first,
		Limits: runtime.Limits{Duration: time.Minute, MemoryBytes: 256 << 20, OutputBytes: 1 << 20, OutputFiles: 10, LogBytes: 1 << 20},
	})
	switch {
	case err != nil:
		return 0, err
	case result.Reason != runtime.ReasonExited || result.ExitCode != 0:
		return 0, fmt.Errorf("the program ended with %s, %d: %s\n%s", result.Reason, result.ExitCode, result.Message, first.text.String())
	case first.at.IsZero():
		return 0, errors.New("the program said nothing")
	}
	return first.at.Sub(begin), nil
}

// firstWrite notes when the first byte came.
type firstWrite struct {
	at   time.Time
	text bytes.Buffer
}

var _ io.Writer = (*firstWrite)(nil)

// Write implements io.Writer.
func (f *firstWrite) Write(b []byte) (int, error) {
	if f.at.IsZero() {
		f.at = time.Now()
	}
	return f.text.Write(b)
}
