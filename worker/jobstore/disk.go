package jobstore

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// ErrDiskFull is in the chain of every error that free space would mend.
var ErrDiskFull = errors.New("the disk is full")

// diskFullRetry is how long a customer is asked to wait while the operator frees space.
const diskFullRetry = 30 * time.Second

// diskError explains a failed write. A full disk reaches the customer as busy, because it passes.
func (s *Store) diskError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG) {
		s.cfg.Logger.Error("the disk is full: free space and the worker goes on", "dir", s.cfg.Dir, "error", err)
		return fmt.Errorf("%w (%s): free space and the worker goes on: %w: %w", ErrDiskFull, s.cfg.Dir, err,
			transfer.Busy(diskFullRetry, "the worker's disk is full"))
	}
	return err
}

// checkFree refuses what the disk cannot take.
func (s *Store) checkFree(need int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(s.cfg.Dir, &st); err != nil {
		return fmt.Errorf("free space of %s: %w", s.cfg.Dir, err)
	}
	free := min(st.Bavail, 1<<40) * uint64(max(st.Bsize, 1)) // capped: no overflow
	if free < uint64(need)+uint64(s.cfg.MinFreeBytes) {
		return s.diskError(fmt.Errorf("%d bytes are free, %d are to be reserved and %d kept: %w", free, need, s.cfg.MinFreeBytes, unix.ENOSPC))
	}
	return nil
}

// writeFile replaces a file in one step that survives power loss.
func writeFile(path string, data []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error { return syncPath(dir) }

func syncPath(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// sizeOf is the size of a regular file, and 0 for what is not there.
func sizeOf(path string) int64 {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

func isFile(path string, size int64) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular() && (size < 0 || info.Size() == size)
}

func hashFile(path string) (job.Digest, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return job.Digest{}, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return job.Digest{}, err
	}
	return job.Digest(h.Sum(nil)), nil
}
