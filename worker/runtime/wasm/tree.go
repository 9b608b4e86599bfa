package wasm

import (
	"strings"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// tree is what /in and /out share: names, and the answers about them. There
// are no links of any kind in it, so a name means one node and no other.
type tree struct {
	experimentalsys.UnimplementedFS
	root    *node
	nextIno uint64
	clock   *clock
}

func newTree(c *clock) tree {
	t := tree{clock: c}
	t.root = t.newNode(true)
	return t
}

func (t *tree) newNode(dir bool) *node {
	t.nextIno++
	n := &node{ino: t.nextIno, atime: t.clock.stamp(), mtime: t.clock.stamp()}
	if dir {
		n.children = map[string]*node{}
	}
	return n
}

func (t *tree) attach(parent *node, name string, n *node) {
	n.parent, n.name = parent, name
	parent.children[name] = n
	parent.mtime = t.clock.stamp()
}

func (t *tree) detach(n *node) {
	delete(n.parent.children, n.name)
	n.parent.mtime = t.clock.stamp()
	n.parent = nil
}

// split cuts a program's path into names. wazero has cleaned it, and prefixed
// it with the path under which a directory was opened; ".." is refused again
// here because everything rests on it.
func split(path string) (names []string, mustBeDir bool, errno experimentalsys.Errno) {
	mustBeDir = path == "" || strings.HasSuffix(path, "/")
	for name := range strings.SplitSeq(path, "/") {
		switch name {
		case "", ".":
		case "..":
			return nil, false, experimentalsys.EPERM
		default:
			names = append(names, name)
		}
	}
	return names, mustBeDir, 0
}

func (t *tree) lookup(path string) (*node, experimentalsys.Errno) {
	names, mustBeDir, errno := split(path)
	if errno != 0 {
		return nil, errno
	}
	n := t.root
	for _, name := range names {
		if !n.isDir() {
			return nil, experimentalsys.ENOTDIR
		}
		if n = n.children[name]; n == nil {
			return nil, experimentalsys.ENOENT
		}
	}
	if mustBeDir && !n.isDir() {
		return nil, experimentalsys.ENOTDIR
	}
	return n, 0
}

// place finds where a new name would go. It fails when the parent is missing;
// existing is nil when the name is free.
func (t *tree) place(path string) (parent *node, name string, existing *node, errno experimentalsys.Errno) {
	names, _, errno := split(path)
	if errno != 0 {
		return nil, "", nil, errno
	}
	if len(names) == 0 {
		return nil, "", nil, experimentalsys.EINVAL
	}
	name = names[len(names)-1]
	parent, errno = t.lookup(strings.Join(names[:len(names)-1], "/"))
	if errno != 0 {
		return nil, "", nil, errno
	}
	return parent, name, parent.children[name], 0
}

// Stat implements experimental/sys.FS.
func (t *tree) Stat(path string) (sys.Stat_t, experimentalsys.Errno) {
	n, errno := t.lookup(path)
	if errno != 0 {
		return sys.Stat_t{}, errno
	}
	return n.stat(), 0
}

// Lstat implements experimental/sys.FS.
func (t *tree) Lstat(path string) (sys.Stat_t, experimentalsys.Errno) { return t.Stat(path) }

// Readlink implements experimental/sys.FS: nothing here is a link.
func (t *tree) Readlink(path string) (string, experimentalsys.Errno) {
	if _, errno := t.lookup(path); errno != 0 {
		return "", errno
	}
	return "", experimentalsys.EINVAL
}

// Link implements experimental/sys.FS. A hard link would let one file's bytes
// be counted once and kept twice.
func (t *tree) Link(string, string) experimentalsys.Errno { return experimentalsys.EPERM }

// Symlink implements experimental/sys.FS. A symbolic link is the usual way out
// of a directory, on this host or on the customer's when he unpacks the result.
func (t *tree) Symlink(string, string) experimentalsys.Errno { return experimentalsys.EPERM }
