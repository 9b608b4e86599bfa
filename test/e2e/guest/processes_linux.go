package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// sleep sleeps for so many seconds; 0 is for ever.
func sleep(seconds string) error {
	n, err := strconv.Atoi(seconds)
	if err != nil {
		return err
	}
	fmt.Println("sleeping")
	for begin := time.Now(); n == 0 || time.Since(begin) < time.Duration(n)*time.Second; {
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

// stubborn does not end when it is asked to.
func stubborn(string) error {
	signal.Ignore()
	return sleep("0")
}

// orphans leaves a few children of sessions of their own behind, which carry a
// mark in their command line.
func orphans(mark string) error {
	const n = 5
	for range n {
		child := exec.Command("/proc/self/exe", "stubborn", mark)
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := child.Start(); err != nil {
			return err
		}
	}
	fmt.Println("left", n, "behind")
	return nil
}

// forkbomb makes processes that make processes, until somebody ends it. The
// first of them says when it is refused.
func forkbomb(string) error {
	pause := syscall.Timespec{Nsec: 50_000_000} // so that the first one gets to say its word
	for made, first, said := 0, true, false; ; {
		// Nothing of Go's runtime works in a child, so the system calls stand alone.
		pid, _, errno := syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		switch {
		case errno != 0:
			if first && !said {
				said = true
				fmt.Printf("%d processes, then: %v\n", made, errno)
			}
			_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&pause)), 0, 0)
		case pid == 0:
			first = false
		default:
			made++
		}
	}
}
