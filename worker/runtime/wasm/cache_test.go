//go:build linux

package wasm

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// cachedRun is a runtime with a cache of its own and a tiny program.
func cachedRun(t *testing.T) (r *Runtime, do func(), entries func() []string) {
	t.Helper()
	cache := filepath.Join(t.TempDir(), "cache")
	r, err := New(Config{ChildArgs: []string{childArg}, CacheDir: cache})
	require.NoError(t, err)
	do = func() { t.Helper(); require.NoError(t, r.Check(t.Context())) }
	entries = func() []string {
		var files []string
		_ = filepath.WalkDir(cache, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && filepath.Ext(path) != lockSuffix {
				files = append(files, path)
			}
			return nil
		})
		return files
	}
	return r, do, entries
}

func TestCacheIsUsed(t *testing.T) {
	_, do, entries := cachedRun(t)
	do()
	files := entries()
	require.Len(t, files, 2, "the code and its sums")
	before, err := os.Stat(files[0])
	require.NoError(t, err)
	do()
	after, err := os.Stat(files[0])
	require.NoError(t, err)
	require.Equal(t, before.ModTime(), after.ModTime(), "it was compiled again")
	require.True(t, os.SameFile(before, after))
}

// TestCorruptCacheKillsNoJob damages every byte range of the code, among them
// those that wazero's own checksum does not cover, and runs.
func TestCorruptCacheKillsNoJob(t *testing.T) {
	_, do, entries := cachedRun(t)
	do()
	var code string
	for _, f := range entries() {
		if filepath.Base(f) != sumsName {
			code = f
		}
	}
	sound, err := os.ReadFile(code)
	require.NoError(t, err)
	damages := map[string]func() error{
		"empty":     func() error { return os.WriteFile(code, nil, 0o600) },
		"cut":       func() error { return os.WriteFile(code, sound[:len(sound)/2], 0o600) },
		"longer":    func() error { return os.WriteFile(code, append(bytes.Clone(sound), 0), 0o600) },
		"gone":      func() error { return os.Remove(code) },
		"unsummed":  func() error { return os.Remove(filepath.Join(filepath.Dir(filepath.Dir(code)), sumsName)) },
		"directory": func() error { return errors.Join(os.Remove(code), os.Mkdir(code, 0o700)) },
		"link":      func() error { return errors.Join(os.Rename(code, code+"2"), os.Symlink(code+"2", code)) },
	}
	for name, damage := range damages {
		require.NoError(t, damage(), name)
		do()
		again, err := os.ReadFile(code)
		require.NoError(t, err, name)
		require.Equal(t, sound, again, "%s: it was not compiled again", name)
	}
	for at := 0; at < len(sound); at += len(sound)/6 + 1 {
		broken := bytes.Clone(sound)
		broken[at] ^= 0x80
		require.NoError(t, os.WriteFile(code, broken, 0o600))
		do()
		again, err := os.ReadFile(code)
		require.NoError(t, err)
		require.Equal(t, sound, again, "byte %d", at)
	}
}

func TestUntrustedCache(t *testing.T) {
	r, do, entries := cachedRun(t)
	do()
	require.NoError(t, os.Chmod(r.config.CacheDir, 0o777))
	require.ErrorContains(t, r.Check(t.Context()), "other users")

	// A job runs all the same, without what lies there.
	for _, f := range entries() {
		require.NoError(t, os.WriteFile(f, []byte("planted"), 0o600))
	}
	task, log, err := probeTask(t.TempDir())
	require.NoError(t, err)
	result, err := r.Run(t.Context(), task)
	require.NoError(t, err)
	require.Zero(t, result.ExitCode)
	require.Equal(t, probeLog, log.String())
	for _, f := range entries() {
		content, err := os.ReadFile(f)
		require.NoError(t, err)
		require.Equal(t, "planted", string(content), "the cache was touched")
	}

	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(t.TempDir(), link))
	require.ErrorContains(t, checkCacheDir(link), "not a directory")
	above := t.TempDir()
	require.NoError(t, os.Chmod(above, 0o777))
	require.ErrorContains(t, checkCacheDir(filepath.Join(above, "cache")), "above the cache directory")
}

func TestPruneCache(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for i, name := range []string{"oldest", "busy", "newer", "newest"} {
		entry := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(entry, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(entry, "code"), make([]byte, 100), 0o600))
		used := now.Add(time.Duration(i-10) * time.Hour)
		require.NoError(t, os.Chtimes(entry, used, used))
	}
	unlock, err := lock(filepath.Join(dir, "busy"+lockSuffix))
	require.NoError(t, err)
	defer unlock()
	require.NoError(t, pruneCache(dir, 250))
	require.NoDirExists(t, filepath.Join(dir, "oldest"))
	require.DirExists(t, filepath.Join(dir, "busy"))
	require.NoDirExists(t, filepath.Join(dir, "newer"))
	require.DirExists(t, filepath.Join(dir, "newest"))
}
