package wasm

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// minLandlock is the first version that can rename between directories, which a
// job needs.
const minLandlock = 2

// landlockVersion is the kernel's, 0 where it has none.
func landlockVersion() int {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(version)
}

// allThreads tells whether this build can bring all threads under Landlock: one
// with cgo cannot.
func allThreads() bool {
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0)
	return errno != unix.ENOTSUP
}

// hasSeccomp tells whether the kernel takes the filter of restrictCalls.
func hasSeccomp() bool {
	action := uint32(unix.SECCOMP_RET_ERRNO)
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action)))
	return errno == 0 && auditArch != 0
}
