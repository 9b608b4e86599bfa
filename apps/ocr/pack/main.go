// Command pack makes the image of the ocr app from unpacked Debian packages,
// without an Engine and without a registry: it takes Tesseract, the libraries
// that it links against and its English model out of the packages, adds the
// app's own program and writes a docker-archive. The same packages and program
// give the same bytes. apps/ocr/pack.sh calls it.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/edgematrix/emc/pkg/image"
)

// Where things lie in the image. The program's flags have the same defaults.
const (
	tesseract = "usr/bin/tesseract"
	model     = "usr/share/tesseract-ocr/5/tessdata/eng.traineddata"
	program   = "usr/bin/ocr"
	sources   = "usr/share/doc/ocr/packages.txt"
)

func main() {
	packages := flag.String("packages", "", "folder with one unpacked package in each subfolder, named as the package")
	list := flag.String("list", "", "file that names the packages with their versions and digests")
	entry := flag.String("program", "", "the app's own static program")
	out := flag.String("out", "", "where the archive goes")
	flag.Parse()
	if err := run(*packages, *list, *entry, *out, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(packages, list, entry, out string, log io.Writer) error {
	t, err := readTree(packages)
	if err != nil {
		return err
	}
	files, err := collect(t)
	if err != nil {
		return err
	}
	for _, f := range []struct {
		from, to string
		mode     fs.FileMode
	}{{entry, program, 0o755}, {list, sources, 0o644}} {
		content, err := os.ReadFile(f.from)
		if err != nil {
			return err
		}
		files = append(files, image.File{Path: f.to, Mode: f.mode, Content: content})
	}
	layer, err := image.FileLayer(files)
	if err != nil {
		return err
	}
	return write(out, image.Image{
		Config: image.Config{
			Entrypoint: []string{"/" + program},
			Env:        []string{"OMP_THREAD_LIMIT=1"},
			User:       "65532:65532",
			WorkingDir: "/",
		},
		Layers: []image.Layer{layer},
		Tag:    "emc-ocr:1",
	}, log)
}

// write writes the archive next to its place first: a broken run leaves no half
// archive under the name that others use.
func write(out string, m image.Image, log io.Writer) error {
	f, err := os.CreateTemp(path.Dir(out), ".ocr-*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	h := sha256.New()
	id, err := image.Write(io.MultiWriter(f, h), m)
	if err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), out); err != nil {
		return err
	}
	fmt.Fprintf(log, "%s: %d bytes, image %s, app digest %s\n", out, size, id, hex.EncodeToString(h.Sum(nil)))
	return nil
}
