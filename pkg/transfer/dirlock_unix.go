//go:build unix

package transfer

import (
	"errors"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// dirLock keeps two downloads from writing to the same partial files.
type dirLock struct{ f *os.File }

func lockDir(root *os.Root) (*dirLock, error) {
	f, err := root.OpenFile(path.Join(partialDir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(errDirBusy, f.Close())
	}
	return &dirLock{f}, nil
}

func (l *dirLock) release() { _ = l.f.Close() }
