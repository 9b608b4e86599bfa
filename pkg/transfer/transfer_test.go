package transfer_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

const jobID = "000102030405060708090a0b0c0d0e0f"

var loopback = []string{"/ip4/127.0.0.1/tcp/0"}

func newHost(t *testing.T, listen []string) (host.Host, transfer.PubKey) {
	t.Helper()
	priv, pub, err := transfer.NewAccessKey()
	require.NoError(t, err)
	return hostOf(t, priv, listen), pub
}

func hostOf(t *testing.T, priv []byte, listen []string) host.Host {
	t.Helper()
	key, err := transfer.HostKey(priv)
	require.NoError(t, err)
	h, err := transfer.NewHost(t.Context(), key, listen)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// serve runs a server until the test, or the returned function, ends it.
func serve(t *testing.T, h host.Host, b transfer.Backend, change func(*transfer.ServerConfig)) (stop func()) {
	t.Helper()
	cfg := transfer.DefaultServerConfig()
	cfg.IdleTimeout, cfg.HeaderTimeout, cfg.Heartbeat = 5*time.Second, 5*time.Second, 50*time.Millisecond
	if change != nil {
		change(&cfg)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- transfer.ServeConfig(ctx, h, b, cfg) }()
	require.Eventually(t, func() bool {
		for _, p := range h.Mux().Protocols() {
			if p == transfer.Protocol {
				return true
			}
		}
		return false
	}, 5*time.Second, time.Millisecond)
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	return stop
}

// world is a worker with a memory backend and a customer who has a client.
type world struct {
	backend   *memory
	client    *transfer.Client
	worker    host.Host
	workerKey transfer.PubKey
	customer  host.Host
}

type setup struct {
	listen []string
	cuts   []int64 // through a proxy that cuts connections
	server func(*transfer.ServerConfig)
	opts   []transfer.Option
}

func newWorld(t *testing.T, s setup) (*world, *proxy) {
	t.Helper()
	if s.listen == nil {
		s.listen = loopback
	}
	w := &world{}
	w.worker, w.workerKey = newHost(t, s.listen)
	var owner transfer.PubKey
	w.customer, owner = newHost(t, nil)
	w.backend = newMemory(jobID, owner)
	serve(t, w.worker, w.backend, s.server)
	endpoints := transfer.Endpoints(w.worker)
	var p *proxy
	if s.cuts != nil {
		p, endpoints = newProxy(t, endpoints, s.cuts...)
	}
	opts := append([]transfer.Option{transfer.WithPatience(10 * time.Second), transfer.WithIdleTimeout(5 * time.Second)}, s.opts...)
	var err error
	w.client, err = transfer.Dial(t.Context(), w.customer, transfer.Target{Node: w.workerKey, Endpoints: endpoints, JobID: jobID}, opts...)
	require.NoError(t, err)
	return w, p
}

func randomBytes(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 7))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(r.Uint32())
	}
	return out
}

// want makes the backend want data and returns it as a source.
func (m *memory) want(data []byte) transfer.Source {
	m.wants[sumOf(data)] = int64(len(data))
	return transfer.BytesSource(data)
}

// offerOutputs makes data the outputs of a result.
func (m *memory) offerOutputs(t *testing.T, files map[string][]byte) job.Result {
	t.Helper()
	r := job.Result{Version: 1, ChainID: "emc", JobID: jobID, Reason: job.ReasonExited, LogSHA256: sumOf(nil)}
	for path, data := range files {
		r.Outputs = append(r.Outputs, job.File{Path: path, Size: int64(len(data)), SHA256: sumOf(data)})
		m.blobs[sumOf(data)] = data
	}
	job.SortFiles(r.Outputs)
	return r
}

func TestHappyPath(t *testing.T) {
	for name, listen := range map[string][]string{"tcp": loopback, "quic": {"/ip4/127.0.0.1/udp/0/quic-v1"}} {
		t.Run(name, func(t *testing.T) {
			w, _ := newWorld(t, setup{listen: listen})
			var sources []transfer.Source
			var total int64
			for i, n := range []int{0, 1, 65535, 65536, 65537, 3_000_000} {
				data := randomBytes(uint64(i), n)
				sources = append(sources, w.backend.want(data))
				total += int64(n)
			}
			var last, of int64
			require.NoError(t, w.client.Upload(t.Context(), []byte("spec"), job.Salt{}, sources, func(done, total int64) { last, of = done, total }))
			require.Equal(t, total, last)
			require.Equal(t, total, of)
			for _, s := range sources {
				require.Equal(t, s.SHA256, sumOf(w.backend.blobs[s.SHA256]))
			}

			w.backend.set(func(m *memory) {
				m.status = transfer.Status{Phase: transfer.PhaseRunning, Message: "on\x1b[2Jit", LogBytes: 4}
			})
			st, err := w.client.Status(t.Context())
			require.NoError(t, err)
			require.Equal(t, transfer.Status{Phase: transfer.PhaseRunning, Message: "on [2Jit", LogBytes: 4}, st, "no terminal escapes")

			_, _, err = w.client.Result(t.Context())
			require.Equal(t, transfer.CodeNotReady, transfer.CodeOf(err))
			files := map[string][]byte{"a": randomBytes(1, 100_000), "dir/sub/b": []byte("b"), "empty": {}, "dir/same": []byte("b")}
			r := w.backend.offerOutputs(t, files)
			result, err := job.MarshalResult(r)
			require.NoError(t, err)
			w.backend.set(func(m *memory) { m.result = result })
			data, salt, err := w.client.Result(t.Context())
			require.NoError(t, err)
			require.Equal(t, result, data)
			require.Equal(t, job.Salt{1, 2, 3}, salt)

			dir := filepath.Join(t.TempDir(), "new", "out")
			for range 2 { // the second time, everything is there
				require.NoError(t, w.client.Download(t.Context(), dir, r, func(done, total int64) { last, of = done, total }))
				require.Equal(t, int64(100_002), last)
				require.Equal(t, of, last)
				for path, data := range files {
					got, err := os.ReadFile(filepath.Join(dir, path))
					require.NoError(t, err)
					require.True(t, bytes.Equal(data, got), path)
				}
				list, err := os.ReadDir(dir)
				require.NoError(t, err)
				require.Len(t, list, 3, "nothing but the outputs is left")
			}
		})
	}
}

func TestStrangers(t *testing.T) {
	w, _ := newWorld(t, setup{})
	dial := func(h host.Host, id string, node transfer.PubKey) (*transfer.Client, error) {
		return transfer.Dial(t.Context(), h, transfer.Target{Node: node, Endpoints: transfer.Endpoints(w.worker), JobID: id}, transfer.WithPatience(0))
	}
	stranger, _ := newHost(t, nil)
	c, err := dial(stranger, jobID, w.workerKey)
	require.NoError(t, err)
	for name, call := range map[string]func() error{
		"status": func() error { _, err := c.Status(t.Context()); return err },
		"result": func() error { _, _, err := c.Result(t.Context()); return err },
		"logs":   func() error { _, err := c.Logs(t.Context(), 0, true, &bytes.Buffer{}); return err },
		"offer":  func() error { _, err := c.Offer(t.Context(), []byte("x"), job.Salt{}); return err },
	} {
		require.Equal(t, transfer.CodeForbidden, transfer.CodeOf(call()), name)
	}
	require.Zero(t, w.backend.offers)

	other, err := dial(w.customer, "ff0102030405060708090a0b0c0d0e0f", w.workerKey)
	require.NoError(t, err)
	_, err = other.Status(t.Context())
	require.Equal(t, transfer.CodeUnknown, transfer.CodeOf(err))

	_, err = dial(w.customer, "../etc", w.workerKey)
	require.Error(t, err)
	_, impostor, err := transfer.NewAccessKey()
	require.NoError(t, err)
	_, err = dial(w.customer, jobID, impostor)
	require.Error(t, err, "somebody else answers at the endpoint")
	require.Empty(t, transfer.CodeOf(err))
}

func TestKeys(t *testing.T) {
	h, pub := newHost(t, nil)
	back, err := transfer.PubKey33(h.ID())
	require.NoError(t, err)
	require.Equal(t, pub, back)
	id, err := transfer.PeerID(pub)
	require.NoError(t, err)
	require.Equal(t, h.ID(), id)
	_, err = transfer.HostKey([]byte{1})
	require.Error(t, err)
	_, err = transfer.PubKeyFromBytes(make([]byte, 32))
	require.Error(t, err)
	_, err = transfer.PeerID(transfer.PubKey{})
	require.Error(t, err)
	text, err := pub.MarshalText()
	require.NoError(t, err)
	var again transfer.PubKey
	require.NoError(t, again.UnmarshalText(text))
	require.Equal(t, pub, again)
}
