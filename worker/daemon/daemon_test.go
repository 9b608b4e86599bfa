package daemon

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/feed"
	"github.com/edgematrix/emc/pkg/homedir"
	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/hardware"
	"github.com/edgematrix/emc/worker/home"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

func TestReportDue(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	s := chainState{head: chainclient.Head{Time: now}, rules: computetypes.DefaultParams()}
	s.node.Node = computetypes.Node{Accepting: true, Endpoints: []string{"/ip4/1.1.1.1/tcp/1"}, ReportedAt: now.Unix()}
	same := computetypes.MsgReportStatus{Accepting: true, Endpoints: []string{"/ip4/1.1.1.1/tcp/1"}}
	require.False(t, reportDue(s, &same))
	moved, draining := same, same
	moved.Endpoints = []string{"/ip4/1.1.1.1/tcp/2"}
	draining.Accepting = false
	require.True(t, reportDue(s, &moved))
	require.True(t, reportDue(s, &draining))
	s.head.Time = now.Add(time.Duration(s.rules.OnlineSeconds) * time.Second / 3)
	require.True(t, reportDue(s, &same))
}

func TestEarningsCountOnceAndSurviveATornLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "earnings.jsonl")
	e, err := openEarnings(path)
	require.NoError(t, err)
	paid := func(id string, n int64) computetypes.Job {
		return computetypes.Job{Id: id, Status: computetypes.JOB_STATUS_COMPLETED, Paid: computetypes.Uemc(math.NewInt(n))}
	}
	require.NoError(t, e.add(paid("a", 5)))
	require.NoError(t, e.add(paid("a", 5)))
	require.NoError(t, e.add(paid("free", 0)))
	require.NoError(t, e.Close())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, append(data, []byte(`{"job":"b","ue`)...), 0o600)) // killed in mid-write
	e, err = openEarnings(path)
	require.NoError(t, err)
	require.NoError(t, e.add(paid("b", 7)))
	require.NoError(t, e.add(paid("a", 5)))
	require.NoError(t, e.Close())
	got, err := ReadEarnings(path)
	require.NoError(t, err)
	require.Equal(t, Earned{Jobs: 2, Uemc: math.NewInt(12)}, got)
}

// start runs a daemon without a chain: it has to serve its own commands and to
// stop cleanly all the same.
func start(t *testing.T, h home.Home) (stop func() error) {
	t.Helper()
	c := config.Default()
	c.Chain.ID, c.Chain.RPC = "emc-1", "http://127.0.0.1:1"
	c.Network.Listen = []string{"/ip4/127.0.0.1/tcp/0"}
	chain, err := chainclient.New(chainclient.Config{RPC: c.Chain.RPC, ChainID: c.Chain.ID})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, Options{
			Home: h, Config: c, Identity: identity.New(), Chain: chain,
			Hardware: hardware.Fixed{CpuCores: 2, MemoryBytes: 4 << 30}, Ready: func() { t.Error("ready without a chain") },
		})
	}()
	require.Eventually(t, func() bool {
		_, err := os.Stat(h.Socket())
		return err == nil || len(done) > 0
	}, 20*time.Second, 10*time.Millisecond)
	return func() error {
		cancel()
		return <-done
	}
}

func TestDaemonWithoutAChain(t *testing.T) {
	// A socket's path may have 108 bytes; a home may lie deeper.
	h := home.Home(filepath.Join(t.TempDir(), strings.Repeat("deep", 20), "home"))
	require.NoError(t, h.Make())
	stop := start(t, h)
	control := Control{Home: h}
	var s Status
	require.Eventually(t, func() bool {
		var err error
		s, err = control.Status(t.Context())
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
	require.False(t, s.Ready)
	require.Len(t, s.Endpoints, 1)
	require.NoError(t, control.Wake(t.Context()))

	app := filepath.Join(t.TempDir(), "a.wasm")
	require.NoError(t, os.WriteFile(app, []byte("code"), 0o600))
	added, err := control.AddApp(t.Context(), app)
	require.NoError(t, err)
	require.Equal(t, int64(4), added.Size)
	_, err = control.AddApp(t.Context(), app+"x")
	require.ErrorContains(t, err, "no such file")

	err = Run(t.Context(), Options{Home: h})
	require.ErrorIs(t, err, homedir.ErrLocked)
	require.NoError(t, stop())
	require.NoError(t, start(t, h)(), "and again in the same home")
}

// Who follows a worker sees what changes, and does not keep it from stopping.
func TestFollow(t *testing.T) {
	h := home.Home(t.TempDir())
	require.NoError(t, h.Make())
	stop := start(t, h)
	kinds := map[string]bool{}
	sawDrain := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		ended <- Control{Home: h}.Follow(context.Background(), func(e feed.Event) error {
			kinds[e.Kind] = true
			var w tellWorker
			if e.Kind != "worker" {
				return nil
			}
			if err := json.Unmarshal(e.Data, &w); err != nil {
				return err
			}
			if !w.Draining {
				return h.SetDraining(true)
			}
			close(sawDrain)
			return nil
		})
	}()
	select {
	case <-sawDrain:
	case err := <-ended:
		t.Fatal("the stream ended: ", err)
	case <-time.After(20 * time.Second):
		t.Fatal("the change did not come")
	}
	require.NoError(t, stop())
	require.ErrorContains(t, <-ended, "it stopped")
	for _, kind := range []string{"worker", "jobs", "power", "earned"} {
		require.True(t, kinds[kind], kind)
	}
}

func TestBrokenSpoolStopsTheStart(t *testing.T) {
	h := home.Home(t.TempDir())
	require.NoError(t, os.WriteFile(h.Spool(), []byte(strings.Repeat("x", 8192)), 0o600))
	require.ErrorContains(t, start(t, h)(), "move it away")
	require.False(t, h.Running(), "the lock is given back")
}
