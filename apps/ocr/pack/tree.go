package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// tree is what a set of packages would install, without installing it.
type tree map[string]installed

// installed is one file, by its path below the root.
type installed struct {
	owner string // the package
	host  string // where it lies unpacked
	link  string // a symbolic link's target, as a path below the root
}

// readTree lists the files of unpacked packages.
func readTree(dir string) (tree, error) {
	packages, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	t := tree{}
	for _, p := range packages {
		root := filepath.Join(dir, p.Name())
		err := filepath.WalkDir(root, func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			name, err := filepath.Rel(root, file)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			f := installed{owner: p.Name(), host: file}
			if e.Type() == fs.ModeSymlink {
				target, err := os.Readlink(file)
				if err != nil {
					return err
				}
				if !path.IsAbs(target) {
					target = path.Join("/", path.Dir(name), target)
				}
				f.link = strings.TrimPrefix(path.Clean(target), "/")
			}
			t[name] = f
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// find follows links, of files and of the folder a file is in, inside the tree.
func (t tree) find(name string) (installed, bool) {
	for range 8 {
		f, ok := t[name]
		switch {
		case ok && f.link == "":
			return f, true
		case ok:
			name = f.link
		default:
			dir, isLink := t[path.Dir(name)]
			if !isLink || dir.link == "" {
				return installed{}, false
			}
			name = path.Join(dir.link, path.Base(name))
		}
	}
	return installed{}, false
}

// read returns a file's content.
func (t tree) read(name string) ([]byte, installed, error) {
	f, ok := t.find(name)
	if !ok {
		return nil, f, fmt.Errorf("no package has /%s; is the list of packages complete?", name)
	}
	content, err := os.ReadFile(f.host)
	return content, f, err
}
