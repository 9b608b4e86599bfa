package wasm

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
)

// defaultCacheBytes holds the compiled code of some hundred programs.
const defaultCacheBytes = 2 << 30

// Config tells a Runtime how to start its child processes.
type Config struct {
	// Executable is the program that calls Child when it is started with
	// ChildArgs. Empty means the running binary, even if its file has been
	// replaced by an upgrade since.
	Executable string
	// ChildArgs are the arguments that select the hidden subcommand.
	ChildArgs []string
	// CacheDir keeps compiled code. It is made if absent and must be writable by
	// the worker's user alone: whoever can write it can run code as the worker.
	// Empty means that every job compiles its program anew.
	CacheDir string
	// CacheBytes is the size above which the least recently used code goes.
	// Zero means 2 GiB.
	CacheBytes int64
	// Logger receives what concerns the operator. Nil means slog.Default.
	Logger *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Executable == "" {
		c.Executable = ownExecutable
	}
	if len(c.ChildArgs) == 0 {
		return Config{}, errors.New("wasm runtime: ChildArgs is empty; name the hidden subcommand that calls wasm.Child")
	}
	if c.CacheDir != "" && !filepath.IsAbs(c.CacheDir) {
		return Config{}, fmt.Errorf("wasm runtime: the cache directory %q is not an absolute path", c.CacheDir)
	}
	if c.CacheBytes < 0 {
		return Config{}, fmt.Errorf("wasm runtime: the cache size %d is negative", c.CacheBytes)
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = defaultCacheBytes
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}
