package wasm

import (
	"context"
	"io"
	"os"
	"sync"
	"time"

	"github.com/edgematrix/emc/worker/runtime"
)

// Serve implements runtime.Server.
func (r *Runtime) Serve(ctx context.Context, t runtime.Task, stdin io.ReadCloser, stdout io.WriteCloser) (runtime.Result, error) {
	begin := time.Now()
	s := &service{stdin: stdin, stdout: stdout}
	defer s.closeEnds()
	if err := runtime.ValidateService(t); err != nil {
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
	var deadline time.Time
	if t.Limits.Duration > 0 {
		deadline = begin.Add(t.Limits.Duration)
	}
	ended, err := r.supervise(ctx, t, scratch, deadline, way{service: s})
	ended.result.Wall = time.Since(begin)
	r.prune(ended)
	return ended.result, err
}

// service carries a program's input and output between the caller's ends and the
// pipes to its process. A nil service carries nothing.
type service struct {
	stdin  io.ReadCloser
	stdout io.WriteCloser

	in, out *os.File // our ends of the pipes
	closing sync.Once
	reading sync.WaitGroup
	writing sync.WaitGroup
}

// pipes makes the pipes and returns the child's ends.
func (s *service) pipes(p *pipes) []*os.File {
	stdin, in := p.toChild()
	out, stdout := p.fromChild()
	s.in, s.out = in, out
	return []*os.File{stdin, stdout}
}

// start begins to carry, once the child has its ends.
func (s *service) start() {
	if s == nil {
		return
	}
	s.writing.Go(func() {
		// Whichever end fails, the program reads the end of its input.
		_, _ = io.Copy(s.in, s.stdin)
		s.in.Close()
	})
	s.reading.Go(func() {
		_, _ = io.Copy(s.stdout, s.out)
		// A program that writes on learns that nobody reads.
		s.out.Close()
		s.stdout.Close()
	})
}

// close ends the carrying after the child's death. What a program wrote before it
// ended by itself is still brought to the caller, as long as he wants it.
func (s *service) close(ctx context.Context, killed bool) {
	if s == nil {
		return
	}
	if !killed {
		stop := context.AfterFunc(ctx, s.closeEnds)
		s.reading.Wait()
		stop()
	}
	s.closeEnds()
	s.reading.Wait()
	s.writing.Wait()
}

func (s *service) closeEnds() {
	s.closing.Do(func() {
		s.stdin.Close()
		s.stdout.Close()
	})
}
