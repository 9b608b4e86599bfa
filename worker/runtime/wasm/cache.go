package wasm

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// codeCache is the directory that holds the compiled code of one program.
//
// Compiled code is run as it is, so it is trusted only where nobody but the
// worker's user can write. Against a failing disk every file is checked
// against a sum, because wazero's own checksum leaves parts of it uncovered.
type codeCache struct {
	dir string
}

const sumsName = "sums"

// checkCacheDir makes the cache directory if it is absent and says whether it
// can be trusted.
func checkCacheDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("cannot make the cache directory: %w", err)
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("cannot look at the cache directory: %w", err)
	}
	if !st.IsDir() {
		return fmt.Errorf("the cache directory %s is not a directory; move it away", dir)
	}
	if !ownedByUs(st) || st.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("the cache directory %s can be written by other users, who could plant code in it; make it yours with mode 0700", dir)
	}
	// Who can rename a directory on the way can put his own in its place.
	for up := filepath.Dir(dir); ; up = filepath.Dir(up) {
		st, err := os.Stat(up)
		if err != nil {
			return fmt.Errorf("cannot look at %s above the cache directory: %w", up, err)
		}
		if (!ownedByUs(st) && !ownedByRoot(st)) || (st.Mode().Perm()&0o022 != 0 && st.Mode()&fs.ModeSticky == 0) {
			return fmt.Errorf("%s, above the cache directory, can be written by other users; choose another cache directory", up)
		}
		if up == filepath.Dir(up) {
			return nil
		}
	}
}

// intact says whether there is code and every byte of it is as it was written.
func (c codeCache) intact() bool {
	want, err := c.readSums()
	if err != nil || len(want) == 0 {
		return false
	}
	got, err := c.sums()
	if err != nil || len(got) != len(want) {
		return false
	}
	for name, sum := range want {
		if got[name] != sum {
			return false
		}
	}
	return true
}

// seal records the sums of what is there.
func (c codeCache) seal() error {
	sums, err := c.sums()
	if err != nil {
		return err
	}
	var b strings.Builder
	for name, sum := range sums {
		fmt.Fprintf(&b, "%s %s\n", sum, name)
	}
	return os.WriteFile(filepath.Join(c.dir, sumsName), []byte(b.String()), 0o600)
}

// wipe removes the program's code.
func (c codeCache) wipe() error { return os.RemoveAll(c.dir) }

// touch marks the code as used now, for prune.
func (c codeCache) touch() {
	now := time.Now()
	_ = os.Chtimes(c.dir, now, now)
}

func (c codeCache) readSums() (map[string]string, error) {
	f, err := os.Open(filepath.Join(c.dir, sumsName))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sums := map[string]string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		sum, name, ok := strings.Cut(lines.Text(), " ")
		if !ok {
			return nil, errors.New("malformed sums")
		}
		sums[name] = sum
	}
	return sums, nil
}

func (c codeCache) sums() (map[string]string, error) {
	sums := map[string]string{}
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(c.dir, path)
		if err != nil || name == sumsName {
			return err
		}
		sums[name], err = sumFile(path)
		return err
	})
	return sums, err
}

func sumFile(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openNoFollow, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() || !ownedByUs(st) {
		return "", fmt.Errorf("%s is not a regular file of the worker's", path)
	}
	sum := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	size, err := io.Copy(sum, f)
	return fmt.Sprintf("%08x-%d", sum.Sum32(), size), err
}
