package wasm

import (
	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
)

// Rename implements experimental/sys.FS. What it replaces goes back to the
// quota as an unlinked file does.
func (f *outFS) Rename(from, to string) experimentalsys.Errno {
	n, errno := f.lookup(from)
	if errno != 0 {
		return errno
	}
	parent, name, existing, errno := f.place(to)
	if errno != 0 {
		return errno
	}
	_, toMustBeDir, _ := split(to)
	switch {
	case n == f.root:
		return experimentalsys.EINVAL
	case !parent.isDir(), toMustBeDir && !n.isDir():
		return experimentalsys.ENOTDIR
	case n == existing:
		return 0
	case n.contains(parent): // a directory into itself
		return experimentalsys.EINVAL
	case existing == nil:
	case existing.isDir() && !n.isDir():
		return experimentalsys.EISDIR
	case !existing.isDir() && n.isDir():
		return experimentalsys.ENOTDIR
	case len(existing.children) > 0:
		return experimentalsys.ENOTEMPTY
	}
	if errno := f.fits(n, parent, name); errno != 0 {
		return errno
	}

	target := name
	if parent != f.root {
		target = parent.path() + "/" + name
	}
	if existing != nil && existing.isDir() {
		// Go does not rename over a directory, not even an empty one.
		if errno := f.remove(existing); errno != 0 {
			return errno
		}
		existing = nil
	}
	if err := f.host.Rename(n.path(), target); err != nil {
		return f.fault("rename", err)
	}
	if existing != nil {
		f.unlinked(existing)
	}
	f.detach(n)
	f.attach(parent, name, n)
	return 0
}

// fits checks every name below n at its new place: moving a deep directory
// must not make paths that could not have been created there.
func (f *outFS) fits(n, parent *node, name string) experimentalsys.Errno {
	if errno := validName(parent, name); errno != 0 {
		return errno
	}
	moved := &node{name: name, parent: parent}
	for child, c := range n.children {
		if errno := f.fits(c, moved, child); errno != 0 {
			return errno
		}
	}
	return 0
}
