package wasm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// pruneCache removes the least recently used code until at most maxBytes are
// left. Code that a child is reading right now stays.
func pruneCache(dir string, maxBytes int64) error {
	type entry struct {
		path string
		used time.Time
		size int64
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var entries []entry
	total := int64(0)
	for _, d := range list {
		st, err := d.Info()
		if err != nil || !st.IsDir() {
			continue
		}
		e := entry{path: filepath.Join(dir, d.Name()), used: st.ModTime()}
		if e.size, err = sizeOf(e.path); err != nil {
			continue
		}
		total += e.size
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b entry) int { return a.used.Compare(b.used) })
	var errs []error
	for _, e := range entries {
		if total <= maxBytes {
			break
		}
		unlock, ok := tryLock(e.path + lockSuffix)
		if !ok {
			continue
		}
		errs = append(errs, codeCache{e.path}.wipe())
		unlock()
		total -= e.size
	}
	return errors.Join(errs...)
}

func sizeOf(dir string) (int64, error) {
	total := int64(0)
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		st, err := d.Info()
		if err == nil {
			total += st.Size()
		}
		return err
	})
	return total, err
}
