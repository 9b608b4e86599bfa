package wasm

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"

	"github.com/edgematrix/emc/worker/runtime"
)

// inFS is /in: exactly the listed files, read-only, with the directories that
// their paths imply.
type inFS struct {
	tree
	fds   *descriptors
	abort abortFunc
}

func newInFS(inputs []runtime.File, c *clock, fds *descriptors, abort abortFunc) (*inFS, error) {
	f := &inFS{tree: newTree(c), fds: fds, abort: abort}
	// In the order of paths, for the program can see the serial numbers.
	inputs = slices.SortedFunc(slices.Values(inputs), func(a, b runtime.File) int { return strings.Compare(a.Path, b.Path) })
	for _, in := range inputs {
		// The parent has validated these; the child does not rely on it.
		if err := runtime.ValidatePath(in.Path); err != nil {
			return nil, err
		}
		dir := f.root
		names := strings.Split(in.Path, "/")
		for _, name := range names[:len(names)-1] {
			next := dir.children[name]
			if next == nil {
				next = f.newNode(true)
				f.attach(dir, name, next)
			}
			if !next.isDir() {
				return nil, fmt.Errorf("input %q lies inside a file", in.Path)
			}
			dir = next
		}
		base := names[len(names)-1]
		if dir.children[base] != nil {
			return nil, fmt.Errorf("input %q is given twice", in.Path)
		}
		n := f.newNode(false)
		n.size, n.host = in.Size, in.Host
		f.attach(dir, base, n)
	}
	return f, nil
}

// OpenFile implements experimental/sys.FS.
func (f *inFS) OpenFile(path string, flag experimentalsys.Oflag, _ fs.FileMode) (experimentalsys.File, experimentalsys.Errno) {
	n, errno := f.lookup(path)
	switch {
	case errno == experimentalsys.ENOENT && flag&experimentalsys.O_CREAT != 0:
		return nil, experimentalsys.EROFS
	case errno != 0:
		return nil, errno
	case flag&experimentalsys.O_CREAT != 0 && flag&experimentalsys.O_EXCL != 0:
		return nil, experimentalsys.EEXIST
	case n.isDir() && wantsWrite(flag):
		return nil, experimentalsys.EISDIR
	case !n.isDir() && flag&experimentalsys.O_DIRECTORY != 0:
		return nil, experimentalsys.ENOTDIR
	case flag&(experimentalsys.O_WRONLY|experimentalsys.O_TRUNC|experimentalsys.O_APPEND) != 0:
		return nil, experimentalsys.EROFS
	}
	// O_RDWR is let through as read-only: some libraries ask for it whenever they
	// do not know better, and writing fails with EBADF anyhow.
	if !f.fds.take() {
		return nil, experimentalsys.EIO
	}
	if n.isDir() {
		return &dirHandle{handle: handle{node: n, release: f.fds.give}}, 0
	}
	file, err := openRegular(n.host, n.size)
	if err != nil {
		f.abort(verdict{
			reason:  runtime.ReasonInternal,
			message: fmt.Sprintf("the worker lost the input %q", n.path()),
			detail:  err.Error(),
		})
	}
	return &inFile{handle: handle{node: n, release: f.fds.give}, file: file}, 0
}

// openRegular opens a regular file of the given size on the host, and nothing
// that stands in its place: no link, no device, no pipe that would block.
func openRegular(host string, size int64) (*os.File, error) {
	file, err := os.OpenFile(host, os.O_RDONLY|openNoFollow, 0)
	if err != nil {
		return nil, err
	}
	st, err := file.Stat()
	if err == nil && (!st.Mode().IsRegular() || st.Size() != size) {
		err = fmt.Errorf("%s: expected a regular file of %d bytes, got %v of %d bytes", host, size, st.Mode(), st.Size())
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func wantsWrite(flag experimentalsys.Oflag) bool {
	return flag&(experimentalsys.O_WRONLY|experimentalsys.O_RDWR) != 0
}

// Mkdir implements experimental/sys.FS.
func (f *inFS) Mkdir(path string, _ fs.FileMode) experimentalsys.Errno {
	if _, errno := f.lookup(path); errno == 0 {
		return experimentalsys.EEXIST
	}
	return experimentalsys.EROFS
}

// Rename implements experimental/sys.FS.
func (f *inFS) Rename(string, string) experimentalsys.Errno { return experimentalsys.EROFS }

// Rmdir implements experimental/sys.FS.
func (f *inFS) Rmdir(string) experimentalsys.Errno { return experimentalsys.EROFS }

// Unlink implements experimental/sys.FS.
func (f *inFS) Unlink(string) experimentalsys.Errno { return experimentalsys.EROFS }

// Utimens implements experimental/sys.FS.
func (f *inFS) Utimens(string, int64, int64) experimentalsys.Errno { return experimentalsys.EROFS }
