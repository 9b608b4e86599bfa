package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	cerrdefs "github.com/containerd/errdefs"

	"github.com/edgematrix/emc/worker/runtime"
)

// job is one Run, or one Serve.
type job struct {
	r        *Runtime
	task     runtime.Task
	deadline time.Time
	id       runID // of the first attempt, and of the scratch directory
	scratch  scratch
	log      *logWriter
	service  *service // nil for a job
	usage    *usage
	oomKills uint64 // of the machine, before the job
	// attempts are the runs whose containers may still be there.
	attempts []runID
}

func (r *Runtime) newJob(t runtime.Task, deadline time.Time) (*job, error) {
	id := newRunID()
	r.begun(id)
	s, err := newScratch(r.config.StateDir, id, t.OutputDir)
	if err != nil {
		r.ended(id)
		return nil, err
	}
	log := t.Log
	if log == nil {
		log = io.Discard
	}
	return &job{
		r: r, task: t, deadline: deadline, id: id, scratch: s, usage: &usage{}, oomKills: oomKills(),
		log: &logWriter{w: log, left: t.Limits.LogBytes},
	}, nil
}

// close leaves nothing of the run behind. What cannot be removed now is found
// by Sweep.
func (j *job) close() {
	ctx, cancel := context.WithTimeout(context.Background(), cleanTimeout)
	defer cancel()
	for _, id := range j.attempts {
		if err := j.r.remove(ctx, id); err != nil {
			j.r.config.Logger.Warn("something of a run is left behind; it is removed later", "task", j.task.ID, "run", id, "error", err)
		}
		j.r.ended(id)
	}
	if err := j.scratch.remove(); err != nil {
		j.r.config.Logger.Warn("scratch is left behind; it is removed later", "task", j.task.ID, "error", err)
	}
	j.r.ended(j.id)
	if j.log.failed != nil {
		j.r.config.Logger.Warn("the program's log is incomplete", "task", j.task.ID, "error", j.log.failed)
	}
}

// run makes attempts until one comes to an end of its own.
func (j *job) run(ctx context.Context) (runtime.Result, error) {
	limited, cancel := context.WithDeadline(ctx, j.deadline)
	defer cancel()
	if err := j.scratch.fill(limited, j.task.Inputs); err != nil {
		return j.give(ctx, limited, "its inputs cannot be put into place", err)
	}
	losses := 0 // of the Engine
	for n := 1; ; n++ {
		result, err := j.attempt(ctx, limited)
		if err == nil {
			if losses > 0 && result.Reason == runtime.ReasonDeadline {
				// A customer does not pay for an Engine that was restarted.
				return internalResult("its container engine was restarted, and the time that was left did not suffice"),
					fmt.Errorf("docker runtime: the Engine went away %d times while task %s ran, and its time is over", losses, j.task.ID)
			}
			return result, nil
		}
		if ctx.Err() != nil {
			return killedResult(), nil
		}
		if c, ok := asCustomer(err); ok {
			return runtime.Result{
				Reason: runtime.ReasonExited, ExitCode: runtime.CrashExitCode,
				Message: "the program is not one that this runtime can run: " + c.words,
			}, nil
		}
		if n == 1 && cerrdefs.IsNotFound(err) && limited.Err() == nil {
			// Somebody removed an image between its loading and its use, as an
			// operator's `docker image prune` does.
			j.r.config.Logger.Warn("something that the run needs was removed; trying once more", "task", j.task.ID, "error", err)
			continue
		}
		if errors.Is(err, runtime.ErrInvalid) || n == maxAttempts || !j.r.engine.lost(limited, err) {
			return j.give(ctx, limited, "its container failed", err)
		}
		losses++
		j.r.config.Logger.Warn("the Engine went away in the middle of a run; waiting for it", "task", j.task.ID, "error", err)
		if j.r.engine.await(limited); limited.Err() != nil {
			return j.notBack(ctx, err)
		}
		j.log.notice("[the worker's container engine was restarted; the program starts again]\n")
		if err := j.scratch.emptyOutputs(); err != nil {
			return internalResult("its scratch directory cannot be made"), err
		}
	}
}

// notBack is for an Engine that stayed away for as long as the job had.
func (j *job) notBack(ctx context.Context, err error) (runtime.Result, error) {
	if ctx.Err() != nil {
		return killedResult(), nil //nolint:nilerr // to be cancelled is no error
	}
	return internalResult("its container engine went away and did not come back in time"),
		fmt.Errorf("docker runtime: the Engine went away while task %s ran: %w", j.task.ID, err)
}

// give says why a job could not be run, unless it was cancelled or its time is
// over.
func (j *job) give(ctx, limited context.Context, what string, err error) (runtime.Result, error) {
	switch {
	case ctx.Err() != nil:
		return killedResult(), nil //nolint:nilerr // to be cancelled is no error
	case limited.Err() != nil && errors.Is(err, context.DeadlineExceeded):
		return deadlineResult(j.task.Limits), nil
	case cerrdefs.IsResourceExhausted(err):
		what = "its container engine has no room"
	}
	return internalResult(what), fmt.Errorf("docker runtime: task %s: %w", j.task.ID, err)
}
