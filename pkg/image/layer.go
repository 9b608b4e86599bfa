package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"
	"time"
)

// Layer is one layer of an image that Write packs: something that writes the
// same tar stream each time it is asked.
type Layer struct {
	write func(io.Writer) error
}

// TarLayer is a layer from a file that holds an uncompressed tar.
func TarLayer(file string) Layer {
	return Layer{func(w io.Writer) error {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	}}
}

// File is an entry of FileLayer.
type File struct {
	// Path is slash-separated and relative to the image's root; a leading slash
	// is allowed.
	Path string
	// Mode gives the permissions; fs.ModeDir and fs.ModeSymlink the type, none
	// of them means a regular file.
	Mode fs.FileMode
	// Content is a regular file's.
	Content []byte
	// Link is a symbolic link's target.
	Link string
}

// FileLayer is a layer with the given files, in the order of their paths, owned
// by root, without times. Directories that are not listed get mode 0755.
func FileLayer(files []File) (Layer, error) {
	entries := map[string]File{}
	for _, f := range files {
		name := strings.TrimPrefix(f.Path, "/")
		if name == "." || !fs.ValidPath(name) {
			return Layer{}, fmt.Errorf("file %q of a layer: expected a clean path without \"..\"", f.Path)
		}
		if t := f.Mode.Type(); t != 0 && t != fs.ModeDir && t != fs.ModeSymlink {
			return Layer{}, fmt.Errorf("file %q of a layer: expected a file, a directory or a symbolic link, got mode %v", f.Path, f.Mode)
		}
		if _, ok := entries[name]; ok {
			return Layer{}, fmt.Errorf("file %q of a layer is given twice", f.Path)
		}
		f.Path = name
		entries[name] = f
	}
	for _, f := range files {
		for dir := path.Dir(strings.TrimPrefix(f.Path, "/")); dir != "."; dir = path.Dir(dir) {
			parent, ok := entries[dir]
			if ok && !parent.Mode.IsDir() {
				return Layer{}, fmt.Errorf("file %q of a layer lies inside %q, which is no directory", f.Path, dir)
			}
			if !ok {
				entries[dir] = File{Path: dir, Mode: fs.ModeDir | 0o755}
			}
		}
	}
	sorted := make([]File, 0, len(entries))
	for _, f := range entries {
		sorted = append(sorted, f)
	}
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].Path < sorted[j].Path })
	return Layer{func(w io.Writer) error { return writeFiles(w, sorted) }}, nil
}

func writeFiles(w io.Writer, files []File) error {
	tw := tar.NewWriter(w)
	for _, f := range files {
		h := plainHeader(f.Path, int64(len(f.Content)))
		h.Mode = int64(f.Mode.Perm())
		switch f.Mode.Type() {
		case fs.ModeDir:
			h.Typeflag, h.Name, h.Size = tar.TypeDir, f.Path+"/", 0
		case fs.ModeSymlink:
			h.Typeflag, h.Linkname, h.Size, h.Mode = tar.TypeSymlink, f.Link, 0, 0o777
		}
		if err := tw.WriteHeader(h); err != nil {
			return fmt.Errorf("layer: %s: %w", f.Path, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		if _, err := io.Copy(tw, bytes.NewReader(f.Content)); err != nil {
			return fmt.Errorf("layer: %s: %w", f.Path, err)
		}
	}
	return tw.Close()
}

// plainHeader is a regular file's, with nothing in it that differs from one
// packing to the next.
func plainHeader(name string, size int64) *tar.Header {
	return &tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, ModTime: time.Unix(0, 0)}
}
