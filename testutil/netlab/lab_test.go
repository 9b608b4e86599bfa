package netlab

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// left lists the namespaces of a process' labs.
func left(t testing.TB, of string) (out []string) {
	t.Helper()
	list, err := os.ReadDir(spaces)
	require.NoError(t, err)
	for _, one := range list {
		if strings.HasPrefix(one.Name(), of) {
			out = append(out, one.Name())
		}
	}
	return out
}

// tuns counts the TUN devices that this process has open.
func tuns(t testing.TB) (n int) {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	for _, one := range list {
		if to, err := os.Readlink("/proc/self/fd/" + one.Name()); err == nil && to == tunDevice {
			n++
		}
	}
	return n
}

// Not parallel: it counts what the process has open.
func TestCloseLeavesNothing(t *testing.T) {
	before, goroutines := tuns(t), runtime.NumGoroutine()
	l, err := New(t.Context(), "short")
	Needs(t, err)
	a, b := host(t, l, "a"), home(t, l, "b", NAT{})
	require.NoError(t, a.Link().Delay(time.Millisecond, 0))
	require.NoError(t, b.Link().Delay(time.Hour, 0))
	p, err := b.Launch("", nil, "", "sh", "-c", "echo started; exec sleep 1000")
	require.NoError(t, err)
	_, err = p.WaitLine(t.Context(), "started")
	require.NoError(t, err)
	require.Len(t, left(t, l.prefix), 4)
	require.Equal(t, before+4, tuns(t))
	listenUDP(t, a, 1000) // a socket that outlives the lab
	require.NoError(t, l.Close())
	require.NoError(t, l.Close(), "again")
	require.Empty(t, left(t, l.prefix))
	require.Equal(t, before, tuns(t))
	select {
	case <-p.Done():
	case <-time.After(patience):
		require.Fail(t, "the program runs on")
	}
	for end := time.Now().Add(patience); runtime.NumGoroutine() > goroutines; runtime.Gosched() {
		if time.Now().After(end) {
			stacks := make([]byte, 1<<20)
			require.Fail(t, "goroutines run on", "%s", stacks[:runtime.Stack(stacks, true)])
		}
	}
	_, err = l.Host("c")
	require.Error(t, err, "a lab that is closed")
}

const envKilled = "EMC_NETLAB_TEST_KILLED"

// TestHelperKilled is a process of its own, for TestKilledProcessIsSweptUp.
func TestHelperKilled(t *testing.T) {
	if os.Getenv(envKilled) == "" {
		t.Skip("it is for another test")
	}
	l, err := New(t.Context(), "killed")
	require.NoError(t, err)
	b := home(t, l, "b", NAT{})
	cmd := b.Cmd(t.Context(), "sleep", "1000") // without Pdeathsig
	require.NoError(t, cmd.Start())
	fmt.Println("made", l.prefix, cmd.Process.Pid)
	select {}
}

func TestKilledProcessIsSweptUp(t *testing.T) {
	t.Parallel()
	mine := Start(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHelperKilled$", "-test.v")
	cmd.Env = append(os.Environ(), envKilled+"=1")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var prefix string
	var pid int
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if n, _ := fmt.Sscanf(lines.Text(), "made %s %d", &prefix, &pid); n == 2 {
			break
		}
	}
	require.NotEmpty(t, prefix)
	other := Start(t)
	require.Len(t, left(t, prefix), 3, "its process lives")
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Len(t, left(t, prefix), 3)
	require.NoError(t, Start(t).Close())
	require.Empty(t, left(t, prefix))
	require.Eventually(t, func() bool {
		_, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid)) // also a zombie has none
		return err != nil
	}, patience, 10*time.Millisecond, "what ran in it has ended")
	require.Len(t, left(t, mine.prefix), 1)
	require.Len(t, left(t, other.prefix), 1)
}

func TestOrphaned(t *testing.T) {
	me, err := owner(os.Getpid())
	require.NoError(t, err)
	for name, want := range map[string]bool{
		namePrefix + me + "-1-x-internet":                                   false,
		namePrefix + fmt.Sprintf("%d-%d", os.Getpid(), 1) + "-1-x-internet": true, // another that had the id
		namePrefix + "99999999-1-1-x-internet":                              true,
		"emc12":                                                             false,
		"emclab-x-y-z":                                                      false,
		strings.TrimSuffix(namePrefix, "-") + "99999999-1-1-somebody-elses-thing": false,
	} {
		require.Equal(t, want, orphaned(name), name)
	}
}

// netns is the namespace of the caller's thread.
func netns(t testing.TB) string {
	t.Helper()
	to, err := os.Readlink("/proc/thread-self/ns/net")
	require.NoError(t, err)
	return to
}

// Threads come back from a host, however many and however a call ends.
func TestDoComesBack(t *testing.T) {
	t.Parallel()
	l := Start(t)
	h := host(t, l, "h")
	here := netns(t)
	var there string
	require.NoError(t, h.Do(func() error { there = netns(t); return nil }))
	require.NotEqual(t, here, there)
	sentinel := errors.New("sentinel")
	require.ErrorIs(t, h.Do(func() error { return sentinel }), sentinel)
	require.Error(t, h.Do(func() error { runtime.Goexit(); return nil }))
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			for range 5 {
				_ = h.Do(func() error {
					time.Sleep(time.Millisecond) // so that there are many threads
					return nil
				})
			}
		})
		all.Go(func() {
			for range 50 {
				runtime.LockOSThread()
				if now := netns(t); now != here {
					t.Errorf("a thread is in %s, not in %s", now, here)
				}
				runtime.UnlockOSThread()
				runtime.Gosched()
			}
		})
	}
	all.Wait()
	tasks, err := filepath.Glob("/proc/self/task/*/ns/net")
	require.NoError(t, err)
	require.NotEmpty(t, tasks)
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	l := Start(t)
	h := host(t, l, "h")
	a, err := h.Command(t.Context(), "", nil, "ip", "-o", "-4", "addr", "show", "dev", hostVeth)
	require.NoError(t, err)
	require.Contains(t, a.Out, h.Address.String())
	out, err := h.Cmd(t.Context(), "readlink", "/proc/self/ns/net").Output()
	require.NoError(t, err)
	require.NotEqual(t, netns(t), strings.TrimSpace(string(out)))
	_, err = h.DialContext(t.Context(), "tcp", "example.org:80")
	require.ErrorContains(t, err, "no names")
	for _, wrong := range []string{"", "h", "Upper", "a/b", strings.Repeat("x", 40)} {
		_, err := l.Host(wrong)
		require.Error(t, err, wrong)
	}
}
