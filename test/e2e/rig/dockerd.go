package rig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Dockerd is an Engine of a test's own, which can be killed. It takes root.
type Dockerd struct {
	*Engine

	dir                string
	containerd, daemon *Process
}

// containerdConfig leaves away all that a Docker Engine does not ask for.
const containerdConfig = `version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
root = %q
state = %q
[grpc]
address = %q
`

// ErrNoDockerd means that this machine cannot start an Engine.
var ErrNoDockerd = errors.New("an Engine of one's own takes root, dockerd and containerd")

// StartDockerd starts an Engine in a new folder below dir, whose path has to be
// short: sockets are named in it.
func StartDockerd(ctx context.Context, dir string) (*Dockerd, error) {
	_, noDaemon := exec.LookPath("dockerd")
	_, noContainerd := exec.LookPath("containerd")
	if os.Geteuid() != 0 || noDaemon != nil || noContainerd != nil {
		return nil, ErrNoDockerd
	}
	dir, err := os.MkdirTemp(dir, "eng")
	if err != nil {
		return nil, err
	}
	d := &Dockerd{dir: dir}
	if d.Engine, err = OpenEngine("unix://" + d.path("d.sock")); err != nil {
		return nil, err
	}
	text := fmt.Sprintf(containerdConfig, d.path("c"), d.path("cs"), d.path("c.sock"))
	if err := os.WriteFile(d.path("c.toml"), []byte(text), 0o600); err != nil {
		return nil, err
	}
	if err := d.Start(ctx); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Dockerd) path(name string) string { return filepath.Join(d.dir, name) }

// Start starts the Engine where it was killed. No bridge and no rules: nothing
// of the machine's network is touched.
func (d *Dockerd) Start(ctx context.Context) error {
	// What a killed Engine leaves lying may carry the id of another process by now.
	for _, name := range []string{"pid", "d.sock", "c.sock", "c.sock.ttrpc"} {
		if err := os.Remove(d.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	var err error
	if d.containerd, err = Launch(d.path("containerd.log"), nil, d.dir, "containerd", "--config", d.path("c.toml")); err != nil {
		return err
	}
	if err := Eventually(ctx, StartTimeout, "containerd listens", func() (bool, error) {
		_, err := os.Stat(d.path("c.sock"))
		return err == nil, err
	}); err != nil {
		return fmt.Errorf("%w\n%s", err, Tail(d.containerd.Output(), 10))
	}
	d.daemon, err = Launch(d.path("dockerd.log"), []string{EnvEngine + "="}, d.dir, "dockerd",
		"--data-root", d.path("data"), "--exec-root", d.path("exec"), "--pidfile", d.path("pid"),
		"--containerd", d.path("c.sock"), "--host", d.Host, "--bridge=none", "--iptables=false")
	if err != nil {
		return err
	}
	err = Eventually(ctx, StartTimeout, "dockerd answers", func() (bool, error) {
		select {
		case <-d.daemon.Done():
			return false, fmt.Errorf("%w: %w", ErrEnded, d.daemon.Err())
		default:
			err := d.Ping(ctx)
			return err == nil, err
		}
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, Tail(d.daemon.Output(), 20))
	}
	return nil
}

// Kill ends the Engine as a power cut would. Containers go on without it.
func (d *Dockerd) Kill() {
	for _, p := range []*Process{d.daemon, d.containerd} {
		if p != nil {
			p.Kill()
		}
	}
}

// Pause and Resume stop the Engine's processor time: it takes requests and
// answers none.
func (d *Dockerd) Pause() { d.daemon.Pause() }

// Resume ends a Pause.
func (d *Dockerd) Resume() { d.daemon.Resume() }

// Output is what the Engine printed since its last start.
func (d *Dockerd) Output() string {
	if d.daemon == nil {
		return ""
	}
	return d.daemon.Output()
}

// Close ends the Engine and all of its containers, and removes everything.
func (d *Dockerd) Close() error {
	d.tidy()
	d.Kill()
	d.killShims()
	if err := unmountBelow(d.dir); err != nil {
		return err
	}
	return os.RemoveAll(d.dir)
}

// tidy lets the Engine itself remove its containers, which leaves no control
// groups behind. Nothing depends on it.
func (d *Dockerd) tidy() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if d.daemon == nil {
		return
	}
	select {
	case <-d.daemon.Done():
		d.Kill()
		if err := d.Start(ctx); err != nil {
			return
		}
	default:
		d.Resume()
	}
	list, _ := d.Containers(ctx)
	for _, c := range list {
		_ = d.Remove(ctx, c.ID)
	}
	_ = d.daemon.Interrupt(20 * time.Second)
}

// killShims ends what holds the containers of a killed Engine; they end with it.
func (d *Dockerd) killShims() {
	list, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range list {
		line, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(line, []byte("containerd-shim")) || !bytes.Contains(line, []byte(d.path("c.sock"))) {
			continue
		}
		shim, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			continue
		}
		for _, pid := range append(childrenOf(shim), shim) {
			_ = syscall.Kill(pid, syscall.SIGKILL) // who ended by itself is gone
		}
	}
}

// childrenOf lists the processes below a process, a container's first one among them.
func childrenOf(pid int) []int {
	var out []int
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, path := range lists {
		text, _ := os.ReadFile(path)
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				out = append(append(out, childrenOf(child)...), child)
			}
		}
	}
	return out
}

// unmountBelow takes down every mount in a folder, the innermost first.
func unmountBelow(dir string) error {
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		table, err := os.ReadFile("/proc/self/mountinfo")
		if err != nil {
			return err
		}
		var mounts []string
		for line := range strings.Lines(string(table)) {
			if f := strings.Fields(line); len(f) > 4 && strings.HasPrefix(f[4], dir+"/") {
				mounts = append(mounts, f[4])
			}
		}
		if len(mounts) == 0 {
			return nil
		}
		for i := len(mounts) - 1; i >= 0; i-- {
			_ = syscall.Unmount(mounts[i], syscall.MNT_DETACH) // the table is read again
		}
		if time.Since(begin) > time.Minute {
			return fmt.Errorf("still mounted: %s", strings.Join(mounts, ", "))
		}
	}
}
