package docker

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/edgematrix/emc/worker/runtime"
)

// maxWords bounds how many of a program's files are named in its message.
const maxWords = 3

// collection is what was found in /out.
type collection struct {
	files []runtime.File // sorted by path, Host in scratch
	// past says which limit on output was exceeded, empty if none.
	past string
	// dropped are words about what is not a regular file, or has no proper name.
	dropped []string
	more    int // dropped beyond maxWords
}

// collector unpacks what an Engine gives as the content of /out. The program
// that left it is dead, but it chose every name, type and size.
type collector struct {
	ctx    context.Context
	root   *os.Root
	dir    string
	limits runtime.Limits

	result collection
	byPath map[string]int
	bytes  int64 // of all regular files, kept or not
	nodes  int
}

// collect reads a tar of a directory named out into dir.
func collect(ctx context.Context, r io.Reader, dir string, l runtime.Limits) (collection, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return collection{}, err
	}
	defer root.Close()
	c := &collector{ctx: ctx, root: root, dir: dir, limits: l, byPath: map[string]int{}}
	err = c.read(tar.NewReader(contextReader{ctx, r}))
	slices.SortFunc(c.result.files, func(a, b runtime.File) int { return strings.Compare(a.Path, b.Path) })
	return c.result, err
}

// errEnough ends the reading of an archive that is past the limits anyway.
var errEnough = errors.New("enough")

func (c *collector) read(tr *tar.Reader) error {
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		// Names are checked below, whatever this reader thinks of them.
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) {
			return err
		}
		if err := c.entry(tr, h); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func (c *collector) entry(tr *tar.Reader, h *tar.Header) error {
	// "out/" is the directory itself, its name the last element of its path.
	_, name, _ := strings.Cut(strings.TrimSuffix(h.Name, "/"), "/")
	if name == "" {
		return nil
	}
	if c.nodes++; c.nodes > c.limits.OutputFiles {
		c.result.past = fmt.Sprintf("the program went past its limit of %d files and directories in %s; ask for more or pack the files into one", c.limits.OutputFiles, runtime.OutDir)
		return errEnough
	}
	if err := runtime.ValidatePath(name); err != nil {
		c.drop(err.Error())
		return c.skip(h)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		if err := c.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		return nil
	case tar.TypeReg, tar.TypeGNUSparse:
		return c.file(tr, name, h.Size)
	case tar.TypeLink:
		return c.link(name, h.Linkname)
	case tar.TypeSymlink:
		c.drop(fmt.Sprintf("%q is a symbolic link", name))
	case tar.TypeFifo:
		c.drop(fmt.Sprintf("%q is a named pipe", name))
	case tar.TypeChar, tar.TypeBlock:
		c.drop(fmt.Sprintf("%q is a device", name))
	default:
		c.drop(fmt.Sprintf("%q is not a regular file", name))
	}
	return nil
}

// skip passes over a file that is not kept. The reader does that itself, but it
// would read a sparse file of an exabyte to its end.
func (c *collector) skip(h *tar.Header) error {
	if h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeGNUSparse {
		return c.count(h.Size)
	}
	return nil
}

func (c *collector) count(size int64) error {
	if size > c.limits.OutputBytes-c.bytes {
		c.result.past = fmt.Sprintf("the program went past its output limit of %d bytes; ask for more or write less to %s", c.limits.OutputBytes, runtime.OutDir)
		return errEnough
	}
	c.bytes += size
	return nil
}

func (c *collector) file(r io.Reader, name string, size int64) error {
	if err := c.count(size); err != nil {
		return err
	}
	f, err := c.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|openNoFollow, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(f, sum), r)
	if err == nil && n != size {
		err = fmt.Errorf("output %q: expected %d bytes, got %d", name, size, n)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	c.byPath[name] = len(c.result.files)
	c.result.files = append(c.result.files, runtime.File{
		Path: name, Host: filepath.Join(c.dir, filepath.FromSlash(name)),
		Size: size, SHA256: hex.EncodeToString(sum.Sum(nil)),
	})
	return nil
}

// link makes a copy of a file that the archive holds already: outputs are files
// of their own.
func (c *collector) link(name, to string) error {
	_, target, _ := strings.Cut(to, "/")
	i, ok := c.byPath[target]
	if !ok {
		c.drop(fmt.Sprintf("%q is a second name of a file that is not among the outputs", name))
		return nil
	}
	f, err := c.root.Open(target)
	if err != nil {
		return err
	}
	defer f.Close()
	return c.file(f, name, c.result.files[i].Size)
}

func (c *collector) drop(words string) {
	if len(c.result.dropped) == maxWords {
		c.result.more++
		return
	}
	c.result.dropped = append(c.result.dropped, words)
}

// words tells of what was dropped, empty if nothing was.
func (c collection) words() string {
	if len(c.dropped) == 0 {
		return ""
	}
	text := "not delivered: " + strings.Join(c.dropped, "; ")
	if c.more > 0 {
		text += fmt.Sprintf("; and %d more", c.more)
	}
	return text
}

// publish moves what was collected to its place at once, so that a worker
// killed in the middle leaves either nothing there or everything.
func (s scratch) publish(files []runtime.File, outputDir string) ([]runtime.File, error) {
	if err := os.Remove(outputDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot put the outputs into place: %w", err)
	}
	if err := os.Rename(s.outputs, outputDir); err != nil {
		return nil, fmt.Errorf("cannot put the outputs into place: %w", err)
	}
	moved := slices.Clone(files)
	for i := range moved {
		moved[i].Host = filepath.Join(outputDir, filepath.FromSlash(moved[i].Path))
	}
	return moved, nil
}
