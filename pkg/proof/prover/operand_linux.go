package prover

import "golang.org/x/sys/unix"

// adviseHuge asks for large pages. Without them the work is slower, not wrong.
func adviseHuge(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
