//go:build wasip1

package main

import (
	"fmt"
	"os"
	"strings"
	"unsafe"
)

// The system calls themselves: Go's library would refuse some paths before the
// runtime ever saw them.

//go:wasmimport wasi_snapshot_preview1 path_open
//go:noescape
func path_open(fd uint32, dirflags uint32, path *byte, pathLen uint32, oflags uint32, rights, inheriting uint64, fdflags uint32, opened unsafe.Pointer) uint32

//go:wasmimport wasi_snapshot_preview1 path_symlink
//go:noescape
func path_symlink(old *byte, oldLen uint32, fd uint32, path *byte, pathLen uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_link
//go:noescape
func path_link(oldFd uint32, oldFlags uint32, old *byte, oldLen uint32, newFd uint32, path *byte, pathLen uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_rename
//go:noescape
func path_rename(oldFd uint32, old *byte, oldLen uint32, newFd uint32, path *byte, pathLen uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_readlink
//go:noescape
func path_readlink(fd uint32, path *byte, pathLen uint32, buf *byte, bufLen uint32, used unsafe.Pointer) uint32

//go:wasmimport wasi_snapshot_preview1 path_filestat_get
//go:noescape
func path_filestat_get(fd uint32, flags uint32, path *byte, pathLen uint32, stat unsafe.Pointer) uint32

//go:wasmimport wasi_snapshot_preview1 path_create_directory
//go:noescape
func path_create_directory(fd uint32, path *byte, pathLen uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_unlink_file
//go:noescape
func path_unlink_file(fd uint32, path *byte, pathLen uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_renumber
func fd_renumber(from, to uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_allocate
func fd_allocate(fd uint32, offset, length uint64) uint32

const (
	inFD, outFD  = 3, 4
	rightRead    = 1 << 1
	rightWrite   = 1 << 6
	oflagCreate  = 1
	followLinks  = 1
	everyFDBelow = 8
)

func raw(s string) (*byte, uint32) { return unsafe.StringData(s), uint32(len(s)) }

func rawAllocate(fd uint32, offset, length uint64) uint32 { return fd_allocate(fd, offset, length) }

// escape tries every way to the file at args[0], an absolute path on the host.
// Each line of its log is a way and the errno with which it was refused; a way
// that worked says OPEN.
func escape(args []string) error {
	key := args[0]
	if err := os.MkdirAll("/out/a/b", 0o755); err != nil {
		return err
	}
	if err := os.WriteFile("/out/own", []byte("own"), 0o644); err != nil {
		return err
	}
	say := func(way string, errno uint32) {
		verdict := fmt.Sprint("refused ", errno)
		if errno == 0 {
			verdict = "OPEN"
		}
		fmt.Println(way, verdict)
	}
	read := func(way string, fd uint32, path string) {
		var opened uint32
		p, n := raw(path)
		errno := path_open(fd, followLinks, p, n, 0, rightRead, 0, 0, unsafe.Pointer(&opened))
		say(way+" open", errno)
		if errno == 0 {
			content := make([]byte, 100)
			n, _ := os.NewFile(uintptr(opened), "x").Read(content)
			fmt.Printf("STOLEN %q\n", content[:n])
		}
		var stat [64]byte
		say(way+" stat", path_filestat_get(fd, followLinks, p, n, unsafe.Pointer(&stat)))
		say(way+" lstat", path_filestat_get(fd, 0, p, n, unsafe.Pointer(&stat)))
		var buf [256]byte
		var used uint32
		say(way+" readlink", path_readlink(fd, p, n, &buf[0], uint32(len(buf)), unsafe.Pointer(&used)))
	}

	up := strings.Repeat("../", 20)
	relative := strings.TrimPrefix(key, "/")
	ways := map[string]string{
		"absolute":     key,
		"up":           up + relative,
		"up inside":    "a/" + up + relative,
		"double slash": "//" + relative,
		"dot":          "./" + up + relative,
		"nul":          "own\x00/../" + up + relative,
		"parent":       "..",
		"proc root":    "../../proc/self/root" + key,
		"proc":         "/proc/self/environ",
		"backslash":    `..\..\` + relative,
		"empty":        "",
	}
	for _, dir := range []uint32{inFD, outFD} {
		for way, path := range ways {
			read(fmt.Sprintf("fd %d %s", dir, way), dir, path)
		}
	}

	// A directory handle of one's own as the starting point.
	var sub uint32
	p, n := raw("a/b")
	if errno := path_open(outFD, 0, p, n, 2, 0, 0, 0, unsafe.Pointer(&sub)); errno != 0 {
		return fmt.Errorf("opening a/b: errno %d", errno)
	}
	for way, path := range ways {
		read("own directory "+way, sub, path)
	}

	// Links that point there, and reading through them.
	for i, target := range []string{key, up + relative, "../own", "own", "/", "."} {
		name := fmt.Sprintf("link%d", i)
		old, oldLen := raw(target)
		for _, dir := range []uint32{inFD, outFD, sub} {
			path, pathLen := raw(name)
			say("symlink "+target, path_symlink(old, oldLen, dir, path, pathLen))
			read("through symlink "+target, dir, name)
			read("below symlink "+target, dir, name+"/"+relative)
			for from := uint32(inFD); from < everyFDBelow; from++ {
				say("hard link "+target, path_link(from, 0, old, oldLen, dir, path, pathLen))
				say("hard link following "+target, path_link(from, followLinks, old, oldLen, dir, path, pathLen))
			}
		}
	}

	// Moving things in or out.
	own, ownLen := raw("own")
	for _, target := range []string{"../own", key, up + "tmp/emc-stolen"} {
		path, pathLen := raw(target)
		for _, dir := range []uint32{inFD, outFD, sub} {
			say("rename out "+target, path_rename(outFD, own, ownLen, dir, path, pathLen))
			name, nameLen := raw("taken")
			say("rename in "+target, path_rename(dir, path, pathLen, outFD, name, nameLen))
			say("mkdir "+target, path_create_directory(dir, path, pathLen))
			say("unlink "+target, path_unlink_file(dir, path, pathLen))
			var opened uint32
			say("create "+target, path_open(dir, followLinks, path, pathLen, oflagCreate, rightWrite, 0, 0, unsafe.Pointer(&opened)))
		}
	}
	say("rename into /in", path_rename(outFD, own, ownLen, inFD, own, ownLen))

	// Go's own library, for completeness.
	if content, err := os.ReadFile(key); err == nil {
		fmt.Printf("STOLEN %q\n", content)
	}
	if err := os.Symlink(key, "/out/s"); err == nil {
		fmt.Println("os.Symlink OPEN")
	}
	return nil
}

// names creates what no customer could unpack; each must be refused.
func names([]string) error {
	for way, name := range map[string]string{
		"long":         strings.Repeat("n", 256),
		"control":      "a\x1b[2Jb",
		"newline":      "a\nb",
		"invalid utf8": "a\xff",
		"deep":         strings.Repeat("d/", 40) + "f",
	} {
		var opened uint32
		p, n := raw(name)
		if way == "deep" {
			for i := 2; i < len(name); i += 2 {
				p, n := raw(name[:i])
				path_create_directory(outFD, p, n)
			}
		}
		if path_open(outFD, 0, p, n, oflagCreate, rightWrite, 0, 0, unsafe.Pointer(&opened)) == 0 {
			return fmt.Errorf("%s was let through", way)
		}
	}
	return nil
}

// handles opens files without end; it must be refused, not bring anything down.
func handles([]string) error {
	for i := range 1_000_000 {
		var opened uint32
		p, n := raw("handle")
		if errno := path_open(outFD, 0, p, n, oflagCreate, rightWrite, 0, 0, unsafe.Pointer(&opened)); errno != 0 {
			fmt.Println("refused after", i)
			return nil
		}
	}
	return fmt.Errorf("a million handles")
}

// renumber asks for a descriptor whose table would take many GiB.
func renumber([]string) error {
	var opened uint32
	p, n := raw("x")
	path_open(outFD, 0, p, n, oflagCreate, rightWrite, 0, 0, unsafe.Pointer(&opened))
	fmt.Println("renumber", fd_renumber(opened, 0x7fffffff))
	return nil
}
