package wasm

import (
	"maps"
	"slices"
	"strings"

	"io/fs"

	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/sys"
)

// node is a file or directory as the program sees it. The tree of nodes, not
// the host, answers every question about names, sizes and times: the host's
// own answers differ from machine to machine.
type node struct {
	name   string
	parent *node // nil for the root and for what was unlinked
	ino    uint64
	mtime  int64
	atime  int64

	children map[string]*node // nil for a file

	size  int64
	host  string // inputs only: where the content lies
	opens int    // outputs only: open handles, which keep an unlinked file's bytes
}

func (n *node) isDir() bool { return n.children != nil }

func (n *node) stat() sys.Stat_t {
	st := sys.Stat_t{
		Dev: 1, Ino: n.ino, Mode: 0o644, Nlink: 1, Size: n.size,
		Atim: n.atime, Mtim: n.mtime, Ctim: n.mtime,
	}
	if n.isDir() {
		st.Mode = fs.ModeDir | 0o755
	}
	return st
}

// path is where the node lies below its root, "." for the root itself.
func (n *node) path() string {
	if n.parent == nil {
		return "."
	}
	var names []string
	for ; n.parent != nil; n = n.parent {
		names = append(names, n.name)
	}
	slices.Reverse(names)
	return strings.Join(names, "/")
}

// dirents lists the node in the order of names, which is the same everywhere.
func (n *node) dirents() []experimentalsys.Dirent {
	list := make([]experimentalsys.Dirent, 0, len(n.children))
	for _, name := range slices.Sorted(maps.Keys(n.children)) {
		c := n.children[name]
		d := experimentalsys.Dirent{Ino: c.ino, Name: name}
		if c.isDir() {
			d.Type = fs.ModeDir
		}
		list = append(list, d)
	}
	return list
}

// contains says whether m is n or lies below it.
func (n *node) contains(m *node) bool {
	for ; m != nil; m = m.parent {
		if m == n {
			return true
		}
	}
	return false
}

func (n *node) setTimes(atime, mtime int64) {
	if atime != experimentalsys.UTIME_OMIT {
		n.atime = atime
	}
	if mtime != experimentalsys.UTIME_OMIT {
		n.mtime = mtime
	}
}
