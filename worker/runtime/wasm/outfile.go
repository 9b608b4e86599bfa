package wasm

import (
	"math"
	"os"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
)

// outFile is an open file in /out.
type outFile struct {
	handle
	fs                  *outFS
	file                *os.File
	offset              int64
	append, read, write bool
}

// IsAppend implements experimental/sys.File.
func (f *outFile) IsAppend() bool { return f.append }

// SetAppend implements experimental/sys.File.
func (f *outFile) SetAppend(enable bool) experimentalsys.Errno {
	if f.closed {
		return experimentalsys.EBADF
	}
	f.append = enable
	return 0
}

// Read implements experimental/sys.File.
func (f *outFile) Read(buf []byte) (int, experimentalsys.Errno) {
	n, errno := f.Pread(buf, f.offset)
	f.offset += int64(n)
	return n, errno
}

// Pread implements experimental/sys.File.
func (f *outFile) Pread(buf []byte, off int64) (int, experimentalsys.Errno) {
	if f.closed || !f.read {
		return 0, experimentalsys.EBADF
	}
	return readAt(f.file, f.node.size, buf, off)
}

// Write implements experimental/sys.File.
func (f *outFile) Write(buf []byte) (int, experimentalsys.Errno) {
	if f.append {
		f.offset = f.node.size
	}
	n, errno := f.writeAt(buf, f.offset)
	f.offset += int64(n)
	return n, errno
}

// Pwrite implements experimental/sys.File.
func (f *outFile) Pwrite(buf []byte, off int64) (int, experimentalsys.Errno) {
	return f.writeAt(buf, off)
}

func (f *outFile) writeAt(buf []byte, off int64) (int, experimentalsys.Errno) {
	switch {
	case f.closed || !f.write:
		return 0, experimentalsys.EBADF
	case off < 0 || off > math.MaxInt64-int64(len(buf)):
		return 0, experimentalsys.EINVAL
	case len(buf) == 0:
		return 0, 0
	}
	// The hole that a write past the end leaves counts in full: the customer
	// downloads it, and a file system may not store it sparsely.
	if end := off + int64(len(buf)); end > f.node.size {
		f.fs.quota.chargeBytes(end - f.node.size)
		f.node.size = end
	}
	f.node.mtime = f.fs.clock.stamp()
	n, err := f.file.WriteAt(buf, off)
	if err != nil {
		return n, f.fs.fault("write", err)
	}
	return n, 0
}

// Truncate implements experimental/sys.File.
func (f *outFile) Truncate(size int64) experimentalsys.Errno {
	switch {
	case f.closed || !f.write:
		return experimentalsys.EBADF
	case size < 0:
		return experimentalsys.EINVAL
	}
	return f.resize(size)
}

func (f *outFile) resize(size int64) experimentalsys.Errno {
	if size > f.node.size {
		f.fs.quota.chargeBytes(size - f.node.size)
	}
	if err := f.file.Truncate(size); err != nil {
		return f.fs.fault("truncate", err)
	}
	if size < f.node.size {
		f.fs.quota.refundBytes(f.node.size - size)
	}
	f.node.size = size
	f.node.mtime = f.fs.clock.stamp()
	return 0
}

// Seek implements experimental/sys.File.
func (f *outFile) Seek(offset fileOffset, whence int) (int64, experimentalsys.Errno) {
	if f.closed {
		return 0, experimentalsys.EBADF
	}
	pos, errno := seek(f.offset, f.node.size, offset, whence)
	if errno == 0 {
		f.offset = pos
	}
	return pos, errno
}

// Utimens implements experimental/sys.File.
func (f *outFile) Utimens(atime, mtime int64) experimentalsys.Errno {
	if f.closed {
		return experimentalsys.EBADF
	}
	f.node.setTimes(atime, mtime)
	return 0
}

// Close implements experimental/sys.File.
func (f *outFile) Close() experimentalsys.Errno {
	if f.closed {
		return 0
	}
	f.closed = true
	f.release()
	f.node.opens--
	f.fs.settle(f.node)
	if err := f.file.Close(); err != nil {
		return f.fs.fault("close", err)
	}
	return 0
}
