package homedir

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLockIsForOne(t *testing.T) {
	h := t.TempDir()
	require.False(t, Running(h))
	unlock, err := Lock(h)
	require.NoError(t, err)
	require.True(t, Running(h))
	_, err = Lock(h)
	require.ErrorIs(t, err, ErrLocked)
	unlock()
	require.False(t, Running(h))
	again, err := Lock(h)
	require.NoError(t, err)
	again()
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	h := filepath.Join(dir, "w")
	require.ErrorContains(t, Check(h, "emc-worker"), "emc-worker init")
	require.NoError(t, Make(h))
	require.NoError(t, Check(h, "emc-worker"))
	require.NoError(t, os.Chmod(h, 0o755))
	require.ErrorContains(t, Check(h, "emc-worker"), "chmod 700")
	file := filepath.Join(dir, "f")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.ErrorContains(t, Check(file, "emc-worker"), "not a directory")
	_, err := New(" ")
	require.ErrorContains(t, err, "--home")
}
