//go:build linux

package docker

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/worker/runtime"
)

// ownEngine is an Engine of the test's own, which it may kill: dockerd with a
// containerd of its own below it, without a network.
type ownEngine struct {
	t     *testing.T
	dir   string
	args  []string
	cmd   *exec.Cmd
	ended chan error
	below *exec.Cmd // containerd, which stays when dockerd is killed
	log   syncBuffer
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func newOwnEngine(t *testing.T, args ...string) *ownEngine {
	t.Helper()
	needEngine(t)
	if os.Getuid() != 0 {
		t.Skip("starting an Engine of its own needs root")
	}
	if _, err := exec.LookPath("dockerd"); err != nil {
		t.Skip("there is no dockerd to start an Engine of its own")
	}
	// A short path: the sockets below it have long names.
	dir, err := os.MkdirTemp("", "emc-engine-*")
	require.NoError(t, err)
	e := &ownEngine{t: t, dir: dir, args: append([]string{
		"--data-root", filepath.Join(dir, "data"), "--exec-root", filepath.Join(dir, "exec"),
		"--pidfile", filepath.Join(dir, "pid"), "-H", e2host(dir),
		"--containerd", filepath.Join(dir, "c"),
		"--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
	}, args...)}
	t.Cleanup(e.clean)
	e.startContainerd()
	e.start()
	return e
}

func e2host(dir string) string    { return "unix://" + filepath.Join(dir, "s") }
func (e *ownEngine) host() string { return e2host(e.dir) }

func (e *ownEngine) startContainerd() {
	e.t.Helper()
	config := filepath.Join(e.dir, "containerd.toml")
	require.NoError(e.t, os.WriteFile(config, []byte("version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"), 0o600))
	e.below = exec.Command("containerd", "--config", config, "--root", filepath.Join(e.dir, "croot"),
		"--state", filepath.Join(e.dir, "cstate"), "--address", filepath.Join(e.dir, "c"))
	e.below.Stdout, e.below.Stderr = &e.log, &e.log
	e.below.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(e.t, e.below.Start())
	require.Eventually(e.t, func() bool {
		conn, err := net.Dial("unix", filepath.Join(e.dir, "c"))
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 60*time.Second, 50*time.Millisecond, "%s", lazy(e.log.String))
}

func (e *ownEngine) start() {
	e.t.Helper()
	// What a kill left: dockerd refuses to start over the pid of a process that
	// has come to be another.
	os.Remove(filepath.Join(e.dir, "pid"))
	e.cmd = exec.Command("dockerd", e.args...)
	e.cmd.Stdout, e.cmd.Stderr = &e.log, &e.log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(e.t, e.cmd.Start())
	ended := make(chan error, 1)
	cmd := e.cmd
	go func() { ended <- cmd.Wait() }()
	e.ended = ended
	engine, err := newEngine(e.host())
	require.NoError(e.t, err)
	require.Eventually(e.t, func() bool { return engine.alive(context.Background()) == nil }, 90*time.Second, 100*time.Millisecond, "%s", lazy(e.log.String))
}

type lazy func() string

func (l lazy) String() string { return l() }

func (e *ownEngine) stop(signal os.Signal) {
	e.t.Helper()
	require.NoError(e.t, e.cmd.Process.Signal(signal))
	select {
	case <-e.ended:
	case <-time.After(90 * time.Second):
		e.t.Fatal("the Engine does not end")
	}
	e.cmd = nil
}

// clean ends the Engine in an orderly way, which removes its mounts.
func (e *ownEngine) clean() {
	if e.below == nil || e.below.Process == nil {
		return
	}
	if e.cmd == nil {
		e.start()
	}
	e.stop(syscall.SIGTERM)
	require.NoError(e.t, e.below.Process.Signal(syscall.SIGTERM))
	_ = e.below.Wait() // by a signal
	e.killShims()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(e.t, err)
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) > 4 && strings.HasPrefix(fields[4], e.dir+"/") {
			require.NoError(e.t, syscall.Unmount(fields[4], syscall.MNT_DETACH))
		}
	}
	require.Eventually(e.t, func() bool { return os.RemoveAll(e.dir) == nil }, 30*time.Second, 100*time.Millisecond)
}

// killShims ends what containerd leaves when a dockerd that it served was
// killed: they are known by the socket in this test's own directory.
func (e *ownEngine) killShims() {
	list, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(e.t, err)
	for _, path := range list {
		line, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(line), "\x00-address\x00"+filepath.Join(e.dir, "c")+"\x00") {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		require.NoError(e.t, err)
		children, err := os.ReadFile(filepath.Join(filepath.Dir(path), "task", itoa(pid), "children"))
		if err == nil {
			for _, child := range strings.Fields(string(children)) {
				n, err := strconv.Atoi(child)
				require.NoError(e.t, err)
				_ = syscall.Kill(n, syscall.SIGKILL) // it may be gone
			}
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// TestEngineRestart takes the Engine away in the middle of a run, in every way
// there is. The run is the customer's all the same, and nothing is left.
func TestEngineRestart(t *testing.T) {
	for name, c := range map[string]struct {
		signal os.Signal
		args   []string
		starts int // of the program
	}{
		"killed":                             {syscall.SIGKILL, nil, 2},
		"shut down":                          {syscall.SIGTERM, nil, 2},
		"killed while containers live on":    {syscall.SIGKILL, []string{"--live-restore"}, 0},
		"shut down while containers live on": {syscall.SIGTERM, []string{"--live-restore"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			e := newOwnEngine(t, c.args...)
			rt := newTestRuntime(t, func(c *Config) { c.Host = e.host() })
			r := newRun(t, "once")
			r.Limits.Duration = 4 * time.Minute
			started := make(chan bool, 10)
			log := &syncBuffer{}
			r.Log = writerFunc(func(p []byte) {
				_, _ = log.Write(p)
				if strings.Contains(string(p), "started") {
					started <- true
				}
			})
			type ending struct {
				result runtime.Result
				err    error
			}
			ended := make(chan ending, 1)
			go func() {
				result, err := rt.Run(context.Background(), r.Task)
				ended <- ending{result, err}
			}()
			wait := func() {
				select {
				case <-started:
				case end := <-ended:
					t.Fatalf("it ended: %+v\n%s\n%s", end, log, lazy(e.log.String))
				case <-time.After(2 * time.Minute):
					t.Fatalf("it did not start: %s\n%s", log, lazy(e.log.String))
				}
			}
			wait()
			e.stop(c.signal)
			time.Sleep(300 * time.Millisecond) // a while without an Engine
			e.start()
			if c.starts == 2 {
				wait()
			}
			// The program waits for this file in both cases.
			goFile(t, rt)
			select {
			case end := <-ended:
				require.NoError(t, end.err, "%s\n%s", log, lazy(e.log.String))
				require.Equal(t, runtime.ReasonExited, end.result.Reason, "%+v", end.result)
				require.Equal(t, []string{"done"}, paths(end.result.Outputs))
			case <-time.After(3 * time.Minute):
				t.Fatalf("it did not end: %s\n%s", log, lazy(e.log.String))
			}
			if c.starts == 0 {
				// An Engine that took over containers may count the uses of a volume
				// wrongly, and keeps it until its next start: Sweep's case.
				e.stop(syscall.SIGTERM)
				e.start()
				_, err := rt.Sweep(t.Context(), runtime.SweepOptions{})
				require.NoError(t, err)
			}
			requireNothingLeft(t, rt)
		})
	}
}

// goFile puts the file for which the program waits into the only run's inputs.
func goFile(t *testing.T, rt *Runtime) {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(rt.config.StateDir, scratchDir, "*", "in"))
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.NoError(t, os.WriteFile(filepath.Join(list[0], "go"), nil, 0o644))
}

// TestEngineGone: an Engine that does not come back is the worker's fault, in
// words, and not for ever.
func TestEngineGone(t *testing.T) {
	t.Parallel() // it waits
	e := newOwnEngine(t)
	rt := newTestRuntime(t, func(c *Config) { c.Host = e.host() })
	r := newRun(t, "sleep", "1h")
	require.NoError(t, rt.Prepare(t.Context(), r.Artifact, r.ArtifactSHA256))
	r.Limits.Duration = 20 * time.Second
	var once sync.Once
	gone := make(chan struct{})
	r.Log = writerFunc(func([]byte) { once.Do(func() { close(gone) }) })
	ended := make(chan error, 1)
	var result runtime.Result
	go func() {
		var err error
		result, err = rt.Run(context.Background(), r.Task)
		ended <- err
	}()
	<-gone
	e.stop(syscall.SIGKILL)
	select {
	case err := <-ended:
		require.Error(t, err)
		require.Equal(t, runtime.ReasonInternal, result.Reason)
		require.Contains(t, result.Message, "did not come back")
	case <-time.After(2 * time.Minute):
		t.Fatal("it waits for ever")
	}
	// The reconciler finds what could not be removed.
	e.start()
	left, err := rt.Sweep(t.Context(), runtime.SweepOptions{})
	require.NoError(t, err)
	require.Len(t, left, 3, "a job, a holder and a volume: %+v", left)
}
