package main

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// errFull says that a result is missing or cut off.
var errFull = errors.New("the space for outputs is full; ask for more, or send fewer pages")

// written checks that Tesseract could write its files. It has to be asked of
// the file system: Tesseract itself ends well when a write fails.
func written(files ...string) error {
	for _, f := range files {
		var space syscall.Statfs_t
		err := syscall.Statfs(f, &space)
		if errors.Is(err, fs.ErrNotExist) || err == nil && space.Bavail == 0 {
			return errFull
		}
		if err != nil {
			return fmt.Errorf("asking for the space left for outputs: %w", err)
		}
	}
	return nil
}
