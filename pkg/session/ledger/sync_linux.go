package ledger

import (
	"os"

	"golang.org/x/sys/unix"
)

// dataSync leaves out times of access and the like, which Sync would wait for.
func dataSync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR {
			return err
		}
	}
}
