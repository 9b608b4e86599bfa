package docker

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// proxyAddress is where a program in a container finds the proxy: on its own
// loopback, the only network that it has.
const proxyAddress = "127.0.0.1:3128"

// egressInit is the first process of a container with egress: it passes bytes
// from the container's loopback to the worker's socket, and runs the program.
func egressInit(command []string) int {
	if len(command) == 0 {
		fmt.Fprintln(os.Stderr, "there is no program to start")
		return 2
	}
	listen, err := net.Listen("tcp", proxyAddress)
	if err != nil {
		fmt.Fprintln(os.Stderr, "the way to the internet cannot be opened:", err)
		return 1
	}
	go func() {
		for {
			conn, err := listen.Accept()
			if err != nil {
				return
			}
			go relay(conn, socketDir+"/"+socketName)
		}
	}()
	path, err := exec.LookPath(command[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, fs.ErrPermission) {
			return 126
		}
		return 127
	}
	process, err := os.StartProcess(path, command, &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Env: proxyEnvironment(os.Environ()),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 126
	}
	return reap(process.Pid)
}

// proxyEnvironment tells programs of the proxy in every spelling that is in use.
func proxyEnvironment(env []string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains([]string{"http_proxy", "https_proxy", "all_proxy", "no_proxy"}, strings.ToLower(name))
	})
	for _, name := range []string{"http_proxy", "https_proxy", "all_proxy", "no_proxy"} {
		value := "http://" + proxyAddress
		if name == "no_proxy" {
			value = "localhost,127.0.0.1,::1"
		}
		env = append(env, name+"="+value, strings.ToUpper(name)+"="+value)
	}
	return env
}

// reap waits for every process, as the first one of a container has to, until
// the program ends, and returns its code.
func reap(program int) int {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			fmt.Fprintln(os.Stderr, "the program cannot be waited for:", err)
			return 1
		case pid == program && status.Signaled():
			return 128 + int(status.Signal())
		case pid == program && status.Exited():
			return status.ExitStatus()
		}
	}
}

// relay passes bytes between a connection and the worker's socket.
func relay(near net.Conn, socket string) {
	defer near.Close()
	far, err := net.Dial("unix", socket)
	if err != nil {
		return
	}
	defer far.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		copyHalf(far, near)
	}()
	copyHalf(near, far)
	<-done
}

func copyHalf(to, from net.Conn) {
	// An error ends this direction as its end does.
	_, _ = io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // it may be closed already
	}
}
