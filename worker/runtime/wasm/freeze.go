package wasm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/edgematrix/emc/worker/runtime"
)

// freezer knows the children that live.
type freezer struct {
	gate     runtime.Gate
	mu       sync.Mutex
	children map[*child]bool
}

// add notes a child until the function that it returns is called.
func (f *freezer) add(c *child) (remove func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.children == nil {
		f.children = map[*child]bool{}
	}
	f.children[c] = true
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.children, c)
	}
}

// signal reaches every child. It goes to the process rather than to its group:
// a child is fenced in before it runs a program and starts no other process, and
// os.Process never hits a number that another process has taken meanwhile.
func (f *freezer) signal(s os.Signal) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for c := range f.children {
		if err := c.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
			errs = append(errs, fmt.Errorf("wasm child process %d: %w", c.cmd.Process.Pid, err))
		}
	}
	return errors.Join(errs...)
}

// Freeze implements runtime.Freezer: it stops the child processes.
func (r *Runtime) Freeze(ctx context.Context) error {
	err := r.freezer.gate.Shut(ctx)
	return errors.Join(err, r.freezer.signal(stopSignal))
}

// Thaw implements runtime.Freezer. Those that an earlier process stopped are
// dead: the kernel killed them with it, stopped or not.
func (r *Runtime) Thaw(context.Context) error {
	err := r.freezer.signal(continueSignal)
	r.freezer.gate.Open()
	return err
}
