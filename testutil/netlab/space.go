package netlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// spaces is where ip keeps the namespaces that have names.
const spaces = "/run/netns"

// space is a network namespace, by its name.
type space string

// newSpace makes one in which nothing but loopback exists.
func newSpace(ctx context.Context, name string) (space, error) {
	s := space(name)
	if err := command(ctx, "", "ip", "netns", "add", name); err != nil {
		return s, fmt.Errorf("%w: %w (in a container: --privileged)", ErrUnavailable, err)
	}
	return s, s.inside(func() error {
		if err := settings(); err != nil {
			return fmt.Errorf("%w: %w (in a container: --privileged)", ErrUnavailable, err)
		}
		return command(ctx, "", "ip", "link", "set", "lo", "up")
	})
}

// settings are of the namespace that the caller's thread is in.
func settings() error {
	for _, s := range []struct{ file, value string }{
		{"ipv4/conf/all/rp_filter", "0"}, // a line changes its device when its delay begins
		{"ipv4/conf/default/rp_filter", "0"},
		{"ipv6/conf/all/disable_ipv6", "1"},
		{"ipv6/conf/default/disable_ipv6", "1"},
	} {
		err := os.WriteFile(filepath.Join("/proc/sys/net", s.file), []byte(s.value), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) { // a kernel without IPv6
			return err
		}
	}
	return nil
}

// forwards makes the namespace a router.
func (s space) forwards() error {
	return s.inside(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) })
}

// inside calls f on a thread that is in the namespace. What f starts in goroutines
// of its own is not inside.
//
// The thread is not killed afterwards, as is often done: Linux would kill the
// programs with it that rig.Launch happened to start on it (Pdeathsig is of the
// thread). It goes back to where it was, or, if that fails, never runs anything again.
func (s space) inside(f func() error) error {
	failed := make(chan error, 1)
	go func() {
		// f may end the goroutine (t.FailNow): the caller must hear of it.
		result := fmt.Errorf("what was called in the namespace %s did not return", s)
		defer func() { failed <- result }()
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			runtime.UnlockOSThread()
			result = err
			return
		}
		defer home.Close()
		there, err := os.Open(filepath.Join(spaces, string(s)))
		if err == nil {
			defer there.Close()
			err = enter(there)
		}
		if err != nil {
			runtime.UnlockOSThread()
			result = err
			return
		}
		defer func() {
			if err := enter(home); err != nil {
				result = errors.Join(result, err)
				return // still locked: the thread ends with this goroutine
			}
			runtime.UnlockOSThread()
		}()
		result = f()
	}()
	return <-failed
}

func enter(namespace *os.File) error {
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the namespace %s: %w", namespace.Name(), err)
	}
	return nil
}

// run runs commands, one after the other.
func (s space) run(ctx context.Context, lines ...string) error {
	return s.inside(func() error {
		for _, line := range lines {
			words := strings.Fields(line)
			if err := command(ctx, "", words[0], words[1:]...); err != nil {
				return err
			}
		}
		return nil
	})
}

// ip runs lines of ip, all by one program.
func (s space) ip(ctx context.Context, lines ...string) error {
	return s.inside(func() error { return command(ctx, strings.Join(lines, "\n")+"\n", "ip", "-batch", "-") })
}

// nft runs a script of nft, all of it or nothing.
func (s space) nft(ctx context.Context, script string) error {
	return s.inside(func() error { return command(ctx, script, "nft", "-f", "-") })
}

// remove kills what runs in the namespace and takes its name away. It is no error
// that somebody else has done so.
func (s space) remove(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "ip", "netns", "pids", string(s)).Output()
	for word := range strings.FieldsSeq(string(out)) {
		// A thread of our own may be inside just now; it is on its way out.
		if pid, err := strconv.Atoi(word); err == nil && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
	if err == nil {
		err = command(ctx, "", "ip", "netns", "del", string(s))
	}
	if _, gone := os.Stat(filepath.Join(spaces, string(s))); errors.Is(gone, os.ErrNotExist) {
		return nil
	}
	return err
}

// command runs a program to its end in the namespace of the caller's thread.
func command(ctx context.Context, stdin, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
