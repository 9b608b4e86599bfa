package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/edgematrix/emc/pkg/job"
)

// partialDir holds unfinished files inside the output directory. Outputs of that name are refused.
const partialDir = ".emc-partial"

var errDirBusy = errors.New("another download into this directory is running: wait for it, or choose another directory")

// outputDir is a directory that a download writes to. Everything goes through os.Root, so that neither a worker's paths
// nor symbolic links inside the directory lead out of it.
type outputDir struct {
	root *os.Root
	lock *dirLock
}

func openOutputDir(dir string) (*outputDir, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if err := root.MkdirAll(partialDir, 0o700); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	lock, err := lockDir(root)
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &outputDir{root: root, lock: lock}, nil
}

func (d *outputDir) close() {
	d.lock.release()
	_ = d.root.Close()
}

// finish removes the directory of partial files, also those of earlier results.
func (d *outputDir) finish() error { return d.root.RemoveAll(partialDir) }

// missing returns the files that are not there yet. It changes nothing, and fails if any cannot be placed.
func (d *outputDir) missing(files []job.File) ([]job.File, error) {
	var out []job.File
	for _, f := range files {
		if first, _, _ := strings.Cut(f.Path, "/"); strings.EqualFold(first, partialDir) {
			return nil, fmt.Errorf("output %q: this name is reserved", f.Path)
		}
		info, err := d.root.Lstat(f.Path)
		if errors.Is(err, fs.ErrNotExist) {
			out = append(out, f)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("output %q cannot be placed: %w", f.Path, err)
		}
		same := info.Mode().IsRegular() && info.Size() == f.Size
		if same {
			if same, err = d.holds(f); err != nil {
				return nil, err
			}
		}
		if !same {
			return nil, fmt.Errorf("output %q exists already with other content: choose another directory, or move it away", f.Path)
		}
	}
	return out, nil
}

func (d *outputDir) holds(f job.File) (bool, error) {
	r, err := d.root.Open(f.Path)
	if err != nil {
		return false, err
	}
	defer r.Close()
	sum, err := hashOf(r)
	return sum == f.SHA256, err
}

// partial is a file that is being fetched.
type partial struct {
	*os.File
	dir  *outputDir
	file job.File
	name string
	have int64
}

// open finds what an earlier download left of f. The name holds path and digest, so that it is never another file's.
func (d *outputDir) open(f job.File) (*partial, error) {
	key := sha256.Sum256([]byte(f.SHA256 + "/" + f.Path))
	name := path.Join(partialDir, hex.EncodeToString(key[:16]))
	h, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	p := &partial{File: h, dir: d, file: f, name: name}
	if p.have, err = h.Seek(0, io.SeekEnd); err == nil && p.have > f.Size {
		err = p.restart()
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return p, nil
}

// Write appends.
func (p *partial) Write(b []byte) (int, error) {
	n, err := p.File.Write(b)
	p.have += int64(n)
	return n, err
}

func (p *partial) restart() error {
	p.have = 0
	if err := p.Truncate(0); err != nil {
		return err
	}
	_, err := p.Seek(0, io.SeekStart)
	return err
}

// verify reads the whole file again and returns its digest if that is not the expected one.
func (p *partial) verify() (bad string, err error) {
	if _, err := p.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	sum, err := hashOf(p.File)
	if err != nil || sum == p.file.SHA256 {
		return "", err
	}
	return sum, nil
}

// publish gives the file its name.
func (p *partial) publish() error {
	if err := p.Sync(); err != nil {
		return err
	}
	if dir := path.Dir(p.file.Path); dir != "." {
		if err := p.dir.root.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("output %q cannot be placed: %w", p.file.Path, err)
		}
	}
	return p.dir.root.Rename(p.name, p.file.Path)
}

func hashOf(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
