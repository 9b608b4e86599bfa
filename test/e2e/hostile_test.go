package e2e

import (
	"bytes"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// attack is a job that means harm, and how it ends.
type attack struct {
	name, verb, arg string
	flags           []string
	// reasons has more than one where the kernel decides what is refused first.
	reasons []string
	// says are words that the customer is told.
	says []string
	// after looks at what came of it.
	after func(t *testing.T, sum rig.Summary, said rig.Answer)
}

// Hostile containers: each is contained, its end is told in words, the one
// slot of the worker is free for the next, and the money is exact.
func TestHostileContainers(t *testing.T) {
	needsEngine(t)
	t.Parallel()
	for _, group := range []struct {
		name    string
		attacks func(*testing.T, *stage, *rig.Worker) []attack
		flags   []string
	}{{"floods", floods, nil}, {"escapes", escapes, []string{"--egress"}}} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, shared).running(docker)
			w := s.worker(group.flags...)
			pid := w.Process().PID()
			for _, a := range group.attacks(t, s, w) {
				t.Run(a.name, func(t *testing.T) { a.run(t, s.in(t), w) })
			}
			sum, _, err := s.customer.Run(s.ctx, s.order(w, "echo", "still here"))
			require.NoError(t, err, "the worker goes on")
			require.True(t, sum.Verified)
			_, err = s.net.Emcd(s.ctx, "job", "run", "--app", docker.app, "--worker", w.Address, "--dry-run", "--egress")
			require.Equal(t, group.flags != nil, err == nil, "a way to the internet is the operator's to give: %v", err)
			require.Equal(t, pid, w.Process().PID())
			s.settle()
			require.NoError(t, w.Stop())
			s.tidyUp()
		})
	}
}

func (a attack) run(t *testing.T, s *stage, w *rig.Worker) {
	o := s.order(w, a.verb, a.arg, a.flags...)
	o.Output = filepath.Join(t.TempDir(), "out")
	sum, said, err := s.customer.Run(s.ctx, o)
	t.Logf("%s: %s", sum.Reason, rig.Tail(said.Err, 6))
	require.Contains(t, a.reasons, sum.Reason, "%s", said.Err)
	if sum.Reason == "exited" {
		require.NoError(t, err)
		require.Zero(t, *sum.ExitCode)
	} else {
		require.Equal(t, 3, said.Code, "%s", said.Err)
	}
	require.True(t, sum.Verified)
	for _, words := range a.says {
		require.Contains(t, said.Err, words)
	}
	require.NotContains(t, said.Err, "REACHED")
	j, err := s.net.Job(s.ctx, sum.Job)
	require.NoError(t, err)
	require.Equal(t, rig.Completed, j.Status, j.Reason)
	require.Positive(t, int64(j.Paid.Amount), "whoever attacks pays for the time")
	require.LessOrEqual(t, int64(j.Paid.Amount), int64(j.MaxPrice.Amount))
	s.check()
	n, err := s.net.Node(s.ctx, w.Address)
	require.NoError(t, err)
	require.Zero(t, n.ReservedSlots, "the slot is free")
	if a.after != nil {
		a.after(t, sum, said)
	}
}

// floods use up what they can.
func floods(t *testing.T, s *stage, _ *rig.Worker) []attack {
	exited, mark := []string{"exited"}, fmt.Sprintf("orphan-of-%s", s.customer.Address)
	// Those that end at a deadline have said before what they do: a container takes seconds to start where much else runs.
	return []attack{
		{name: "fork bomb", verb: "forkbomb", arg: "0", flags: []string{"--max-time", "6s"}, reasons: []string{"deadline"}, says: []string{"temporarily unavailable", "longest time that was paid for"}},
		{name: "every folder filled", verb: "fill", arg: "0", reasons: exited, says: []string{"nothing was reached"}},
		// Names take the kernel's memory, which is the container's.
		{name: "every inode taken", verb: "inodes", arg: "0", reasons: []string{"exited", "memory"}},
		{name: "a log of 10 GB", verb: "chatter", arg: "10", flags: []string{"--max-time", "8s", "--max-log", "64KiB"}, reasons: []string{"deadline"}, after: func(t *testing.T, sum rig.Summary, _ rig.Answer) {
			logs, err := s.net.Emcd(s.ctx, "job", "logs", sum.Job)
			require.NoError(t, err)
			require.Contains(t, logs.Out, "blah blah")
			require.Contains(t, logs.Out, "log cut here")
			require.LessOrEqual(t, len(logs.Out), 64<<10+100, "with a line that says so")
		}},
		{name: "files larger than their room", verb: "sparse", arg: "0", reasons: []string{"output"}, says: []string{"bytes of nothing"}},
		{name: "deaf to signals", verb: "stubborn", arg: "0", flags: []string{"--max-time", "10s"}, reasons: []string{"deadline"}, says: []string{"sleeping"}},
		{name: "children left behind", verb: "orphans", arg: mark, reasons: exited, says: []string{"behind"}, after: func(t *testing.T, _ rig.Summary, _ rig.Answer) {
			require.NoError(t, rig.Eventually(s.ctx, patience, "none of them lives", func() (bool, error) {
				lives := withCommandLine("stubborn\x00" + mark)
				return len(lives) == 0, fmt.Errorf("%v", lives)
			}))
		}},
	}
}

// escapes look for a way out.
func escapes(t *testing.T, s *stage, w *rig.Worker) []attack {
	k, exited := keyOf(t, w), []string{"exited"}
	host, err := os.Hostname()
	require.NoError(t, err)
	doors := newDoors(t, s)
	return []attack{
		{name: "out of its walls", verb: "escape", arg: fmt.Sprintf("%d:%s", w.Process().PID(), k.path), reasons: exited, says: []string{"nothing was reached"}, after: func(t *testing.T, sum rig.Summary, said rig.Answer) {
			k.kept(t, sum.OutputDir, said.Err)
			now, err := os.Hostname()
			require.NoError(t, err)
			require.Equal(t, host, now)
		}},
		{name: "into the network", verb: "network", arg: strings.Join(doors.addresses, ","), reasons: exited, says: []string{"nothing was reached"}, after: func(t *testing.T, _ rig.Summary, _ rig.Answer) { doors.unopened(t) }},
		{name: "through the worker's proxy", verb: "proxied", arg: strings.Join(doors.tcp(), ","), flags: []string{"--egress"}, reasons: exited, says: []string{"403", "nothing was reached"}, after: func(t *testing.T, _ rig.Summary, _ rig.Answer) { doors.unopened(t) }},
		{name: "by what it leaves", verb: "litter", arg: k.path, reasons: exited, says: []string{"nothing was reached", "not delivered", "symbolic link"}, after: func(t *testing.T, sum rig.Summary, said rig.Answer) {
			k.kept(t, sum.OutputDir, said.Err)
			require.NoError(t, filepath.WalkDir(sum.OutputDir, func(path string, d fs.DirEntry, err error) error {
				require.True(t, err != nil || d.IsDir() || d.Type().IsRegular(), "%s is %v", path, d.Type())
				return err
			}))
			files, err := rig.Files(sum.OutputDir)
			require.NoError(t, err)
			require.Equal(t, "good", string(files["good.txt"]))
			require.Equal(t, "good", string(files["again.txt"]), "a second name is a file of its own")
			require.Equal(t, "fine", string(files[filepath.Join("sub", "fine.txt")]))
			for _, name := range []string{"key", "sub/key", "root", "environ", "fifo", "socket", "soft.txt"} {
				require.NotContains(t, files, filepath.FromSlash(name))
			}
		}},
	}
}

// withCommandLine lists the processes of this machine whose command line holds
// the words, separated by NUL.
func withCommandLine(words string) (out []string) {
	list, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range list {
		if line, err := os.ReadFile(path); err == nil && bytes.Contains(line, []byte(words)) {
			out = append(out, filepath.Base(filepath.Dir(path)))
		}
	}
	return out
}

// doors are places on this machine that take connections, and count them.
type doors struct {
	addresses []string
	opened    atomic.Int32
	inside    *rig.Process
}

func newDoors(t *testing.T, s *stage) *doors {
	t.Helper()
	d := &doors{}
	for _, at := range [][2]string{
		{"tcp", "127.0.0.1:0"},
		{"unix", "@emc-e2e-" + s.customer.Address},
		{"unix", filepath.Join(t.TempDir(), "door")},
	} {
		l, err := net.Listen(at[0], at[1])
		require.NoError(t, err)
		over := make(chan struct{})
		t.Cleanup(func() { l.Close(); <-over })
		go func() {
			defer close(over)
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				d.opened.Add(1)
				c.Close()
			}
		}()
		d.try(t, at[0], l.Addr().String())
	}
	d.namespace(t)
	return d
}

// namespace adds an address that only this machine reaches.
func (d *doors) namespace(t *testing.T) {
	t.Helper()
	n, err := rig.NewNamespace(t.Context(), os.Getpid()%(1<<14))
	if err != nil {
		require.NotEqual(t, "1", os.Getenv(EnvRequire), "%v", err)
		t.Logf("only doors of this machine are tried: %v", err)
		return
	}
	t.Cleanup(func() {
		if d.inside != nil {
			d.inside.Kill()
		}
		require.NoError(t, n.Close())
	})
	address := net.JoinHostPort(n.Address, "7000")
	d.inside, err = n.Launch("", rig.ImageProgram(docker.file), "listen", address)
	require.NoError(t, err)
	_, err = d.inside.WaitLine(t.Context(), "listening")
	require.NoError(t, err)
	d.try(t, "tcp", address)
	_, err = d.inside.WaitLine(t.Context(), "connection from")
	require.NoError(t, err)
}

// try shows that a door opens for whoever may: otherwise nothing would be
// proved by its staying shut.
func (d *doors) try(t *testing.T, kind, address string) {
	t.Helper()
	c, err := net.Dial(kind, address)
	require.NoError(t, err)
	c.Close()
	d.addresses = append(d.addresses, address)
}

// tcp are the doors that a proxy could reach.
func (d *doors) tcp() (out []string) {
	for _, a := range d.addresses {
		if a[0] != '@' && a[0] != '/' {
			out = append(out, a)
		}
	}
	return out
}

// unopened checks that nobody came but the test itself.
func (d *doors) unopened(t *testing.T) {
	t.Helper()
	opened := int(d.opened.Load())
	if d.inside != nil {
		opened += strings.Count(d.inside.Output(), "connection from")
	}
	require.Equal(t, len(d.addresses), opened)
}
