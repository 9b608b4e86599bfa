package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// FitTimeout bounds how long the index of transactions may lag behind.
const FitTimeout = 20 * time.Second

// CommandTimeout bounds a command that a person would type and wait for.
const CommandTimeout = 3 * time.Minute

// lazyGC lets a command's heap grow before it is looked through: emcd takes half a
// second of a processor to start, of which a sixth was that, and tests type hundreds.
const lazyGC = "GOGC=400"

// Answer is what a command said.
type Answer struct {
	Out, Err string
	// Code is the exit status.
	Code int
}

// Failure is an Answer with an exit status other than 0, in words.
type Failure struct {
	Command string
	Answer
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%s: exit status %d: %s", f.Command, f.Code, strings.TrimSpace(Tail(f.Err, 15)))
}

// Command runs a program to its end. The error is a *Failure when it ended with
// another status than 0.
func Command(ctx context.Context, dir string, env []string, name string, args ...string) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, CommandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = dir, append(append(os.Environ(), lazyGC), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	err := cmd.Run()
	a := Answer{Out: out.String(), Err: problem.String()}
	if err == nil {
		return a, nil
	}
	line := filepath.Base(name) + " " + strings.Join(args, " ")
	if ctx.Err() != nil {
		return a, fmt.Errorf("%s: %w\n%s", line, ctx.Err(), Tail(a.Err, 15))
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return a, fmt.Errorf("%s: %w", line, err)
	}
	a.Code = exit.ExitCode()
	return a, &Failure{line, a}
}

// wrapped is a command that another runs, such as `ip netns exec NAME`.
func wrapped(wrap []string, name string, args []string) []string {
	return append(append(slices.Clone(wrap), name), args...)
}
