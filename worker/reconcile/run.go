package reconcile

import (
	"context"
	"time"

	"github.com/edgematrix/emc/worker/runtime"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// run is a job that runs in this process.
type run struct {
	cancel context.CancelFunc
	// killed holds why the chain no longer wants the run.
	killed string
}

// begin starts a run beside the loop.
func (l *Loop) begin(ctx context.Context, id string, j *computetypes.Job, d Decision) {
	ctx, cancel := context.WithCancel(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.runs[id] != nil {
		cancel()
		return
	}
	r := &run{cancel: cancel}
	l.runs[id] = r
	l.group.Add(1)
	go func() {
		defer l.group.Done()
		defer cancel()
		l.execute(ctx, id, j.Runtime, d, r)
		l.mu.Lock()
		delete(l.runs, id)
		l.mu.Unlock()
		l.Wake()
	}()
}

func (l *Loop) kill(id, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r := l.runs[id]; r != nil && r.killed == "" {
		r.killed = why
		r.cancel()
	}
}

func (l *Loop) execute(ctx context.Context, id, name string, d Decision, r *run) {
	log := l.cfg.Logger.With("job", id)
	task, err := l.cfg.Store.Begin(id)
	if err != nil {
		log.Error("job: the run cannot begin", "error", err)
		return
	}
	if l.cfg.SlotCPUs != nil {
		task.Limits.CPUs = l.cfg.SlotCPUs()
	}
	task.Limits.Duration = min(task.Limits.Duration, d.Limit)
	// The format allows "none"; a runtime needs a bound above zero.
	task.Limits.OutputBytes = max(task.Limits.OutputBytes, 1)
	task.Limits.OutputFiles = max(task.Limits.OutputFiles, 1)
	task.Limits.LogBytes = max(task.Limits.LogBytes, 1)

	result, err := l.cfg.Runtimes[name].Run(ctx, task)
	if err != nil {
		log.Error("job: the runtime failed", "error", err)
		result.Reason = runtime.ReasonInternal
	}
	if ctx.Err() != nil {
		l.stopped(id, r)
		return
	}
	if result.Reason == runtime.ReasonDeadline && d.Short {
		result.Reason, result.ExitCode, result.Outputs = runtime.ReasonInternal, -1, nil
		result.Message = "the worker was interrupted, and the time that was left did not suffice to run the job again"
	}
	log.Info("job: run ended", "end", result.Reason, "exit_code", result.ExitCode, "message", result.Message,
		"wall", result.Wall.Round(time.Millisecond), "cpu", result.CPU.Round(time.Millisecond), "outputs", len(result.Outputs))
	if l.cfg.Ended != nil {
		l.cfg.Ended(result)
	}
	l.finish(ctx, id, result, r)
}

// finish keeps the result. A full disk is waited out as long as the chain
// wants the job: a run that was paid for is not thrown away.
func (l *Loop) finish(ctx context.Context, id string, result runtime.Result, r *run) {
	for {
		_, err := l.cfg.Store.Finish(id, result)
		if err == nil {
			return
		}
		l.cfg.Logger.Error("job: the result cannot be stored; trying again", "job", id, "error", err)
		retry := time.NewTimer(2 * time.Second)
		select {
		case <-retry.C:
		case <-ctx.Done():
			retry.Stop()
			l.stopped(id, r)
			return
		}
	}
}

// stopped tidies up after a run that did not end by itself. When the whole
// worker stops, everything stays as it is and the job is done again.
func (l *Loop) stopped(id string, r *run) {
	l.mu.Lock()
	why := r.killed
	l.mu.Unlock()
	if why == "" {
		return
	}
	l.cfg.Logger.Info("job: killed", "job", id, "reason", why)
	if err := l.discard(id, why); err != nil {
		l.cfg.Logger.Error("job: cannot be closed in the store", "job", id, "error", err)
	}
}
