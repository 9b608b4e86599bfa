package wasm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	goruntime "runtime"
	"strings"
	"sync"
	"time"

	"github.com/edgematrix/emc/worker/runtime"
)

// ending is how a child ended.
type ending struct {
	result runtime.Result
	detail string // for the operator
	fresh  bool   // the program was compiled
}

// way is how a child is run.
type way struct {
	compileOnly bool
	service     *service // nil for a job
}

// supervise runs one child from start to death. Nothing of it is left when it
// returns. A zero deadline is none.
func (r *Runtime) supervise(ctx context.Context, t runtime.Task, s scratch, deadline time.Time, w way) (ending, error) {
	limited, cancel := ctx, context.CancelFunc(func() {})
	var expired <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		expired = timer.C
		limited, cancel = context.WithDeadline(ctx, deadline)
	}
	defer cancel()
	leave, err := r.freezer.gate.Enter(limited)
	if err != nil && ctx.Err() != nil {
		return ending{result: killedResult()}, nil
	}
	if err != nil {
		return ending{result: deadlineResult(t.Limits)}, nil
	}
	c, err := r.startChild(t, s, w)
	if err == nil {
		defer r.freezer.add(c)()
	}
	leave()
	if err != nil {
		return ending{result: internalResult("its process cannot be started")},
			fmt.Errorf("cannot start the wasm child process %s: %w", r.config.Executable, err)
	}
	var killed runtime.Reason
	select {
	case <-c.dead:
	case <-expired:
		killed = runtime.ReasonDeadline
	case <-ctx.Done():
		killed = runtime.ReasonKilled
	}
	if killed != "" {
		c.kill()
		<-c.dead
	}
	w.service.close(ctx, killed != "")
	c.drain()
	if c.logErr != nil {
		r.config.Logger.Warn("the program's log is incomplete", "task", t.ID, "error", c.logErr)
	}
	end, err := c.judge(killed, t.Limits)
	end.result.CPU = c.cmd.ProcessState.UserTime() + c.cmd.ProcessState.SystemTime()
	end.result.PeakMemory = c.peak
	return end, err
}

// child is a running child process with the pipes that lead to it.
type child struct {
	cmd      *exec.Cmd
	lifeline *os.File // its closing kills the child
	dead     chan struct{}
	readers  sync.WaitGroup

	peak    int64
	reports reports
	stderr  head
	logErr  error
}

func (r *Runtime) startChild(t runtime.Task, s scratch, w way) (*child, error) {
	var pipes pipes
	defer pipes.closeChildEnds()
	jobR, jobW := pipes.toChild()
	logR, logW := pipes.fromChild()
	repR, repW := pipes.fromChild()
	errR, errW := pipes.fromChild()
	extra := []*os.File{repW}
	if w.service != nil {
		extra = append(extra, w.service.pipes(&pipes)...)
	}
	if pipes.err != nil {
		pipes.closeParentEnds()
		return nil, pipes.err
	}

	c := &child{lifeline: jobW, dead: make(chan struct{}), stderr: head{most: 2 << 10}}
	c.cmd = exec.Command(r.config.Executable, r.config.ChildArgs...)
	c.cmd.Dir = s.dir
	c.cmd.Env = []string{} // not nil, which would mean the worker's own
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = jobR, logW, errW
	c.cmd.ExtraFiles = extra
	c.cmd.SysProcAttr = r.attributes()

	started := make(chan error)
	go c.live(started)
	if err := <-started; err != nil {
		pipes.closeParentEnds()
		return nil, err
	}

	j := job{
		Version: protocolVersion, Artifact: t.Artifact, ArtifactSHA256: t.ArtifactSHA256,
		Args: t.Args, Env: t.Env, Inputs: t.Inputs, Limits: t.Limits,
		CacheDir: r.trustedCache(), CompileOnly: w.compileOnly, Service: w.service != nil,
	}
	log := t.Log
	if log == nil {
		log = io.Discard
	}
	// A child that dies early makes the write fail; its death says why.
	c.readers.Go(func() { _ = writeJob(jobW, j) })
	c.readers.Go(func() { c.logErr = copyLog(log, logR, t.Limits.LogBytes); logR.Close() })
	c.readers.Go(func() { c.reports = readReports(repR); repR.Close() })
	c.readers.Go(func() { _, _ = io.Copy(&c.stderr, errR); errR.Close() })
	w.service.start()
	return c, nil
}

// live starts the child and waits for its end on one thread, for Pdeathsig
// kills the child when the thread that started it ends, and Go ends threads as
// it likes.
func (c *child) live(started chan<- error) {
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	err := c.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	// The exit status is judged by what the child reported.
	_ = c.cmd.Wait()
	close(c.dead)
}

func (c *child) kill() {
	c.peak = peakMemory(c.cmd.Process.Pid)
	// An error means that the child is dead already.
	_ = c.cmd.Process.Kill()
}

// drain waits until everything that the child had written is read.
func (c *child) drain() {
	c.readers.Wait()
	c.lifeline.Close()
	if c.peak == 0 {
		c.peak = rusagePeak(c.cmd.ProcessState)
	}
}

// judge decides what a dead child died of.
func (c *child) judge(killed runtime.Reason, l runtime.Limits) (ending, error) {
	if rep := c.reports.done; rep != nil {
		end := ending{
			result: runtime.Result{Reason: rep.Reason, ExitCode: rep.ExitCode, Message: rep.Message},
			detail: rep.Detail, fresh: rep.Compiled,
		}
		if rep.Peak > 0 {
			c.peak = rep.Peak
		}
		if rep.Reason == runtime.ReasonInternal {
			return end, errors.New(rep.Detail)
		}
		return end, nil
	}
	switch killed {
	case runtime.ReasonKilled:
		return ending{result: killedResult()}, nil
	case runtime.ReasonDeadline:
		return ending{result: deadlineResult(l)}, nil
	}

	status, said := c.cmd.ProcessState.String(), c.stderr.String()
	detail := status + ": " + said
	if strings.Contains(said, "out of memory") || strings.Contains(said, "cannot allocate memory") {
		return ending{detail: detail, result: runtime.Result{
			Reason: runtime.ReasonMemory, ExitCode: runtime.CrashExitCode,
			Message: fmt.Sprintf("the program, or compiling it, needed more memory than its limit of %d bytes allows", l.MemoryBytes),
		}}, nil
	}
	slain := deadlySignal(c.cmd.ProcessState)
	if strings.Contains(said, "SIGXCPU") {
		return ending{detail: detail, result: runtime.Result{
			Reason: runtime.ReasonDeadline, ExitCode: -1,
			Message: fmt.Sprintf("the program used all the processor time that its time limit of %s allows", l.Duration),
		}}, nil
	}
	if c.reports.started && !slain {
		// It ran, and it took its process down: the program's doing, not the worker's.
		return ending{detail: detail, result: runtime.Result{
			Reason: runtime.ReasonExited, ExitCode: runtime.CrashExitCode,
			Message: "the program crashed its sandbox (" + status + ")",
		}}, nil
	}
	if slain {
		return ending{result: internalResult("something else on the worker's machine killed it")},
			fmt.Errorf("the wasm child process was killed by something else, most likely because the machine ran out of memory: %s", detail)
	}
	return ending{result: internalResult("its process failed")},
		fmt.Errorf("the wasm child process failed before it ran the program: %s", detail)
}

func deadlineResult(l runtime.Limits) runtime.Result {
	return runtime.Result{
		Reason: runtime.ReasonDeadline, ExitCode: -1,
		Message: fmt.Sprintf("the program was still running when its time limit of %s ended", l.Duration),
	}
}

// head keeps the beginning of what is written to it: a Go crash says what it
// is in its first lines.
type head struct {
	bytes.Buffer
	most int
}

func (h *head) Write(p []byte) (int, error) {
	if room := h.most - h.Len(); room > 0 {
		h.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}
