package wasm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/edgematrix/emc/worker/runtime"
)

// prepareLimits bound the compiling of a program ahead of its jobs.
func prepareLimits() runtime.Limits {
	return runtime.Limits{
		Duration: 5 * time.Minute, MemoryBytes: pageBytes, OutputBytes: 1, OutputFiles: 1, LogBytes: 1,
	}
}

// Prepare compiles a program into the cache, so that its first job does not
// wait for it. The artifact is an absolute path, the digest 64 lower-case hex
// digits. It returns an error when the program cannot be compiled, and does
// nothing without a cache.
func (r *Runtime) Prepare(ctx context.Context, artifact, sha256 string) error {
	if r.trustedCache() == "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "emc-wasm-prepare-*")
	if err != nil {
		return fmt.Errorf("wasm runtime: cannot make a temporary directory: %w; free some space or set TMPDIR", err)
	}
	defer os.RemoveAll(dir)
	t := runtime.Task{
		ID: "prepare", Artifact: artifact, ArtifactSHA256: sha256,
		OutputDir: filepath.Join(dir, outDirName), Limits: prepareLimits(),
	}
	if err := runtime.Validate(t); err != nil {
		return err
	}
	ended, err := r.supervise(ctx, t, scratch{dir}, time.Now().Add(t.Limits.Duration), way{compileOnly: true})
	if err != nil {
		return err
	}
	r.prune(ended)
	if ended.result.Reason == runtime.ReasonKilled {
		return context.Cause(ctx)
	}
	if ended.result.Reason != runtime.ReasonExited || ended.result.ExitCode != 0 {
		return errors.New(ended.result.Message)
	}
	return nil
}

// prune keeps the cache within its size after a run that added to it.
func (r *Runtime) prune(e ending) {
	if !e.fresh || r.config.CacheDir == "" {
		return
	}
	if err := pruneCache(r.config.CacheDir, r.config.CacheBytes); err != nil {
		r.config.Logger.Warn("the compilation cache cannot be pruned", "error", err)
	}
}
