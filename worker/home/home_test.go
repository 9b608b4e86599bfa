package home

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLockIsForOne(t *testing.T) {
	h := Home(t.TempDir())
	require.False(t, h.Running())
	unlock, err := h.Lock()
	require.NoError(t, err)
	require.True(t, h.Running())
	_, err = h.Lock()
	require.ErrorIs(t, err, ErrLocked)
	unlock()
	require.False(t, h.Running())
	again, err := h.Lock()
	require.NoError(t, err)
	again()
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	h := Home(filepath.Join(dir, "w"))
	require.ErrorContains(t, h.Check(), "emc-worker init")
	require.NoError(t, h.Make())
	require.NoError(t, h.Check())
	require.NoError(t, os.Chmod(string(h), 0o755))
	require.ErrorContains(t, h.Check(), "chmod 700")
	file := Home(filepath.Join(dir, "f"))
	require.NoError(t, os.WriteFile(string(file), nil, 0o600))
	require.ErrorContains(t, file.Check(), "not a directory")
	_, err := New(" ")
	require.ErrorContains(t, err, "--home")
}

func TestDrainIsRemembered(t *testing.T) {
	h := Home(t.TempDir())
	require.False(t, h.Draining())
	require.NoError(t, h.SetDraining(true))
	require.NoError(t, h.SetDraining(true))
	require.True(t, h.Draining())
	require.NoError(t, h.SetDraining(false))
	require.NoError(t, h.SetDraining(false))
	require.False(t, h.Draining())
}
