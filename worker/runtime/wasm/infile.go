package wasm

import (
	"io"
	"os"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
)

// inFile is an open input.
type inFile struct {
	handle
	file   *os.File
	offset int64
}

// Read implements experimental/sys.File.
func (f *inFile) Read(buf []byte) (int, experimentalsys.Errno) {
	n, errno := f.Pread(buf, f.offset)
	f.offset += int64(n)
	return n, errno
}

// Pread implements experimental/sys.File.
func (f *inFile) Pread(buf []byte, off int64) (int, experimentalsys.Errno) {
	if f.closed {
		return 0, experimentalsys.EBADF
	}
	return readAt(f.file, f.node.size, buf, off)
}

// readAt reads what lies before size, and turns the end of the file into zero
// bytes, as wazero expects it.
func readAt(file *os.File, size int64, buf []byte, off int64) (int, experimentalsys.Errno) {
	if off < 0 {
		return 0, experimentalsys.EINVAL
	}
	if off >= size {
		return 0, 0
	}
	buf = buf[:min(int64(len(buf)), size-off)]
	n, err := file.ReadAt(buf, off)
	if err != nil && err != io.EOF {
		return n, experimentalsys.EIO
	}
	return n, 0
}

// Write implements experimental/sys.File.
func (f *inFile) Write([]byte) (int, experimentalsys.Errno) { return 0, experimentalsys.EBADF }

// Pwrite implements experimental/sys.File.
func (f *inFile) Pwrite([]byte, int64) (int, experimentalsys.Errno) {
	return 0, experimentalsys.EBADF
}

// Truncate implements experimental/sys.File.
func (f *inFile) Truncate(int64) experimentalsys.Errno { return experimentalsys.EROFS }

// Utimens implements experimental/sys.File.
func (f *inFile) Utimens(int64, int64) experimentalsys.Errno { return experimentalsys.EROFS }

// Seek implements experimental/sys.File.
func (f *inFile) Seek(offset fileOffset, whence int) (int64, experimentalsys.Errno) {
	if f.closed {
		return 0, experimentalsys.EBADF
	}
	pos, errno := seek(f.offset, f.node.size, offset, whence)
	if errno == 0 {
		f.offset = pos
	}
	return pos, errno
}

// Close implements experimental/sys.File.
func (f *inFile) Close() experimentalsys.Errno {
	if f.closed {
		return 0
	}
	f.closed = true
	f.release()
	if f.file.Close() != nil {
		return experimentalsys.EIO
	}
	return 0
}
