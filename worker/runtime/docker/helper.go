package docker

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

const helperPrefix = "helper-"

// installHelper copies the worker's own program to where the Engine can mount
// it from, and returns the copy's path. The running binary may have been
// replaced by an upgrade, lie where only its user can read, or be on a file
// system that the Engine does not see.
func installHelper(executable, stateDir string) (string, error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("docker runtime: the helper program cannot be put into %s: %w; free some space there", stateDir, err)
	}
	src, err := os.Open(executable)
	if err != nil {
		return fail(err)
	}
	defer src.Close()
	if err := checkStatic(src); err != nil {
		return "", err
	}
	if err := os.MkdirAll(stateDir, 0o700); err != nil {
		return fail(err)
	}
	tmp, err := os.CreateTemp(stateDir, ".helper-*")
	if err != nil {
		return fail(err)
	}
	defer os.Remove(tmp.Name()) // gone by then, if all went well
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(tmp, sum), src)
	if err := errors.Join(err, tmp.Chmod(0o555), tmp.Close()); err != nil {
		return fail(err)
	}
	name := helperPrefix + hex.EncodeToString(sum.Sum(nil)[:8])
	path := filepath.Join(stateDir, name)
	if err := os.Rename(tmp.Name(), path); err != nil {
		return fail(err)
	}
	return path, removeOldHelpers(stateDir, name)
}

// checkStatic refuses a program that needs the host's libraries: an image has
// its own, or none.
func checkStatic(program *os.File) error {
	f, err := elf.NewFile(program)
	if err != nil {
		return fmt.Errorf("docker runtime: the helper program is not an executable of this machine: %w", err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("docker runtime: the worker's program needs shared libraries and cannot run inside containers; build it with CGO_ENABLED=0")
		}
	}
	return nil
}

// removeOldHelpers removes those of earlier versions. A container that still
// uses one keeps it by its mount.
func removeOldHelpers(stateDir, keep string) error {
	list, err := os.ReadDir(stateDir)
	if err != nil {
		return err
	}
	for _, entry := range list {
		if strings.HasPrefix(entry.Name(), helperPrefix) && entry.Name() != keep {
			if err := os.Remove(filepath.Join(stateDir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
