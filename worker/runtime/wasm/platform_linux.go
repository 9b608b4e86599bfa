package wasm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownExecutable is the running binary itself, also after its file was
// replaced.
const ownExecutable = "/proc/self/exe"

// openNoFollow refuses a symbolic link and does not wait for a pipe's other
// end.
const openNoFollow = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

func supported() error { return nil }

// childAttributes puts the child into a process group of its own, so that the
// terminal's Ctrl-C does not reach it, and has the kernel end it when the
// thread that started it ends.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func ownedByUs(st fs.FileInfo) bool   { return ownerOf(st) == os.Geteuid() }
func ownedByRoot(st fs.FileInfo) bool { return ownerOf(st) == 0 }

func ownerOf(st fs.FileInfo) int {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return int(sys.Uid)
	}
	return -1
}

func linksOf(st fs.FileInfo) uint64 {
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return uint64(sys.Nlink) //nolint:unconvert // 32 bits wide on arm64
	}
	return 0
}

// lock waits for the exclusive use of path; the kernel gives it back when the
// process ends in whatever way.
func lock(path string) (unlock func(), err error) { return flock(path, unix.LOCK_EX) }

func tryLock(path string) (unlock func(), ok bool) {
	unlock, err := flock(path, unix.LOCK_EX|unix.LOCK_NB)
	return unlock, err == nil
}

func flock(path string, how int) (func(), error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|openNoFollow, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(f.Fd()), how); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

func peakMemory(pid int) int64 {
	status, err := os.Open("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0
	}
	defer status.Close()
	return peakIn(status)
}

// deadlySignal says whether the process was ended by SIGKILL.
func deadlySignal(st *os.ProcessState) bool {
	ws, ok := st.Sys().(syscall.WaitStatus)
	return ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL
}

// rusagePeak is the next best answer, for a child that died by itself.
func rusagePeak(st *os.ProcessState) int64 {
	if ru, ok := st.SysUsage().(*syscall.Rusage); ok {
		return int64(ru.Maxrss) << 10 //nolint:unconvert // 32 bits wide on 32-bit machines
	}
	return 0
}

// watchLifeline has the kernel kill this process the moment the parent's end
// of standard input closes, for whatever reason the parent is gone. It does not
// rest on a goroutine: while a program runs in compiled code, the Go scheduler
// may be unable to run anything else. Pdeathsig alone would not do, for it
// follows the parent's thread.
func watchLifeline() error {
	if _, err := unix.FcntlInt(fdLifeline, unix.F_SETOWN, os.Getpid()); err != nil {
		return fmt.Errorf("F_SETOWN: %w", err)
	}
	if _, err := unix.FcntlInt(fdLifeline, unix.F_SETSIG, int(unix.SIGKILL)); err != nil {
		return fmt.Errorf("F_SETSIG: %w", err)
	}
	flags, err := unix.FcntlInt(fdLifeline, unix.F_GETFL, 0)
	if err != nil {
		return fmt.Errorf("F_GETFL: %w", err)
	}
	if _, err := unix.FcntlInt(fdLifeline, unix.F_SETFL, flags|unix.O_ASYNC); err != nil {
		return fmt.Errorf("F_SETFL: %w", err)
	}
	// The parent may have gone before the signal was armed.
	fds := []unix.PollFd{{Fd: fdLifeline, Events: unix.POLLIN}}
	if n, err := unix.Poll(fds, 0); err == nil && n > 0 {
		os.Exit(1)
	}
	return nil
}

// A stopped process takes no processor time; only SIGKILL reaches it.
const (
	stopSignal     = syscall.SIGSTOP
	continueSignal = syscall.SIGCONT
)
