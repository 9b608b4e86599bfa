//go:build linux

package wasm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/worker/runtime"
)

// TestPublishBelievesNothing puts into the directory of outputs what only a
// program could leave that broke out of its sandbox.
func TestPublishBelievesNothing(t *testing.T) {
	for name, leave := range map[string]func(out, key string) error{
		"symbolic link":           func(out, key string) error { return os.Symlink(key, filepath.Join(out, "a")) },
		"link to a directory":     func(out, key string) error { return os.Symlink(filepath.Dir(key), filepath.Join(out, "d")) },
		"hard link":               func(out, key string) error { return os.Link(key, filepath.Join(out, "a")) },
		"named pipe":              func(out, _ string) error { return syscall.Mkfifo(filepath.Join(out, "a"), 0o600) },
		"a name for the terminal": func(out, _ string) error { return os.WriteFile(filepath.Join(out, "a\x1b[2J"), nil, 0o600) },
		"too many bytes":          func(out, _ string) error { return os.WriteFile(filepath.Join(out, "a"), make([]byte, 101), 0o600) },
		"too many files": func(out, _ string) error {
			for i := range 4 {
				if err := os.Mkdir(filepath.Join(out, fmt.Sprint(i)), 0o700); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			key := filepath.Join(dir, "key")
			require.NoError(t, os.WriteFile(key, []byte("secret"), 0o600))
			s, err := newScratch(filepath.Join(dir, "outputs"))
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(s.out(), "good"), []byte("good"), 0o600))
			task := runtime.Task{OutputDir: filepath.Join(dir, "outputs"), Limits: runtime.Limits{OutputBytes: 100, OutputFiles: 3}}
			require.NoError(t, leave(s.out(), key))
			files, err := s.publish(t.Context(), task)
			require.Error(t, err)
			require.Empty(t, files)
			require.NoDirExists(t, task.OutputDir)
		})
	}
}

func TestPublishStopsWhenCancelled(t *testing.T) {
	s, err := newScratch(filepath.Join(t.TempDir(), "outputs"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(s.out(), "a"), []byte("a"), 0o600))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = s.publish(ctx, runtime.Task{OutputDir: filepath.Join(t.TempDir(), "x"), Limits: runtime.Limits{OutputBytes: 9, OutputFiles: 9}})
	require.ErrorIs(t, err, context.Canceled)
}
