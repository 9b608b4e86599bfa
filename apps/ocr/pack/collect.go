package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/edgematrix/emc/pkg/image"
)

// collect takes out of the packages what Tesseract needs to run, and the
// copyright notice of each package that something was taken from.
func collect(t tree) ([]image.File, error) {
	var files []image.File
	owners := map[string]bool{}
	take := func(name string, mode fs.FileMode) ([]byte, error) {
		content, f, err := t.read(name)
		if err != nil {
			return nil, err
		}
		owners[f.owner] = true
		files = append(files, image.File{Path: name, Mode: mode, Content: content})
		return content, nil
	}

	have := map[string]bool{}
	for queue := []string{tesseract}; len(queue) > 0; queue = queue[1:] {
		if have[queue[0]] {
			continue
		}
		have[queue[0]] = true
		content, err := take(queue[0], 0o755)
		if err != nil {
			return nil, err
		}
		needs, err := t.needs(content)
		if err != nil {
			return nil, fmt.Errorf("/%s: %w", queue[0], err)
		}
		queue = append(queue, needs...)
	}
	if _, err := take(model, 0o644); err != nil {
		return nil, err
	}
	names := make([]string, 0, len(owners))
	for o := range owners {
		names = append(names, o)
	}
	sort.Strings(names)
	for _, o := range names {
		if _, err := take(path.Join("usr/share/doc", o, "copyright"), 0o644); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// needs returns the paths of the interpreter and the libraries that a program
// or library names, as the dynamic linker would find them without a cache.
func (t tree) needs(content []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		name := make([]byte, p.Filesz)
		if _, err := p.ReadAt(name, 0); err != nil {
			return nil, err
		}
		out = append(out, strings.Trim(string(name), "/\x00"))
	}
	libraries, err := f.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	dirs, err := searchPath(f.Machine)
	if err != nil {
		return nil, err
	}
next:
	for _, l := range libraries {
		for _, dir := range dirs {
			if _, ok := t.find(path.Join(dir, l)); ok {
				out = append(out, path.Join(dir, l))
				continue next
			}
		}
		return nil, fmt.Errorf("no package has the library %s", l)
	}
	return out, nil
}

// searchPath is where Debian's dynamic linker looks when it has no cache.
func searchPath(machine elf.Machine) ([]string, error) {
	var triplet string
	switch machine {
	case elf.EM_X86_64:
		triplet = "x86_64-linux-gnu"
	case elf.EM_AARCH64:
		triplet = "aarch64-linux-gnu"
	default:
		return nil, fmt.Errorf("packages for %v: expected amd64 or arm64", machine)
	}
	return []string{"lib/" + triplet, "usr/lib/" + triplet, "lib", "usr/lib"}, nil
}
