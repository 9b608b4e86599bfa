package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/edgematrix/emc/worker/runtime"
)

// Check implements runtime.Runtime: it runs the probe as any other job, and
// looks at what came out.
func (r *Runtime) Check(ctx context.Context) error {
	if r.config.CacheDir != "" {
		if err := checkCacheDir(r.config.CacheDir); err != nil {
			return fmt.Errorf("wasm runtime: %w", err)
		}
	}
	dir, err := os.MkdirTemp("", "emc-wasm-check-*")
	if err != nil {
		return fmt.Errorf("wasm runtime: cannot make a temporary directory: %w; free some space or set TMPDIR", err)
	}
	defer os.RemoveAll(dir)
	task, log, err := probeTask(dir)
	if err != nil {
		return fmt.Errorf("wasm runtime: cannot write a probe to %s: %w; free some space or set TMPDIR", dir, err)
	}
	result, err := r.Run(ctx, task)
	switch {
	case err != nil:
		return fmt.Errorf("wasm runtime: a probe could not run: %w", err)
	case result.Reason != runtime.ReasonExited || result.ExitCode != 0:
		return fmt.Errorf("wasm runtime: a probe failed with %s, code %d: %s", result.Reason, result.ExitCode, result.Message)
	case len(result.Outputs) != 1 || result.Outputs[0].SHA256 != task.Inputs[0].SHA256:
		return fmt.Errorf("wasm runtime: a probe left the wrong output: %+v; please report this", result.Outputs)
	case log.String() != probeLog:
		return fmt.Errorf("wasm runtime: a probe left the wrong log %q; please report this", log.String())
	}
	return nil
}

func probeTask(dir string) (runtime.Task, *bytes.Buffer, error) {
	program, input := probeProgram(), []byte("computing power\n")
	artifact, host := filepath.Join(dir, "probe.wasm"), filepath.Join(dir, "input")
	if err := os.WriteFile(artifact, program, 0o600); err != nil {
		return runtime.Task{}, nil, err
	}
	if err := os.WriteFile(host, input, 0o600); err != nil {
		return runtime.Task{}, nil, err
	}
	log := &bytes.Buffer{}
	return runtime.Task{
		ID:             "check",
		Artifact:       artifact,
		ArtifactSHA256: digest(program),
		Inputs:         []runtime.File{{Path: probeFile, Host: host, Size: int64(len(input)), SHA256: digest(input)}},
		OutputDir:      filepath.Join(dir, "outputs"),
		Log:            log,
		Limits: runtime.Limits{
			Duration: 20 * time.Second, MemoryBytes: 1 << 20,
			OutputBytes: 1 << 10, OutputFiles: 1, LogBytes: 1 << 10,
		},
	}, log, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
