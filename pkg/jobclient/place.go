package jobclient

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// stagingName is the directory inside the customer's that holds outputs until they are verified.
const stagingName = ".unverified"

// place is the directory for a job's outputs. Nothing in it is made before there is something to put there.
type place struct{ dir string }

func openPlace(dir string) (*place, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	return &place{dir: absolute}, checkOutputDir(absolute)
}

func (p *place) staging() string { return filepath.Join(p.dir, stagingName) }

// missing returns the outputs that are not here yet, and fails when one cannot be placed: nothing of the customer's is
// ever overwritten.
func (p *place) missing(files []job.File) ([]job.File, error) {
	root, err := os.OpenRoot(p.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return files, checkReserved(files)
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	if err := checkReserved(files); err != nil {
		return nil, err
	}
	var out []job.File
	for _, f := range files {
		info, err := root.Lstat(f.Path)
		if errors.Is(err, fs.ErrNotExist) {
			out = append(out, f)
			continue
		}
		if err != nil {
			return nil, &localError{fmt.Errorf("output %q cannot be placed: %w", f.Path, err)}
		}
		if !info.Mode().IsRegular() || info.Size() != f.Size || !p.holds(f) {
			return nil, &localError{fmt.Errorf("%s exists already with other content: choose another directory with --output", filepath.Join(p.dir, f.Path))}
		}
	}
	return out, nil
}

func checkReserved(files []job.File) error {
	for _, f := range files {
		if first, _, _ := strings.Cut(f.Path, "/"); strings.EqualFold(first, stagingName) {
			return &localError{fmt.Errorf("output %q: this name is reserved for results that have not been verified", f.Path)}
		}
	}
	return nil
}

func (p *place) holds(f job.File) bool {
	s, err := transfer.FileSource(filepath.Join(p.dir, f.Path))
	return err == nil && s.SHA256 == f.SHA256
}

// publish gives verified outputs their names. os.Root keeps symbolic links inside the directory from leading out of it.
func (p *place) publish(files []job.File) error {
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return err
	}
	root, err := os.OpenRoot(p.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range files {
		if dir := path.Dir(f.Path); dir != "." {
			if err := root.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("output %q cannot be placed: %w", f.Path, err)
			}
		}
		if err := root.Rename(path.Join(stagingName, f.Path), f.Path); err != nil {
			return fmt.Errorf("output %q cannot be placed: %w", f.Path, err)
		}
	}
	return root.RemoveAll(stagingName)
}
