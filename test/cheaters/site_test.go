package cheaters

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// stake of every node, twice what its power asks for.
const stake = "40emc"

// windowTime is how long one may take on a busy machine, gap and all.
const windowTime = 5 * time.Minute

// site is a network with workers that prove.
type site struct {
	*testing.T
	ctx   context.Context
	net   *rig.Network
	money *rig.Money
	dir   string
	cheat string
}

func newSite(t *testing.T) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("a live network is left out under -short")
	}
	root, err := rig.Root()
	require.NoError(t, err)
	bin := rig.Binaries(filepath.Join(root, "build", "test"))
	if given := os.Getenv("EMC_E2E_BIN"); given != "" {
		bin = rig.Binaries(given)
	} else {
		require.NoError(t, rig.Build(t.Context(), root, bin))
	}
	s := &site{T: t, ctx: t.Context(), dir: t.TempDir(), cheat: filepath.Join(root, "build", "test", "emc-worker-cheat")}
	require.NoError(t, rig.GoBuild(s.ctx, root, s.cheat, "./cmd/emc-worker", "GOFLAGS=-tags=emc_cheat"))
	file := filepath.Join(s.dir, "config.yml")
	require.NoError(t, os.WriteFile(file, []byte(config), 0o600))
	s.net, err = rig.StartNetwork(s.ctx, bin, filepath.Join(s.dir, "net"), file)
	require.NoError(t, err)
	t.Cleanup(s.net.Kill)
	s.money, err = rig.NewMoney(s.ctx, s.net)
	require.NoError(t, err)
	return s
}

// worker brings up a node; the trick is empty for an honest one.
func (s *site) worker(name, trick, stake string, log2N int, wrap ...string) *rig.Worker {
	s.Helper()
	w := s.node(name, trick, log2N, wrap...)
	require.NoError(s, w.Up(s.ctx, "--stake", stake))
	return w
}

// node is a worker that is not started yet.
func (s *site) node(name, trick string, log2N int, wrap ...string) *rig.Worker {
	s.Helper()
	w := rig.NewWorker(s.net, filepath.Join(s.dir, name))
	w.Proves, w.Wrap = true, wrap
	w.Env = []string{"EMC_WORKER_PROOF_THREADS=1", fmt.Sprintf("EMC_WORKER_PROOF_LOG2_N=%d", log2N), "EMC_WORKER_PROOF_MEMORY=64MiB"}
	if trick != "" {
		w.Binary = s.cheat
		w.Env = append(w.Env, "EMC_CHEAT="+trick)
	}
	s.Cleanup(func() {
		w.Kill()
		if s.Failed() {
			s.Logf("%s said:\n%s", name, rig.Tail(w.Log(), 40))
		}
	})
	return w
}

// window waits for the end of the next window that opens from now on.
func (s *site) window() rig.Window {
	s.Helper()
	now, err := s.net.Height(s.ctx)
	require.NoError(s, err)
	w, err := s.net.WaitWindow(s.ctx, 0, windowTime, func(w rig.Window) bool { return int64(w.Height) > now })
	require.NoError(s, err)
	w, err = s.net.WaitWindow(s.ctx, int64(w.Height), windowTime, func(w rig.Window) bool { return w.Phase == rig.WindowClosed || w.Phase == rig.WindowVoid })
	require.NoError(s, err)
	require.NoError(s, s.money.Check(s.ctx))
	return w
}

// record is what a node has proved; empty before its first window.
func (s *site) record(w *rig.Worker) rig.Record {
	s.Helper()
	r, err := s.net.Record(s.ctx, w.Address)
	if !errors.Is(err, rig.ErrNotFound) {
		require.NoError(s, err)
	}
	return r
}
