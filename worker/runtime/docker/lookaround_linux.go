package docker

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lookAround is a probe's whole life: it prints facts as JSON.
func lookAround() int {
	f := facts{
		UID: os.Getuid(), GID: os.Getgid(),
		UIDMap: read("/proc/self/uid_map"), Version: read("/proc/version"),
		GVisor: strings.Contains(kernelLog(), "Starting gVisor"),
		Status: map[string]string{},
	}
	f.Groups, _ = os.Getgroups()
	for line := range strings.Lines(read("/proc/self/status")) {
		name, value, _ := strings.Cut(line, ":")
		switch name {
		case "CapEff", "CapPrm", "CapInh", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp":
			f.Status[name] = strings.TrimSpace(value)
		}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		f.Interfaces = append(f.Interfaces, "unknown: "+err.Error())
	}
	for _, i := range interfaces {
		f.Interfaces = append(f.Interfaces, i.Name)
	}
	f.Achieved = achieved()
	if err := json.NewEncoder(os.Stdout).Encode(f); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// achieved tries what no job may do and returns what worked.
func achieved() []string {
	var list []string
	try := func(what string, err error) {
		if err == nil {
			list = append(list, what)
		}
	}
	for _, path := range []string{"/emc-probe", "/etc/emc-probe", "/dev/emc-probe"} {
		try("write to "+path, os.WriteFile(path, nil, 0o600))
	}
	for _, path := range []string{"/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/sys/kernel/uevent_helper", "/sys/power/state"} {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err == nil {
			f.Close()
		}
		try("open "+path+" for writing", err)
	}
	for _, path := range []string{"/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/vda", "/var/run/docker.sock", "/run/docker.sock"} {
		f, err := os.Open(path)
		if err == nil {
			f.Close()
		}
		try("open "+path, err)
	}
	try("make a device", unix.Mknod("/tmp/emc-probe-device", unix.S_IFCHR|0o600, 1<<8|1))
	try("mount a file system", unix.Mount("none", "/tmp", "tmpfs", 0, ""))
	try("become root", unix.Setuid(0))
	try("set the host name", unix.Sethostname([]byte("emc-probe")))
	conn, err := net.DialTimeout("udp4", "192.0.2.1:9", time.Second) // sends nothing: it only asks for a route
	if err == nil {
		conn.Close()
	}
	try("route to another network", err)
	return list
}

func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}

func kernelLog() string {
	buf := make([]byte, 64<<10)
	n, err := unix.Klogctl(unix.SYSLOG_ACTION_READ_ALL, buf)
	if err != nil || n < 0 {
		return ""
	}
	return string(buf[:n])
}
