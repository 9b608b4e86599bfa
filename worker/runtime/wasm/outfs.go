package wasm

import (
	"fmt"
	"io/fs"
	"os"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"

	"github.com/edgematrix/emc/worker/runtime"
)

// outFS is /out: files and directories under a quota. Their bytes lie in a
// directory of the host that is reached through os.Root alone; names, sizes
// and times are those of the tree.
type outFS struct {
	tree
	host  *os.Root
	quota quota
	fds   *descriptors
}

func newOutFS(host *os.Root, limits runtime.Limits, c *clock, fds *descriptors, abort abortFunc) *outFS {
	return &outFS{
		tree:  newTree(c),
		host:  host,
		fds:   fds,
		quota: quota{maxBytes: limits.OutputBytes, maxNodes: limits.OutputFiles, abort: abort},
	}
}

// fault ends the run when the worker's own disk fails, which is not the
// customer's doing.
func (f *outFS) fault(doing string, err error) experimentalsys.Errno {
	f.quota.abort(verdict{
		reason:   runtime.ReasonInternal,
		exitCode: -1,
		message:  "the worker's disk failed while the program wrote its output",
		detail:   fmt.Sprintf("%s: %v", doing, err),
	})
	return experimentalsys.EIO
}

// OpenFile implements experimental/sys.FS.
func (f *outFS) OpenFile(path string, flag experimentalsys.Oflag, _ fs.FileMode) (experimentalsys.File, experimentalsys.Errno) {
	n, errno := f.lookup(path)
	create := flag&experimentalsys.O_CREAT != 0
	switch {
	case errno == experimentalsys.ENOENT && create:
		return f.create(path, flag)
	case errno != 0:
		return nil, errno
	case create && flag&experimentalsys.O_EXCL != 0:
		return nil, experimentalsys.EEXIST
	case n.isDir() && (wantsWrite(flag) || flag&experimentalsys.O_TRUNC != 0):
		return nil, experimentalsys.EISDIR
	case !n.isDir() && flag&experimentalsys.O_DIRECTORY != 0:
		return nil, experimentalsys.ENOTDIR
	}
	if !f.fds.take() {
		return nil, experimentalsys.EIO
	}
	if n.isDir() {
		return &dirHandle{handle: handle{node: n, release: f.fds.give}, writable: true}, 0
	}
	file, err := f.host.OpenFile(n.path(), os.O_RDWR|openNoFollow, 0)
	if err != nil {
		return nil, f.fault("open", err)
	}
	return f.open(n, file, flag)
}

func (f *outFS) create(path string, flag experimentalsys.Oflag) (experimentalsys.File, experimentalsys.Errno) {
	parent, name, errno := f.vacant(path)
	if errno != 0 {
		return nil, errno
	}
	if path[len(path)-1] == '/' {
		return nil, experimentalsys.EISDIR
	}
	if !f.fds.take() {
		return nil, experimentalsys.EIO
	}
	f.quota.chargeNode()
	n := f.newNode(false)
	f.attach(parent, name, n)
	file, err := f.host.OpenFile(n.path(), os.O_RDWR|os.O_CREATE|os.O_EXCL|openNoFollow, 0o600)
	if err != nil {
		return nil, f.fault("create", err)
	}
	return f.open(n, file, flag)
}

func (f *outFS) open(n *node, file *os.File, flag experimentalsys.Oflag) (experimentalsys.File, experimentalsys.Errno) {
	n.opens++
	o := &outFile{
		handle: handle{node: n, release: f.fds.give},
		fs:     f,
		file:   file,
		append: flag&experimentalsys.O_APPEND != 0,
		read:   flag&experimentalsys.O_WRONLY == 0,
		write:  wantsWrite(flag),
	}
	if flag&experimentalsys.O_TRUNC != 0 {
		if errno := o.resize(0); errno != 0 {
			return nil, errno
		}
	}
	return o, 0
}

// vacant finds the place for a new name, and refuses names that a customer
// could not unpack.
func (f *outFS) vacant(path string) (*node, string, experimentalsys.Errno) {
	parent, name, existing, errno := f.place(path)
	switch {
	case errno != 0:
		return nil, "", errno
	case existing != nil:
		return nil, "", experimentalsys.EEXIST
	case !parent.isDir():
		return nil, "", experimentalsys.ENOTDIR
	}
	return parent, name, validName(parent, name)
}

func validName(parent *node, name string) experimentalsys.Errno {
	path := name
	if parent.parent != nil {
		path = parent.path() + "/" + name
	}
	if runtime.ValidatePath(path) == nil {
		return 0
	}
	if len(name) > runtime.MaxNameBytes || len(path) > runtime.MaxPathBytes {
		return experimentalsys.ENAMETOOLONG
	}
	return experimentalsys.EINVAL
}

// Mkdir implements experimental/sys.FS.
func (f *outFS) Mkdir(path string, _ fs.FileMode) experimentalsys.Errno {
	if n, errno := f.lookup(path); errno == 0 && n == f.root {
		return experimentalsys.EEXIST
	}
	parent, name, errno := f.vacant(path)
	if errno != 0 {
		return errno
	}
	f.quota.chargeNode()
	n := f.newNode(true)
	f.attach(parent, name, n)
	if err := f.host.Mkdir(n.path(), 0o700); err != nil {
		return f.fault("mkdir", err)
	}
	return 0
}

// Unlink implements experimental/sys.FS.
func (f *outFS) Unlink(path string) experimentalsys.Errno {
	n, errno := f.lookup(path)
	switch {
	case errno != 0:
		return errno
	case n.isDir():
		return experimentalsys.EISDIR
	}
	return f.remove(n)
}

// Rmdir implements experimental/sys.FS.
func (f *outFS) Rmdir(path string) experimentalsys.Errno {
	n, errno := f.lookup(path)
	switch {
	case errno != 0:
		return errno
	case !n.isDir():
		return experimentalsys.ENOTDIR
	case n == f.root:
		return experimentalsys.EINVAL
	case len(n.children) > 0:
		return experimentalsys.ENOTEMPTY
	}
	return f.remove(n)
}

func (f *outFS) remove(n *node) experimentalsys.Errno {
	if err := f.host.Remove(n.path()); err != nil {
		return f.fault("remove", err)
	}
	f.unlinked(n)
	return 0
}

// unlinked takes n out of the tree. Its bytes come back to the quota when the
// last handle closes: until then they are on the host's disk.
func (f *outFS) unlinked(n *node) {
	f.detach(n)
	f.settle(n)
}

func (f *outFS) settle(n *node) {
	if n.parent == nil && n.opens == 0 {
		f.quota.refundNode()
		f.quota.refundBytes(n.size)
	}
}

// Utimens implements experimental/sys.FS.
func (f *outFS) Utimens(path string, atime, mtime int64) experimentalsys.Errno {
	n, errno := f.lookup(path)
	if errno == 0 {
		n.setTimes(atime, mtime)
	}
	return errno
}
