package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a program that runs beside us in a process group of its own.
type Process struct {
	cmd *exec.Cmd
	out *output
	// done is closed when the program has ended; err is how.
	done chan struct{}
	err  error
}

// Launch starts a program. Its output is kept, and written to log if that is
// not empty.
func Launch(log string, env []string, dir, name string, args ...string) (*Process, error) {
	p := &Process{done: make(chan struct{}), out: &output{}}
	if log != "" {
		file, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, err
		}
		p.out.file = file
	}
	p.cmd = exec.Command(name, args...)
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	// A group of its own keeps Ctrl-C to ourselves; whoever dies takes it along.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	p.cmd.WaitDelay = 2 * time.Second
	if err := p.cmd.Start(); err != nil {
		p.out.close()
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		p.out.close()
		close(p.done)
	}()
	return p, nil
}

// PID is the program's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Output is everything that it printed so far.
func (p *Process) Output() string { return p.out.String() }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is how the program ended. Valid after Done.
func (p *Process) Err() error { return p.err }

// ErrEnded means that a program ended while something else was awaited of it.
var ErrEnded = errors.New("the program ended")

// WaitLine waits until the program has printed a line that begins with prefix,
// and returns the line.
func (p *Process) WaitLine(ctx context.Context, prefix string) (string, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if line, ok := p.out.line(prefix); ok {
			return line, nil
		}
		select {
		case <-p.done:
			if line, ok := p.out.line(prefix); ok {
				return line, nil
			}
			return "", fmt.Errorf("%w before it said %q:\n%s", errors.Join(ErrEnded, p.err), prefix, Tail(p.Output(), 30))
		case <-ctx.Done():
			return "", fmt.Errorf("%s did not say %q: %w\n%s", filepath.Base(p.cmd.Path), prefix, ctx.Err(), Tail(p.Output(), 30))
		case <-tick.C:
		}
	}
}

// Kill ends the program and all of its group as a power cut would.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	<-p.done
}

// Interrupt ends the program as Ctrl-C does, and kills it when it has not ended
// after the grace.
func (p *Process) Interrupt(grace time.Duration) error {
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-p.done:
		return p.err
	case <-time.After(grace):
		p.Kill()
		return fmt.Errorf("%s did not end within %s of an interrupt", filepath.Base(p.cmd.Path), grace)
	}
}

// Pause and Resume stop the program's processor time: a machine that hangs.
func (p *Process) Pause() { p.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (p *Process) Resume() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(s syscall.Signal) {
	select {
	case <-p.done: // the id may belong to somebody else by now
	default:
		_ = syscall.Kill(-p.PID(), s)
	}
}

// output collects what a program prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	file *os.File
}

// Write implements io.Writer.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil {
		_, _ = o.file.Write(b)
	}
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil {
		_ = o.file.Close()
		o.file = nil
	}
}

func (o *output) line(prefix string) (string, bool) {
	text := o.String()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) && strings.HasSuffix(line, "\n") {
			return strings.TrimSpace(line), true
		}
	}
	return "", false
}

// Tail is the last lines of a text.
func Tail(text string, lines int) string {
	all := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
