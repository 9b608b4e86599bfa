package wasm

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/worker/runtime"
)

// fence takes from the process what the program has no use for, in case a
// fault of the compiler lets the program out of WebAssembly. It is called after
// the last file of the child's own was opened, from the child's directory.
//
// The limits are required. Landlock and seccomp are used where the kernel has
// them: every promise of this package holds without them.
func fence(j job) error {
	if err := limitProgram(j.Limits); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("PR_SET_DUMPABLE: %w", err)
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0); errno == 0 {
		if err := restrictFiles(j.Inputs); err != nil {
			return fmt.Errorf("landlock: %w", err)
		}
	} else if errno != unix.ENOTSUP { // which a build with cgo answers
		return fmt.Errorf("PR_SET_NO_NEW_PRIVS: %w", errno)
	}
	return restrictCalls()
}

// Rights that Landlock handles, by the version of its interface in which they
// came.
const (
	rightsV1 = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1
	rightsV2 = rightsV1 | unix.LANDLOCK_ACCESS_FS_REFER
	rightsV3 = rightsV2 | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	rightsV5 = rightsV3 | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV

	rightsInOut = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR |
		unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_DIR |
		unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR |
		unix.LANDLOCK_ACCESS_FS_REFER
	rightsInIn = unix.LANDLOCK_ACCESS_FS_READ_FILE
)

// restrictFiles leaves the process its inputs, to read, and its directory for
// outputs; and no network where the kernel can do that too.
func restrictFiles(inputs []runtime.File) error {
	version := landlockVersion()
	if version < minLandlock {
		return nil
	}
	attr := unix.LandlockRulesetAttr{Access_fs: rightsV2}
	size := unsafe.Sizeof(attr.Access_fs)
	if version >= 3 {
		attr.Access_fs = rightsV3
	}
	if version >= 4 {
		attr.Access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		size += unsafe.Sizeof(attr.Access_net)
	}
	if version >= 5 {
		attr.Access_fs = rightsV5
	}
	if version >= 6 {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
		size += unsafe.Sizeof(attr.Scoped)
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), size, 0)
	if errno != 0 {
		return fmt.Errorf("create ruleset: %w", errno)
	}
	ruleset := os.NewFile(fd, "ruleset")
	defer ruleset.Close()

	if err := allow(ruleset, outDirName, rightsInOut&attr.Access_fs); err != nil {
		return err
	}
	for _, in := range inputs {
		// A missing input is reported when the program opens it.
		if err := allow(ruleset, in.Host, rightsInIn); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return fmt.Errorf("restrict: %w", errno)
	}
	return nil
}

func allow(ruleset *os.File, path string, rights uint64) error {
	f, err := os.OpenFile(path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(f.Fd())}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, ruleset.Fd(), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("allow %s: %w", path, errno)
	}
	return nil
}
