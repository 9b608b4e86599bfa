package wasm

import (
	"io"
	"math"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// fileOffset is int64 under a name of its own: go vet takes a Seek(int64, int)
// for io.Seeker's and demands its error, where wazero's File has an Errno.
type fileOffset = int64

// handle is what every open file and directory shares. What it does not
// answer is refused.
type handle struct {
	experimentalsys.UnimplementedFile
	node    *node
	release func() // gives the descriptor back
	closed  bool
}

// Dev implements experimental/sys.File.
func (h *handle) Dev() (uint64, experimentalsys.Errno) { return 1, 0 }

// Ino implements experimental/sys.File.
func (h *handle) Ino() (sys.Inode, experimentalsys.Errno) { return h.node.ino, 0 }

// IsDir implements experimental/sys.File.
func (h *handle) IsDir() (bool, experimentalsys.Errno) { return h.node.isDir(), 0 }

// Stat implements experimental/sys.File.
func (h *handle) Stat() (sys.Stat_t, experimentalsys.Errno) {
	if h.closed {
		return sys.Stat_t{}, experimentalsys.EBADF
	}
	return h.node.stat(), 0
}

// Sync implements experimental/sys.File. It does nothing: outputs matter after
// the run alone, and a program in a loop of syncs would wear the miner's disk.
func (h *handle) Sync() experimentalsys.Errno {
	if h.closed {
		return experimentalsys.EBADF
	}
	return 0
}

// Datasync implements experimental/sys.File.
func (h *handle) Datasync() experimentalsys.Errno { return h.Sync() }

// seek is the common part of Seek on files.
func seek(current, size, offset int64, whence int) (int64, experimentalsys.Errno) {
	base := int64(0)
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		base = current
	case io.SeekEnd:
		base = size
	default:
		return 0, experimentalsys.EINVAL
	}
	if offset > math.MaxInt64-base || base+offset < 0 {
		return 0, experimentalsys.EINVAL
	}
	return base + offset, 0
}

// dirHandle is an open directory, which can only be listed.
type dirHandle struct {
	experimentalsys.DirFile
	handle
	writable bool

	list   []experimentalsys.Dirent
	listed bool
}

// IsDir implements experimental/sys.File.
func (d *dirHandle) IsDir() (bool, experimentalsys.Errno) { return true, 0 }

// Seek implements experimental/sys.File: a directory can only be rewound.
func (d *dirHandle) Seek(offset fileOffset, whence int) (int64, experimentalsys.Errno) {
	if d.closed {
		return 0, experimentalsys.EBADF
	}
	if offset != 0 || whence != io.SeekStart {
		return 0, experimentalsys.EINVAL
	}
	d.list, d.listed = nil, false
	return 0, 0
}

// Readdir implements experimental/sys.File.
func (d *dirHandle) Readdir(n int) ([]experimentalsys.Dirent, experimentalsys.Errno) {
	if d.closed {
		return nil, experimentalsys.EBADF
	}
	if !d.listed {
		d.list, d.listed = d.node.dirents(), true
	}
	if n <= 0 || n > len(d.list) {
		n = len(d.list)
	}
	next := d.list[:n:n]
	d.list = d.list[n:]
	return next, 0
}

// Utimens implements experimental/sys.File.
func (d *dirHandle) Utimens(atime, mtime int64) experimentalsys.Errno {
	if d.closed {
		return experimentalsys.EBADF
	}
	if !d.writable {
		return experimentalsys.EROFS
	}
	d.node.setTimes(atime, mtime)
	return 0
}

// Close implements experimental/sys.File.
func (d *dirHandle) Close() experimentalsys.Errno {
	if !d.closed {
		d.closed = true
		d.release()
	}
	return 0
}
