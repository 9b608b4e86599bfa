package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// The worker's disk fills up in the middle of a job: it says so in words, loses
// nothing, and goes on when there is room again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	s := newStage(t, shared)
	w := s.home("small")
	require.NoError(t, os.MkdirAll(w.Home, 0o700))
	if err := syscall.Mount("tmpfs", w.Home, "tmpfs", 0, "size=256m,mode=700"); err != nil {
		t.Skipf("a small disk takes a mount, which takes root: %v", err)
	}
	t.Cleanup(func() {
		w.Kill()
		if err := syscall.Unmount(w.Home, 0); err != nil {
			t.Errorf("the small disk stays mounted: %v", err)
		}
	})
	require.NoError(t, w.Up(s.ctx))

	p, id := s.launched(s.order(w, "spin", "1000"))
	s.said(p, "spinning")
	full := filepath.Join(w.Home, "filler")
	require.NoError(t, fill(full))
	s.logged(w, "no space left on device")
	select {
	case <-w.Process().Done():
		t.Fatalf("the worker ended: %v", w.Process().Err())
	default:
	}
	s.check()
	require.NoError(t, os.Remove(full))
	require.NoError(t, s.ended(p), "the customer gets the result")
	j, err := s.net.WaitClosed(s.ctx, id, minute)
	require.NoError(t, err)
	require.Equal(t, rig.Completed, j.Status, j.Reason)
	s.settle()
}

// fill writes until the disk is full.
func fill(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	for chunk := make([]byte, 1<<20); len(chunk) > 0; {
		if _, err := f.Write(chunk); errors.Is(err, syscall.ENOSPC) {
			chunk = chunk[:len(chunk)/2]
		} else if err != nil {
			return err
		}
	}
	return nil
}
