package jobstore_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/worker/jobstore"
)

// daemon is a store that is served over libp2p, and can be killed and started again under the same identity and port.
type daemon struct {
	store *jobstore.Store
	stop  func()
	addrs []string
}

func start(t *testing.T, cfg jobstore.Config, priv []byte, listen []string) *daemon {
	t.Helper()
	s, err := jobstore.Open(cfg)
	require.NoError(t, err)
	key, err := transfer.HostKey(priv)
	require.NoError(t, err)
	h, err := transfer.NewHost(t.Context(), key, listen)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- transfer.Serve(ctx, h, s) }()
	d := &daemon{store: s, addrs: transfer.Endpoints(h)}
	d.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, h.Close())
		require.NoError(t, s.Close())
	})
	t.Cleanup(d.stop)
	return d
}

// TestCustomerAndWorker takes a job from its upload to its outputs, with a restart of the worker in the middle of the
// upload.
func TestCustomerAndWorker(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	r := rand.New(rand.NewPCG(1, 2))
	big := make([]byte, 6<<20)
	for i := range big {
		big[i] = byte(r.Uint32())
	}
	w := newWork(t, 1, map[string][]byte{"big": big, "small": []byte("s")}, nil)
	w.submit(t, c)
	workerPriv, workerKey, err := transfer.NewAccessKey()
	require.NoError(t, err)
	d := start(t, cfg, workerPriv, []string{"/ip4/127.0.0.1/tcp/0"})

	key, err := transfer.HostKey(w.priv)
	require.NoError(t, err)
	h, err := transfer.NewHost(t.Context(), key, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	client, err := transfer.Dial(t.Context(), h, transfer.Target{Node: workerKey, Endpoints: d.addrs, JobID: w.id}, transfer.WithPatience(20*time.Second))
	require.NoError(t, err)

	sources := []transfer.Source{transfer.BytesSource(big), transfer.BytesSource([]byte("s")), transfer.BytesSource(artifact)}
	var again *daemon
	restarted := make(chan struct{})
	var last int64
	resumed := int64(-1)
	err = client.Upload(t.Context(), w.bytes, w.salt, sources, func(done, total int64) {
		last = done
		select {
		case <-restarted:
			if resumed < 0 {
				resumed = done
			}
		default:
			if done > 2<<20 {
				d.stop()
				again = start(t, cfg, workerPriv, d.addrs)
				close(restarted)
			}
		}
	})
	require.NoError(t, err)
	require.NotNil(t, again)
	require.Positive(t, resumed)
	require.Equal(t, int64(len(big)+1+len(artifact)), max(last, int64(len(big)+1+len(artifact))))
	require.Equal(t, transfer.PhaseReady, phase(t, again.store, w.id))

	task, err := again.store.Begin(w.id)
	require.NoError(t, err)
	var log bytes.Buffer
	followed := make(chan error, 1)
	go func() {
		end, err := client.Logs(t.Context(), 0, true, &log)
		if err == nil && !end.Complete {
			err = fmt.Errorf("not complete: %v", end)
		}
		followed <- err
	}()
	run := w.execute(t, task, map[string][]byte{"model": big[:1<<20], "sub/loss": []byte("0.5")}, "loss 1\n")
	_, err = io.WriteString(task.Log, "loss 0.5\n")
	require.NoError(t, err)
	o, err := again.store.Finish(w.id, run)
	require.NoError(t, err)
	require.NoError(t, <-followed)
	require.Equal(t, "loss 1\nloss 0.5\n", log.String())
	st, err := client.Status(t.Context())
	require.NoError(t, err)
	require.Equal(t, transfer.PhaseFinished, st.Phase)

	data, salt, err := client.Result(t.Context())
	require.NoError(t, err)
	result, err := job.VerifyResult(data, salt, o.ReceiptDigest())
	require.NoError(t, err)
	require.Equal(t, sum(log.Bytes()), result.LogSHA256)
	dir := t.TempDir()
	require.NoError(t, client.Download(t.Context(), dir, result, nil))
	got, err := os.ReadFile(filepath.Join(dir, "model"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(big[:1<<20], got))
}
