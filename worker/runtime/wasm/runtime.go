package wasm

import (
	"context"
	"syscall"
	"time"

	"github.com/edgematrix/emc/worker/runtime"
)

// Name is the name under which apps ask for this runtime.
const Name = "wasm"

// Runtime runs each task in a child process. It holds no state of its own
// between runs except the compilation cache on disk.
type Runtime struct {
	config     Config
	attributes func() *syscall.SysProcAttr // of the child; tests take some away
	freezer    freezer
}

var (
	_ runtime.Runtime = (*Runtime)(nil)
	_ runtime.Freezer = (*Runtime)(nil)
	_ runtime.Server  = (*Runtime)(nil)
)

// New returns a Runtime. It starts nothing; Check says whether it will work.
func New(c Config) (*Runtime, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Runtime{config: c, attributes: childAttributes}, nil
}

// Name implements runtime.Runtime.
func (*Runtime) Name() string { return Name }

// Run implements runtime.Runtime. Scratch lies in a hidden directory
// .emc-wasm-* beside OutputDir, so that finished outputs are moved, not copied;
// it is gone when Run returns. What a killed worker left there may be removed
// whenever nothing runs.
func (r *Runtime) Run(ctx context.Context, t runtime.Task) (runtime.Result, error) {
	begin := time.Now()
	if err := runtime.Validate(t); err != nil {
		return internalResult("the task breaks the rules"), err
	}
	if err := ctx.Err(); err != nil {
		return killedResult(), nil
	}
	scratch, err := newScratch(t.OutputDir)
	if err != nil {
		return internalResult("its scratch directory cannot be made"), err
	}
	defer func() {
		if err := scratch.remove(); err != nil {
			r.config.Logger.Warn("scratch is left behind", "task", t.ID, "error", err)
		}
	}()

	ended, err := r.supervise(ctx, t, scratch, begin.Add(t.Limits.Duration), way{})
	result := ended.result
	result.Wall = time.Since(begin)
	if err != nil {
		return result, err
	}
	if ended.detail != "" {
		r.config.Logger.Info("wasm program ended abnormally", "task", t.ID, "reason", result.Reason, "detail", ended.detail)
	}
	r.prune(ended)
	if result.Reason == runtime.ReasonKilled {
		return result, nil
	}
	result.Outputs, err = scratch.publish(ctx, t)
	switch {
	case err != nil && ctx.Err() != nil:
		killed := killedResult()
		killed.Wall, killed.CPU, killed.PeakMemory = result.Wall, result.CPU, result.PeakMemory
		return killed, nil
	case err != nil:
		result.Reason, result.ExitCode, result.Outputs = runtime.ReasonInternal, -1, nil
		result.Message = "the worker could not collect the program's output"
		return result, err
	}
	return result, nil
}

func internalResult(what string) runtime.Result {
	return runtime.Result{Reason: runtime.ReasonInternal, ExitCode: -1, Message: "the worker could not run the job: " + what}
}

func killedResult() runtime.Result {
	return runtime.Result{Reason: runtime.ReasonKilled, ExitCode: -1, Message: "the job was cancelled"}
}

// trustedCache is the cache directory, or nothing when it cannot be trusted:
// a job then takes longer, and the operator is told.
func (r *Runtime) trustedCache() string {
	if r.config.CacheDir == "" {
		return ""
	}
	if err := checkCacheDir(r.config.CacheDir); err != nil {
		r.config.Logger.Warn("the compilation cache is not used", "error", err)
		return ""
	}
	return r.config.CacheDir
}
