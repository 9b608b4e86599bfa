package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// get asks for a URL through whatever proxy the environment names.
func get(args []string) error {
	resp, err := http.Get(args[0])
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	fmt.Print(resp.StatusCode, " ", string(text))
	return err
}

// special leaves everything in /out that is not a file of its own.
func special([]string) error {
	return errors.Join(
		os.WriteFile("/out/good", []byte("good"), 0o600),
		os.Symlink("/etc/passwd", "/out/symlink"),
		os.Symlink("/", "/out/root"),
		os.Symlink("../../../../../../etc/shadow", "/out/relative"),
		os.Link("/out/good", "/out/hardlink"),
		syscall.Mkfifo("/out/fifo", 0o600),
		socket("/out/socket"),
		os.Mkdir("/out/dir", 0),
	)
}

func socket(path string) error {
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	return syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
}

func names([]string) error {
	return errors.Join(
		os.WriteFile("/out/good", []byte("good"), 0o600),
		os.WriteFile("/out/a\x1b[2J", nil, 0o600),
		os.WriteFile("/out/\xff", nil, 0o600),
		os.WriteFile("/out/new\nline", nil, 0o600),
		os.Mkdir("/out/bad\tdir", 0o700),
		os.WriteFile("/out/bad\tdir/file", nil, 0o600),
		os.WriteFile(`/out/back\slash`, nil, 0o600),
	)
}

// attack tries what a job must not be able to do, and says what worked.
func attack(args []string) error {
	say := func(what string, err error) {
		if err == nil {
			fmt.Println("ACHIEVED", what)
		} else {
			fmt.Println("refused", what, err)
		}
	}
	openFor := func(path string, flag int) error {
		f, err := os.OpenFile(path, flag, 0)
		if err == nil {
			f.Close()
		}
		return err
	}
	for _, path := range []string{"/x", "/etc/x", "/in/x", "/usr/x", "/var/x", "/.emc/x"} {
		say("write "+path, os.WriteFile(path, nil, 0o600))
	}
	say("write over an input", openFor("/in/input", os.O_WRONLY))
	say("chmod an input", os.Chmod("/in/input", 0o777))
	say("remove an input", os.Remove("/in/input"))
	for _, path := range []string{
		"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/proc/1/oom_score_adj_x",
		"/sys/kernel/uevent_helper", "/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/release_agent",
		"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/pids/pids.max", "/etc/hosts", "/etc/resolv.conf", "/etc/hostname",
	} {
		say("open for writing "+path, openFor(path, os.O_WRONLY))
	}
	for _, path := range []string{
		"/proc/kcore", "/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/loop0", "/dev/fuse", "/dev/net/tun",
		"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/etc/shadow",
	} {
		say("open "+path, openFor(path, os.O_RDONLY))
	}
	for _, path := range []string{"/proc/keys", "/proc/timer_list", "/proc/sched_debug"} {
		if text, err := os.ReadFile(path); err == nil && len(text) > 0 {
			say("read "+path, nil)
		}
	}
	say("mknod a disk", syscall.Mknod("/tmp/disk", syscall.S_IFBLK|0o600, 8<<8))
	say("mknod in /out", syscall.Mknod("/out/mem", syscall.S_IFCHR|0o600, 1<<8|1))
	say("mount", syscall.Mount("none", "/tmp", "tmpfs", 0, ""))
	say("remount /", syscall.Mount("none", "/", "", syscall.MS_REMOUNT, ""))
	say("remount /in", syscall.Mount("none", "/in", "", syscall.MS_REMOUNT|syscall.MS_BIND, ""))
	say("chroot", syscall.Chroot("/tmp"))
	say("setuid", syscall.Setuid(0))
	say("setgid", syscall.Setgid(0))
	say("setgroups", syscall.Setgroups([]int{0}))
	say("user namespace", syscall.Unshare(syscall.CLONE_NEWUSER))
	say("mount namespace", syscall.Unshare(syscall.CLONE_NEWNS))
	say("network namespace", syscall.Unshare(syscall.CLONE_NEWNET))
	say("host name", syscall.Sethostname([]byte("x")))
	say("reboot", syscall.Reboot(syscall.LINUX_REBOOT_CMD_CAD_ON))
	say("raise a limit", syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20}))
	say("module", errnoOf(syscall.Syscall(syscall.SYS_INIT_MODULE, 0, 0, 0)))
	say("bpf", errnoOf(syscall.Syscall(321, 0, 0, 0)))
	say("perf", errnoOf(syscall.Syscall(298, 0, 0, 0)))
	say("keyctl", errnoOf(syscall.Syscall(250, 0, 0, 0)))
	// Signals reach this container alone: neither number is a process in it.
	for _, pid := range args {
		var n int
		if _, err := fmt.Sscan(pid, &n); err == nil && n > 1 {
			say("kill "+pid, syscall.Kill(n, syscall.SIGKILL))
		}
	}
	// What the image has as a root's program stays this user's.
	out, err := exec.Command("/suid", "whoami").Output()
	say("setuid program "+strings.TrimSpace(string(out)), rootOnly(err, string(out)))
	for _, path := range []string{"/proc/1/root/etc/shadow", "/proc/1/cwd/../etc/shadow"} {
		say("through "+path, openFor(path, os.O_RDONLY))
	}
	for _, arg := range args {
		if host, ok := strings.CutPrefix(arg, "tcp:"); ok {
			conn, err := net.DialTimeout("tcp", host, 2*time.Second)
			if err == nil {
				conn.Close()
			}
			say("connect to "+host, err)
		}
		if path, ok := strings.CutPrefix(arg, "file:"); ok {
			say("open "+path, openFor(path, os.O_RDONLY))
		}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		if i.Name != "lo" {
			say("has the interface "+i.Name, nil)
		}
	}
	fmt.Println("end")
	_ = syscall.Kill(-1, syscall.SIGKILL) // nobody else is there
	return nil
}

// rootOnly is nil only if a program became root.
func rootOnly(err error, out string) error {
	if err != nil {
		return err
	}
	if strings.TrimSpace(out) != "0" {
		return errors.New("it is user " + strings.TrimSpace(out))
	}
	return nil
}

func errnoOf(_, _ uintptr, errno syscall.Errno) error {
	if errno == 0 {
		return nil
	}
	if errno == syscall.EFAULT || errno == syscall.EINVAL {
		return nil // it got as far as to look at its arguments
	}
	return errno
}

// fork starts processes until no more can be started, and each of them does the
// same.
func fork(args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if len(args) == 0 {
		fmt.Println("forking")
	}
	for {
		// What cannot be started now, can perhaps in a moment.
		_, err := os.StartProcess(self, []string{self, "fork", "child"}, &os.ProcAttr{})
		if err != nil {
			time.Sleep(time.Millisecond)
		}
	}
}

// fill writes to a place until it is full.
func fill(args []string) error {
	f, err := os.Create(filepath.Join(args[0], "fill"))
	if err != nil {
		return err
	}
	block := make([]byte, 64<<10)
	for {
		if _, err := f.Write(block); err != nil {
			return err
		}
	}
}

// inodes makes files in a place until there are no more.
func inodes(args []string) error {
	for i := 0; ; i++ {
		f, err := os.Create(filepath.Join(args[0], fmt.Sprint(i)))
		if err != nil {
			fmt.Println("files:", i)
			return err
		}
		f.Close()
	}
}
