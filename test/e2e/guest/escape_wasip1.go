package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"unsafe"
)

// The system calls themselves: Go's library would clean or refuse some paths
// before the runtime ever saw them.

//go:wasmimport wasi_snapshot_preview1 path_open
//go:noescape
func pathOpen(dir, lookup uint32, name *byte, size, create uint32, rights, inherit uint64, flags uint32, opened unsafe.Pointer) uint32

//go:wasmimport wasi_snapshot_preview1 path_symlink
//go:noescape
func pathSymlink(target *byte, targetSize, dir uint32, name *byte, size uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_link
//go:noescape
func pathLink(from, lookup uint32, old *byte, oldSize, to uint32, name *byte, size uint32) uint32

//go:wasmimport wasi_snapshot_preview1 path_rename
//go:noescape
func pathRename(from uint32, old *byte, oldSize, to uint32, name *byte, size uint32) uint32

//go:wasmimport wasi_snapshot_preview1 fd_read
//go:noescape
func fdRead(fd uint32, vector unsafe.Pointer, vectors uint32, read unsafe.Pointer) uint32

const (
	inFolder, outFolder = 3, 4
	follow              = 1
	mayRead, mayWrite   = 1 << 1, 1 << 6
	create              = 1
)

func bytesOf(s string) (*byte, uint32) { return unsafe.StringData(s), uint32(len(s)) }

// loot is whether anything was reached.
var loot bool

// read opens a name below a folder and prints what it finds.
func read(way string, dir uint32, name string) {
	var fd uint32
	p, n := bytesOf(name)
	errno := pathOpen(dir, follow, p, n, 0, mayRead, 0, 0, unsafe.Pointer(&fd))
	fmt.Printf("%s: %d\n", way, errno)
	if errno != 0 {
		return
	}
	loot = true
	var content [512]byte
	vector := struct {
		base unsafe.Pointer
		size uint32
	}{unsafe.Pointer(&content[0]), uint32(len(content))}
	var got uint32
	_ = fdRead(fd, unsafe.Pointer(&vector), 1, unsafe.Pointer(&got))
	fmt.Printf("REACHED %s: %q\n", way, content[:got])
	_ = os.WriteFile("/out/loot", content[:got], 0o644)
}

// hostile are the verbs for a wasm sandbox.
func hostile() map[string]func(string) error {
	return map[string]func(string) error{"escape": escape}
}

// escape tries every way to a file of the host, whose absolute path is key.
func escape(key string) error {
	up := strings.Repeat("../", 16) + strings.TrimPrefix(key, "/")
	for _, dir := range []uint32{inFolder, outFolder} {
		for _, name := range []string{key, up, "./" + up, "x/../" + up, "//" + key, "..", "../" + path.Base(key), "../../" + path.Base(key), "/proc/self/environ", "/proc/self/root" + key} {
			read(fmt.Sprintf("open %d %s", dir, name), dir, name)
		}
		links(dir, key, up)
		renames(dir, key, up)
	}
	for _, name := range []string{key, up, "/out/" + up} { // by Go's library, too
		if content, err := os.ReadFile(name); err == nil {
			loot = true
			fmt.Printf("REACHED by os.ReadFile %q\n", content)
		}
	}
	if loot {
		return errors.New("something was reached")
	}
	fmt.Println("nothing was reached")
	return nil
}

func links(dir uint32, key, up string) {
	for i, target := range []string{key, up, "..", "/"} {
		to, toSize := bytesOf(target)
		name := fmt.Sprintf("soft%d", i)
		p, n := bytesOf(name)
		fmt.Printf("symlink %s: %d\n", target, pathSymlink(to, toSize, dir, p, n))
		read("through "+name, dir, name)
		read("below "+name, dir, name+"/"+strings.TrimPrefix(key, "/"))
		read("beside "+name, dir, name+"/"+path.Base(key))
		hard := fmt.Sprintf("hard%d", i)
		h, hn := bytesOf(hard)
		for _, from := range []uint32{inFolder, outFolder} {
			fmt.Printf("hard link %s: %d\n", target, pathLink(from, follow, to, toSize, dir, h, hn))
			read("through "+hard, dir, hard)
		}
	}
}

func renames(dir uint32, key, up string) {
	mine, mineSize := bytesOf("mine")
	_ = os.WriteFile("/out/mine", []byte("mine"), 0o644)
	for i, target := range []string{key, up, "../" + path.Base(key)} {
		to, toSize := bytesOf(target)
		name := fmt.Sprintf("moved%d", i)
		p, n := bytesOf(name)
		fmt.Printf("rename in %s: %d\n", target, pathRename(dir, to, toSize, outFolder, p, n))
		read("after rename "+name, outFolder, name)
		// Over the host's file, and a new one beside it.
		if errno := pathRename(outFolder, mine, mineSize, dir, to, toSize); errno == 0 {
			fmt.Println("REACHED by rename out to", target)
			loot = true
		}
		var fd uint32
		if errno := pathOpen(dir, follow, to, toSize, create, mayWrite, 0, 0, unsafe.Pointer(&fd)); errno == 0 {
			fmt.Println("REACHED by create at", target)
			loot = true
		}
	}
}
