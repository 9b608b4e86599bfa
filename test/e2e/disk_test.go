package e2e

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// The worker's disk fills up in the middle of a job: it says so in words, loses
// nothing, and goes on when there is room again.
func TestFullDisk(t *testing.T) { each(t, fullDisk) }

func fullDisk(t *testing.T, p program) {
	s := newStage(t, shared).running(p)
	w := s.home("small")
	require.NoError(t, os.MkdirAll(w.Home, 0o700))
	if err := syscall.Mount("tmpfs", w.Home, "tmpfs", 0, roomy+",mode=700"); err != nil {
		t.Skipf("a small disk takes a mount, which takes root: %v", err)
	}
	t.Cleanup(func() {
		w.Kill()
		if err := syscall.Unmount(w.Home, syscall.MNT_DETACH); err != nil {
			t.Errorf("the small disk stays mounted: %v", err)
		}
	})
	s.up(w)

	for _, tc := range []struct{ name, verb, ends string }{
		// What the program writes finds no room: the worker's fault, so the customer pays nothing.
		{"output", "spin", rig.Failed},
		// Only the result and its receipt find no room: they wait.
		{"result and spool", "think", rig.Completed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := s.in(t)
			p, id := s.launched(s.order(w, tc.verb, "2000"))
			s.said(p, "spinning")
			require.NoError(t, shrink(w.Home))
			s.logged(w, "full: free space and the worker goes on", id)
			select {
			case <-w.Process().Done():
				t.Fatalf("the worker ended: %v", w.Process().Err())
			default:
			}
			s.check()
			require.NoError(t, syscall.Mount("tmpfs", w.Home, "tmpfs", syscall.MS_REMOUNT, roomy))
			_ = s.ended(p)
			j, err := s.net.WaitClosed(s.ctx, id, patience)
			require.NoError(t, err)
			require.Equal(t, tc.ends, j.Status, j.Reason)
			if tc.ends == rig.Failed {
				require.Zero(t, j.Paid.Amount)
			}
			s.check()
		})
	}
	_, _, err := s.customer.Run(s.ctx, s.order(w, "echo", "still here"))
	require.NoError(t, err, "the worker goes on")
	s.settle()
}

// roomy is a disk on which the doctor lets a worker start.
const roomy = "size=1500m"

// shrink leaves the file system no room beyond what it holds.
func shrink(dir string) error {
	for range 100 { // somebody may write in between
		var st syscall.Statfs_t
		if err := syscall.Statfs(dir, &st); err != nil {
			return err
		}
		used := (st.Blocks - st.Bfree) * uint64(st.Bsize)
		if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", used)); err == nil {
			return nil
		}
	}
	return errors.New("the disk cannot be made smaller")
}
