package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/worker/runtime"
)

// openNoFollow refuses a symbolic link and does not wait for a pipe's other
// end.
const openNoFollow = unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

// scratch is one run's own directories on the host: what the container reads
// lies in the state directory, where Sweep finds it again; outputs are collected
// beside their place, so that they are moved there at once.
type scratch struct {
	dir     string // in the state directory
	outputs string // beside Task.OutputDir
}

const scratchDir = "run"

func newScratch(stateDir string, id runID, outputDir string) (scratch, error) {
	if err := checkOutputDir(outputDir); err != nil {
		return scratch{}, err
	}
	s := scratch{dir: filepath.Join(stateDir, scratchDir, string(id))}
	if err := os.MkdirAll(filepath.Dir(s.dir), 0o700); err != nil {
		return scratch{}, fmt.Errorf("cannot make a scratch directory: %w", err)
	}
	// The program's user reads what lies inside, through its mounts alone: nobody
	// else gets past the state directory.
	for _, dir := range []string{s.dir, s.in(), s.sockets()} {
		if err := mkdir(dir); err != nil {
			return scratch{}, errors.Join(fmt.Errorf("cannot make a scratch directory: %w", err), s.remove())
		}
	}
	outputs, err := os.MkdirTemp(filepath.Dir(outputDir), ".emc-docker-*")
	if err != nil {
		return scratch{}, errors.Join(fmt.Errorf("cannot make a scratch directory: %w", err), s.remove())
	}
	s.outputs = outputs
	return s, nil
}

// mkdir makes a directory that everybody may read, whatever the umask.
func mkdir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	return os.Chmod(dir, 0o755)
}

func (s scratch) in() string      { return filepath.Join(s.dir, "in") }
func (s scratch) sockets() string { return filepath.Join(s.dir, "s") }

func (s scratch) remove() error {
	err := os.RemoveAll(s.dir)
	if s.outputs != "" {
		err = errors.Join(err, os.RemoveAll(s.outputs))
	}
	return err
}

// emptyOutputs takes away what an interrupted attempt collected.
func (s scratch) emptyOutputs() error {
	if err := os.RemoveAll(s.outputs); err != nil {
		return err
	}
	return os.Mkdir(s.outputs, 0o700)
}

// fill puts the inputs, and nothing else, where /in will be.
func (s scratch) fill(ctx context.Context, inputs []runtime.File) error {
	for _, f := range inputs {
		if err := ctx.Err(); err != nil {
			return err
		}
		dir := s.in()
		for _, element := range directories(f.Path) {
			dir = filepath.Join(dir, element)
			if err := mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
		}
		if err := provide(ctx, f, filepath.Join(s.in(), filepath.FromSlash(f.Path))); err != nil {
			return fmt.Errorf("input %q: %w", f.Path, err)
		}
	}
	return nil
}

// directories are the elements of a path before its last.
func directories(p string) []string {
	var list []string
	for i, from := 0, 0; i < len(p); i++ {
		if p[i] == '/' {
			list = append(list, p[from:i])
			from = i + 1
		}
	}
	return list
}

// provide links an input that every user may read, and copies any other: the
// mode of the worker's own file is never widened.
func provide(ctx context.Context, f runtime.File, to string) error {
	src, err := os.OpenFile(f.Host, os.O_RDONLY|openNoFollow, 0)
	if err != nil {
		return err
	}
	defer src.Close()
	st, err := src.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() || st.Size() != f.Size {
		return fmt.Errorf("expected a regular file of %d bytes, got %v of %d", f.Size, st.Mode(), st.Size())
	}
	if st.Mode().Perm()&0o444 == 0o444 && st.Mode()&(fs.ModeSetuid|fs.ModeSetgid) == 0 && os.Link(f.Host, to) == nil {
		if linked, err := os.Lstat(to); err == nil && os.SameFile(st, linked) {
			return nil
		}
		if err := os.Remove(to); err != nil {
			return err
		}
	}
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL|openNoFollow, 0o600)
	if err != nil {
		return err
	}
	n, err := io.Copy(dst, contextReader{ctx, src})
	if err == nil && n != f.Size {
		err = fmt.Errorf("expected %d bytes, got %d", f.Size, n)
	}
	return errors.Join(err, dst.Chmod(0o444), dst.Close())
}

func checkOutputDir(dir string) error {
	st, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot look at the output directory: %w", err)
	}
	if !st.IsDir() {
		return fmt.Errorf("%w: the output directory %s is not a directory", runtime.ErrInvalid, dir)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("cannot look into the output directory: %w", err)
	}
	if len(list) > 0 {
		return fmt.Errorf("%w: the output directory %s is not empty", runtime.ErrInvalid, dir)
	}
	return nil
}

// contextReader stops at the end of a context: copying many GiB takes a while.
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
