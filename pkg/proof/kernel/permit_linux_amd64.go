package kernel

import "golang.org/x/sys/unix"

// permitted asks the system for AMX's tile registers, which a process may use
// only after it has asked: they make the state that is saved at each switch of
// threads 8 KB larger.
func permitted() bool {
	const (
		requestPermission = 0x1023 // ARCH_REQ_XCOMP_PERM
		tileData          = 18
	)
	_, _, errno := unix.RawSyscall(unix.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
}
