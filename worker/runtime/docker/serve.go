package docker

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/moby/moby/api/pkg/stdcopy"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/edgematrix/emc/worker/runtime"
)

// Serve implements runtime.Server. When the Engine goes away, it fails: whoever
// talks to the program has to begin anew anyway.
func (r *Runtime) Serve(ctx context.Context, t runtime.Task, stdin io.ReadCloser, stdout io.WriteCloser) (runtime.Result, error) {
	begin := time.Now()
	s := &service{stdin: stdin, stdout: stdout}
	defer s.closeEnds()
	if err := validate(t, runtime.ValidateService); err != nil {
		return internalResult("the task breaks the rules"), err
	}
	if ctx.Err() != nil {
		return killedResult(), nil
	}
	limited, cancel := context.WithCancel(ctx)
	defer cancel()
	if t.Limits.Duration > 0 {
		limited, cancel = context.WithTimeout(limited, t.Limits.Duration)
		defer cancel()
	}
	j, err := r.newJob(t, time.Time{})
	if err != nil {
		return internalResult("its scratch directory cannot be made"), err
	}
	j.service = s
	defer j.close()
	result, err := j.serve(ctx, limited)
	result.Wall = time.Since(begin)
	result.CPU, result.PeakMemory, _ = j.usage.read()
	return result, err
}

func (j *job) serve(ctx, limited context.Context) (runtime.Result, error) {
	if err := j.scratch.fill(limited, j.task.Inputs); err != nil {
		return j.give(ctx, limited, "its inputs cannot be put into place", err)
	}
	result, err := j.attempt(ctx, limited)
	if err == nil {
		return result, nil
	}
	if c, ok := asCustomer(err); ok && ctx.Err() == nil {
		return runtime.Result{
			Reason: runtime.ReasonExited, ExitCode: runtime.CrashExitCode,
			Message: "the program is not one that this runtime can run: " + c.words,
		}, nil
	}
	return j.give(ctx, limited, "its container failed", err)
}

// service carries a program's input and output. A nil service carries nothing.
type service struct {
	stdin   io.ReadCloser
	stdout  io.WriteCloser
	closing sync.Once
}

// open gives a container an input.
func (s *service) open(c *container.Config) {
	if s != nil {
		c.AttachStdin, c.OpenStdin, c.StdinOnce = true, true, true
	}
}

// read carries the program's output, and its standard error to the log.
func (s *service) read(r io.Reader, log *logWriter) {
	_, _ = stdcopy.StdCopy(s.stdout, onlyCut{log}, r)
	s.stdout.Close()
}

// write carries the program's input.
func (s *service) write(to client.HijackedResponse) {
	_, _ = io.Copy(to.Conn, s.stdin)
	_ = to.CloseWrite()
}

func (s *service) closeEnds() {
	if s == nil {
		return
	}
	s.closing.Do(func() {
		s.stdin.Close()
		s.stdout.Close()
	})
}

// onlyCut is a log that is full without ending what is read beside it.
type onlyCut struct{ *logWriter }

// Write implements io.Writer.
func (o onlyCut) Write(p []byte) (int, error) {
	_, _ = o.logWriter.Write(p)
	return len(p), nil
}
