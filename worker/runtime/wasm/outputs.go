package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/edgematrix/emc/worker/runtime"
)

// publish hashes what the program left and moves it to its place at once, so
// that a worker killed in the middle leaves either nothing there or everything.
//
// The child is dead by now, but it is not believed: if the program broke out of
// it, anything may lie in its directory.
func (s scratch) publish(ctx context.Context, t runtime.Task) ([]runtime.File, error) {
	root, err := os.OpenRoot(s.out())
	if err != nil {
		return nil, err
	}
	defer root.Close()
	c := collector{ctx: ctx, root: root, limits: t.Limits, target: t.OutputDir}
	if err := c.walk("."); err != nil {
		return nil, err
	}
	slices.SortFunc(c.files, func(a, b runtime.File) int { return strings.Compare(a.Path, b.Path) })
	if err := os.Remove(t.OutputDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot put the outputs into place: %w", err)
	}
	if err := os.Rename(s.out(), t.OutputDir); err != nil {
		return nil, fmt.Errorf("cannot put the outputs into place: %w", err)
	}
	return c.files, nil
}

type collector struct {
	ctx    context.Context
	root   *os.Root
	limits runtime.Limits
	target string

	files []runtime.File
	bytes int64
	nodes int
}

func (c *collector) walk(dir string) error {
	d, err := c.root.Open(dir)
	if err != nil {
		return err
	}
	list, err := d.ReadDir(-1)
	d.Close()
	if err != nil {
		return err
	}
	for _, entry := range list {
		name := path.Join(dir, entry.Name())
		if c.nodes++; c.nodes > c.limits.OutputFiles {
			return errors.New("there are more outputs than the child let through")
		}
		if err := runtime.ValidatePath(name); err != nil {
			return fmt.Errorf("an output's name is not one the child lets through: %w", err)
		}
		switch {
		case entry.IsDir():
			err = c.walk(name)
		case entry.Type().IsRegular():
			err = c.file(name)
		default:
			err = fmt.Errorf("output %q is neither file nor directory: %v", name, entry.Type())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) file(name string) error {
	f, err := c.root.OpenFile(name, os.O_RDONLY|openNoFollow, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	// A second link could be to a file of the worker's, which the move would then
	// hand to the customer.
	if !st.Mode().IsRegular() || linksOf(st) != 1 {
		return fmt.Errorf("output %q is not a regular file of its own", name)
	}
	if st.Size() > c.limits.OutputBytes-c.bytes {
		return errors.New("the outputs are larger than the child lets through")
	}
	c.bytes += st.Size()
	sum := sha256.New()
	size, err := io.Copy(sum, contextReader{c.ctx, f})
	if err != nil {
		return err
	}
	if size != st.Size() {
		return fmt.Errorf("output %q changed while it was read", name)
	}
	c.files = append(c.files, runtime.File{
		Path:   name,
		Host:   filepath.Join(c.target, filepath.FromSlash(name)),
		Size:   size,
		SHA256: hex.EncodeToString(sum.Sum(nil)),
	})
	return nil
}

// contextReader stops at the end of a context: hashing many GiB takes a while.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
