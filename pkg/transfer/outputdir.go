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

// partial is a file that is being fetched, as the worker hands it out: the output, or its age file.
type partial struct {
	*os.File
	dir     *outputDir
	file    job.File
	name    string
	have    int64
	size    int64 // of the whole; −1 before the worker has said it
	sealed  bool
	begun   int // how often it was begun anew because the worker had something else
	tally   *tally
	counted int64
}

// open finds what an earlier download left of f. The name holds path and digest, so that it is never another file's.
func (d *outputDir) open(f job.File) (*partial, error) {
	key := sha256.Sum256([]byte(f.SHA256 + "/" + f.Path))
	name := path.Join(partialDir, hex.EncodeToString(key[:16]))
	h, err := d.root.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	p := &partial{File: h, dir: d, file: f, name: name, size: -1}
	if f.Size == 0 {
		p.size = 0 // nothing to ask for
	}
	if p.have, err = h.Seek(0, io.SeekEnd); err == nil {
		err = p.recognize()
	}
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return p, nil
}

// recognize tells whether an earlier download left an age file, and drops what cannot be part of either.
func (p *partial) recognize() error {
	head := make([]byte, len(agePrefix))
	_, err := p.ReadAt(head, 0)
	p.sealed = err == nil && string(head) == agePrefix
	if most := p.file.Size; p.have > most && (!p.sealed || p.have > SealedMost(most)) {
		return p.restart()
	}
	return nil
}

// expect takes in what the worker says of the file. A plaintext may have become an age file since the last cut.
func (p *partial) expect(size int64, sealed bool) error {
	switch {
	case !sealed && size != p.file.Size:
		return Errorf(CodeMismatch, "output %q: expected %d bytes, the worker has %d", p.file.Path, p.file.Size, size)
	case sealed && (size < p.file.Size || size > SealedMost(p.file.Size)):
		return Errorf(CodeMismatch, "output %q: its %d bytes are %d when encrypted, says the worker", p.file.Path, p.file.Size, size)
	case p.have > 0 && (sealed != p.sealed || size < p.have || p.size >= 0 && size != p.size):
		return p.again()
	}
	p.size, p.sealed = size, sealed
	return nil
}

// again begins anew, which an honest worker gives reason for once or twice.
func (p *partial) again() error {
	if p.begun++; p.begun > 2 {
		return Errorf(CodeMismatch, "output %q: the worker hands out something else each time", p.file.Path)
	}
	if err := p.restart(); err != nil {
		return localError{err}
	}
	return Errorf(CodeConflict, "output %q: the worker has another form of it now", p.file.Path)
}

// count adds to the progress up to n bytes of the file.
func (p *partial) count(n int64) {
	n = min(n, p.file.Size)
	p.tally.add(n - p.counted)
	p.counted = n
}

// Write appends.
func (p *partial) Write(b []byte) (int, error) {
	n, err := p.File.Write(b)
	p.have += int64(n)
	p.count(p.have)
	return n, err
}

func (p *partial) restart() error {
	if p.have, p.size = 0, -1; p.tally != nil {
		p.count(0)
	}
	if err := p.Truncate(0); err != nil {
		return err
	}
	_, err := p.Seek(0, io.SeekStart)
	return err
}

// plain is where an age file is decrypted to.
func (p *partial) plain() string { return p.name + ".plain" }

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
	if !p.sealed {
		return p.dir.root.Rename(p.name, p.file.Path)
	}
	if err := p.dir.root.Rename(p.plain(), p.file.Path); err != nil {
		return err
	}
	return p.dir.root.Remove(p.name)
}

func hashOf(r io.Reader) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
