package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// readInput reads a file of at most limit bytes; flagName is named in errors, so that a person knows what to change.
func readInput(flagName, path string, limit int64) ([]byte, error) {
	if path == "" {
		return nil, fmt.Errorf("%s is missing: name a file, e.g. %s /in/FILE: %w", flagName, flagName, errUsage)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s %s does not exist: an input of the job lies in /in under its own name", flagName, path)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", flagName, err)
	case info.IsDir():
		return nil, fmt.Errorf("%s %s is a folder: name a file in it", flagName, path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s %s has %d bytes: use at most %d", flagName, path, info.Size(), limit)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flagName, err)
	}
	return data, nil
}

// checkOutput finds out before the work whether a file can be made at path afterwards.
func checkOutput(path string) error {
	if path == "" {
		return fmt.Errorf("--out is empty: name a file, e.g. --out /out/FILE: %w", errUsage)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return fmt.Errorf("--out %s is a folder: name a file in it", path)
	}
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return fmt.Errorf("--out %s: there is no folder %s: make it, or name another", path, dir)
	}
	return nil
}

func writeOutput(path string, data []byte) error {
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return nil
}
