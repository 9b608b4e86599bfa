package wasm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/edgematrix/emc/worker/runtime"
)

// scratch is one run's own directory on the host.
type scratch struct {
	dir string
}

func newScratch(outputDir string) (scratch, error) {
	if err := checkOutputDir(outputDir); err != nil {
		return scratch{}, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(outputDir), ".emc-wasm-*")
	if err != nil {
		return scratch{}, fmt.Errorf("cannot make a scratch directory: %w", err)
	}
	s := scratch{dir: dir}
	if err := os.Mkdir(s.out(), 0o700); err != nil {
		return scratch{}, errors.Join(fmt.Errorf("cannot make a scratch directory: %w", err), s.remove())
	}
	return s, nil
}

func (s scratch) out() string   { return filepath.Join(s.dir, outDirName) }
func (s scratch) remove() error { return os.RemoveAll(s.dir) }

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
