package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// escape tries every way out of a container to a host on which a process pid
// holds a secret in the file key; the argument is PID:KEY.
func escape(target string) error {
	pid, key, ok := strings.Cut(target, ":")
	if !ok {
		return errors.New("escape takes PID:KEY")
	}
	var a attempts
	status(&a)
	roots(&a, key, pid)
	kernel(&a)
	devices(&a)
	powers(&a)
	another(&a)
	if n, err := strconv.Atoi(pid); err == nil {
		for _, s := range []syscall.Signal{0, syscall.SIGTERM, syscall.SIGKILL} {
			a.refused(fmt.Sprintf("signal %d to the worker", s), syscall.Kill(n, s))
		}
	}
	// Whoever is reached by this is at least not on the host: the test sees it.
	fmt.Println("signal to everybody:", syscall.Kill(-1, syscall.SIGUSR2))
	return a.verdict()
}

// status reads what the kernel says about this process.
func status(a *attempts) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		a.reach("no status: " + err.Error())
		return
	}
	has := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		has[name] = strings.Join(strings.Fields(value), " ")
	}
	for name, want := range map[string]string{
		"CapInh": "0000000000000000", "CapPrm": "0000000000000000", "CapEff": "0000000000000000",
		"CapBnd": "0000000000000000", "CapAmb": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2",
	} {
		if has[name] != want {
			a.reach(fmt.Sprintf("%s is %q", name, has[name]))
		}
	}
	if strings.HasPrefix(has["Uid"], "0 ") || strings.HasPrefix(has["Gid"], "0 ") {
		a.reach("it is root: " + has["Uid"] + ", " + has["Gid"])
	}
	fmt.Println("uid", has["Uid"])
}

// roots looks for the host's files.
func roots(a *attempts, key, pid string) {
	up := strings.Repeat("../", 16) + strings.TrimPrefix(key, "/")
	for _, name := range []string{
		key, up, "/proc/1/root" + key, "/proc/self/root" + key, "/proc/self/cwd/" + up, "/in/" + up, "/out/" + up,
		"/proc/" + pid + "/root" + key, "/proc/" + pid + "/environ", "/proc/" + pid + "/mem", "/host" + key,
	} {
		content, err := os.ReadFile(name)
		a.refused("read "+name, err)
		if err == nil {
			fmt.Printf("REACHED %q\n", content[:min(len(content), 512)])
		}
	}
	for _, name := range []string{"/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/var/lib/docker"} {
		_, err := os.Stat(name)
		a.refused("find "+name, err)
	}
	for _, name := range []string{"/guest", "/etc/passwd", "/new", "/in/new", "/bin", "/usr/new"} {
		a.refused("write "+name, os.WriteFile(name, []byte("x"), 0o755))
	}
	a.refused("remove the program", os.Remove("/guest"))
}

// kernel tries the files by which a kernel is set.
func kernel(a *attempts) {
	for _, name := range []string{
		"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/modprobe", "/proc/sys/vm/drop_caches",
		"/proc/sysrq-trigger", "/proc/irq/default_smp_affinity", "/proc/1/oom_score_adj", "/sys/kernel/uevent_helper", "/sys/power/state",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/pids/pids.max", "/sys/fs/cgroup/memory/release_agent",
		"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/cgroup.procs", "/sys/kernel/mm/ksm/run",
	} {
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err == nil { // what it was is written back, if that is possible at all
			was, _ := os.ReadFile(name)
			_, err = f.Write(was)
			f.Close()
		}
		if name == "/proc/1/oom_score_adj" && err == nil {
			err = os.WriteFile(name, []byte("-1000"), 0)
		}
		a.refused("write "+name, err)
	}
	for _, name := range []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/sys/firmware/acpi/tables"} {
		content := make([]byte, 64)
		f, err := os.Open(name)
		n := 0
		if err == nil {
			n, err = f.Read(content)
			f.Close()
		}
		if n == 0 && err == nil {
			err = errors.New("empty")
		}
		a.refused("read "+name, err)
	}
}

// devices looks for any but the harmless ones, and tries to make some.
func devices(a *attempts) {
	harmless := map[string]bool{
		"null": true, "zero": true, "full": true, "random": true, "urandom": true, "tty": true, "console": true, "ptmx": true,
	}
	_ = filepath.WalkDir("/dev", func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type()&os.ModeDevice != 0 && !harmless[d.Name()] && filepath.Dir(path) != "/dev/pts" {
			a.reach("the device " + path)
		}
		return nil
	})
	for _, name := range []string{"/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/dev/fuse", "/dev/net/tun", "/dev/loop-control", "/dev/kvm"} {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		a.refused("open "+name, err)
		if err == nil {
			f.Close()
		}
	}
	for _, dir := range []string{"/tmp", "/out", "/dev", "/dev/shm"} {
		a.refused("mknod in "+dir, syscall.Mknod(filepath.Join(dir, "disk"), syscall.S_IFBLK|0o666, 8<<8))
		a.refused("mknod in "+dir, syscall.Mknod(filepath.Join(dir, "memory"), syscall.S_IFCHR|0o666, 1<<8|1))
	}
}

// powers tries the calls for which it has no privilege.
func powers(a *attempts) {
	var now syscall.Timeval
	_ = syscall.Gettimeofday(&now)
	beyond := syscall.Rlimit{Cur: 1 << 40, Max: 1 << 40}
	for _, call := range []struct {
		name string
		err  error
	}{
		{"setuid", syscall.Setuid(0)}, {"setgid", syscall.Setgid(0)}, {"setgroups", syscall.Setgroups([]int{0})},
		{"setreuid", syscall.Setreuid(0, 0)}, {"setresuid", syscall.Setresuid(0, 0, 0)},
		{"chroot", syscall.Chroot("/tmp")}, {"pivot_root", syscall.PivotRoot("/tmp", "/tmp")},
		{"mount a tmpfs", syscall.Mount("tmpfs", "/tmp", "tmpfs", 0, "")},
		{"mount proc", syscall.Mount("proc", "/tmp", "proc", 0, "")},
		{"remount /", syscall.Mount("", "/", "", syscall.MS_REMOUNT|syscall.MS_BIND, "")},
		{"unmount /proc", syscall.Unmount("/proc", syscall.MNT_DETACH)},
		{"unshare mounts", syscall.Unshare(syscall.CLONE_NEWNS)}, {"unshare users", syscall.Unshare(syscall.CLONE_NEWUSER)},
		{"unshare net", syscall.Unshare(syscall.CLONE_NEWNET)},
		{"sethostname", syscall.Sethostname([]byte("pwned"))}, {"settimeofday", syscall.Settimeofday(&now)},
		{"chown", os.Chown("/tmp", 0, 0)}, {"ptrace", syscall.PtraceAttach(1)},
		{"more files", syscall.Setrlimit(syscall.RLIMIT_NOFILE, &beyond)},
		{"reboot", syscall.Reboot(syscall.LINUX_REBOOT_CMD_CAD_OFF)},
		{"a module", called(syscall.SYS_INIT_MODULE, 0, 0, uintptr(unsafe.Pointer(&[]byte{0}[0])))},
		{"nice", syscall.Setpriority(syscall.PRIO_PROCESS, 0, -20)},
		{"swap", called(syscall.SYS_SWAPON, uintptr(unsafe.Pointer(&[]byte("/out/x\x00")[0])), 0, 0)},
		{"accounting", called(syscall.SYS_ACCT, 0, 0, 0)},
		{"the kernel's log", called(syscall.SYS_SYSLOG, 5, 0, 0)},
	} {
		a.refused(call.name, call.err)
	}
	for _, kind := range []string{"mnt", "net", "pid", "user"} {
		f, err := os.Open("/proc/1/ns/" + kind)
		if err == nil && kind == "user" { // its own: joining it is refused, too
			err = called(sysSetns, f.Fd(), syscall.CLONE_NEWUSER, 0)
		} else if err == nil {
			err = called(sysSetns, f.Fd(), 0, 0)
		}
		a.refused("join "+kind, err)
	}
}

func called(number, one, two, three uintptr) error {
	if _, _, errno := syscall.RawSyscall(number, one, two, three); errno != 0 {
		return errno
	}
	return nil
}

// another starts the copy of the program whose file says that it runs as root.
func another(a *attempts) {
	out, err := exec.Command("/guest-setuid", "whoami", "0").CombinedOutput()
	fmt.Printf("the setuid program: %s %v\n", strings.TrimSpace(string(out)), err)
	if strings.Contains(string(out), "euid 0") {
		a.reach("root by a setuid file")
	}
	if !strings.Contains(string(out), "euid") && err == nil {
		a.reach("the setuid program says nothing")
	}
}

// whoami says as whom the program runs.
func whoami(string) error {
	_, err := fmt.Println("euid", os.Geteuid())
	return err
}
