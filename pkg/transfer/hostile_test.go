package transfer_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

func TestUploadMismatch(t *testing.T) {
	w, _ := newWorld(t, setup{})
	good, bad := randomBytes(1, 200_000), randomBytes(2, 200_000)
	s := w.backend.want(good)
	lie := transfer.BytesSource(bad)
	lie.SHA256 = s.SHA256
	err := w.client.Upload(t.Context(), []byte("spec"), job.Salt{}, []transfer.Source{lie}, nil)
	require.Equal(t, transfer.CodeMismatch, transfer.CodeOf(err))
	require.ErrorContains(t, err, sumOf(bad))
	require.Nil(t, w.backend.blobs[s.SHA256])

	// Broken bytes that the worker had kept are no reason to give up.
	w.backend.blobs[s.SHA256] = bad[:100_000]
	require.NoError(t, w.client.Upload(t.Context(), []byte("spec"), job.Salt{}, []transfer.Source{s}, nil))
	require.Equal(t, s.SHA256, sumOf(w.backend.blobs[s.SHA256]))
}

func TestUploadWithoutWhatIsWanted(t *testing.T) {
	w, _ := newWorld(t, setup{})
	s := w.backend.want([]byte("wanted"))
	err := w.client.Upload(t.Context(), []byte("spec"), job.Salt{}, nil, nil)
	require.ErrorContains(t, err, s.SHA256)
	_, err = w.client.Offer(t.Context(), nil, job.Salt{})
	require.Error(t, err)
	_, err = w.client.Offer(t.Context(), make([]byte, job.MaxSpecBytes+1), job.Salt{})
	require.Error(t, err)
	require.Equal(t, 1, w.backend.offers)
}

func TestOversizeIsRefusedWhileSending(t *testing.T) {
	w, _ := newWorld(t, setup{opts: []transfer.Option{transfer.WithIdleTimeout(30 * time.Second)}})
	s := transfer.BytesSource(randomBytes(1, 8*megabyte))
	w.backend.wants[s.SHA256] = 10
	raw := openRaw(t, w)
	raw.send(map[string]any{"verb": "put", "job": jobID, "sha256": s.SHA256, "size": s.Size})
	require.Equal(t, "too_large", raw.answer()["code"])

	start := time.Now()
	w.backend.wants[s.SHA256] = s.Size
	r, err := s.Open()
	require.NoError(t, err)
	defer r.Close()
	w.backend.mu.Lock()
	w.backend.wants = map[string]int64{} // refused after the offer: the client is sending already
	w.backend.mu.Unlock()
	put := openRaw(t, w)
	put.send(map[string]any{"verb": "put", "job": jobID, "sha256": s.SHA256, "size": s.Size})
	require.Equal(t, "unknown", put.answer()["code"])
	require.Less(t, time.Since(start), 10*time.Second)
}

func TestBusyIsTriedAgain(t *testing.T) {
	w, _ := newWorld(t, setup{})
	w.backend.fail = transfer.Busy(50*time.Millisecond, "later")
	go func() {
		for {
			w.backend.mu.Lock()
			if w.backend.offers >= 2 {
				w.backend.fail = nil
				w.backend.mu.Unlock()
				return
			}
			w.backend.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := w.client.Offer(t.Context(), []byte("x"), job.Salt{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, w.backend.offers, 3)

	w.backend.fail = io.ErrNoProgress // not for the customer's eyes
	_, err = w.client.Offer(t.Context(), []byte("x"), job.Salt{})
	require.Equal(t, transfer.CodeInternal, transfer.CodeOf(err))
	require.NotContains(t, err.Error(), io.ErrNoProgress.Error())
}

// TestHostileResult gives the customer results that try to leave his directory.
func TestHostileResult(t *testing.T) {
	w, _ := newWorld(t, setup{})
	for _, path := range []string{"../evil", "/etc/evil", "a/../../evil", "..", ".", "a\\..\\evil", ".emc-partial/lock", ".EMC-partial/x"} {
		dir := filepath.Join(t.TempDir(), "out")
		r := w.backend.offerOutputs(t, map[string][]byte{path: []byte("evil")})
		require.Error(t, w.client.Download(t.Context(), dir, r, nil), path)
		require.NoFileExists(t, filepath.Join(filepath.Dir(dir), "evil"))
	}

	outside := t.TempDir()
	dir := t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link")))
	require.NoError(t, os.Symlink(filepath.Join(outside, "target"), filepath.Join(dir, "file")))
	for _, path := range []string{"link/evil", "file"} {
		r := w.backend.offerOutputs(t, map[string][]byte{path: []byte("evil")})
		require.Error(t, w.client.Download(t.Context(), dir, r, nil), path)
	}
	list, err := os.ReadDir(outside)
	require.NoError(t, err)
	require.Empty(t, list, "a link in the directory leads out of it")
}

func TestDownloadKeepsWhatIsThere(t *testing.T) {
	w, _ := newWorld(t, setup{})
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes"), []byte("mine"), 0o644))
	r := w.backend.offerOutputs(t, map[string][]byte{"a": []byte("new"), "notes": []byte("your")})
	require.ErrorContains(t, w.client.Download(t.Context(), dir, r, nil), "exists already")
	got, err := os.ReadFile(filepath.Join(dir, "notes"))
	require.NoError(t, err)
	require.Equal(t, "mine", string(got))
	require.NoFileExists(t, filepath.Join(dir, "a"), "nothing is written before all can be")
}

func TestWorkerThatLies(t *testing.T) {
	w, _ := newWorld(t, setup{})
	r := w.backend.offerOutputs(t, map[string][]byte{"a": []byte("good bytes")})
	w.backend.blobs[r.Outputs[0].SHA256] = []byte("evil bytes")
	dir := t.TempDir()
	err := w.client.Download(t.Context(), dir, r, nil)
	require.Equal(t, transfer.CodeMismatch, transfer.CodeOf(err))
	require.NoFileExists(t, filepath.Join(dir, "a"))

	w.backend.endless = true
	err = w.client.Download(t.Context(), t.TempDir(), r, nil)
	require.Equal(t, transfer.CodeMismatch, transfer.CodeOf(err))
}

// raw speaks the protocol by hand.
type raw struct {
	t  *testing.T
	st network.Stream
}

func openRaw(t *testing.T, w *world) raw {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	st, err := w.customer.NewStream(ctx, w.worker.ID(), transfer.Protocol)
	require.NoError(t, err)
	t.Cleanup(func() { _ = st.Reset() })
	require.NoError(t, st.SetDeadline(time.Now().Add(10*time.Second)))
	return raw{t, st}
}

func (r raw) send(v any) {
	r.t.Helper()
	body, err := json.Marshal(v)
	require.NoError(r.t, err)
	_, err = r.st.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
	require.NoError(r.t, err)
}

func (r raw) answer() map[string]any {
	r.t.Helper()
	var head [4]byte
	_, err := io.ReadFull(r.st, head[:])
	require.NoError(r.t, err)
	body := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err = io.ReadFull(r.st, body)
	require.NoError(r.t, err)
	var out map[string]any
	require.NoError(r.t, json.Unmarshal(body, &out))
	return out
}

func TestMalformedRequests(t *testing.T) {
	w, _ := newWorld(t, setup{})
	for name, frame := range map[string]any{
		"no verb":         map[string]any{"job": jobID},
		"no job":          map[string]any{"verb": "status"},
		"job is a path":   map[string]any{"verb": "status", "job": "../../../../../../../../etc/passw"},
		"negative offset": map[string]any{"verb": "get", "job": jobID, "sha256": sumOf(nil), "offset": -1},
		"negative log":    map[string]any{"verb": "logs", "job": jobID, "offset": -1},
		"digest a path":   map[string]any{"verb": "get", "job": jobID, "sha256": strings.Repeat("../", 21) + "x"},
		"offset > size":   map[string]any{"verb": "put", "job": jobID, "sha256": sumOf(nil), "size": 1, "offset": 2},
		"negative size":   map[string]any{"verb": "put", "job": jobID, "sha256": sumOf(nil), "size": -1, "offset": 0},
		"not an object":   "hello",
	} {
		r := openRaw(t, w)
		r.send(frame)
		require.Equal(t, "invalid", r.answer()["code"], name)
	}
	r := openRaw(t, w)
	r.send(map[string]any{"verb": "offer", "job": jobID, "size": int64(1) << 40})
	require.Equal(t, "too_large", r.answer()["code"])
	for _, n := range []uint32{0, 4097, 1<<32 - 1} {
		r := openRaw(t, w)
		_, err := r.st.Write(binary.BigEndian.AppendUint32(nil, n))
		require.NoError(t, err)
		require.Equal(t, "invalid", r.answer()["code"])
	}
}

func TestSlowLoris(t *testing.T) {
	w, _ := newWorld(t, setup{server: func(c *transfer.ServerConfig) {
		c.MaxStrangers, c.HeaderTimeout, c.IdleTimeout, c.RetryAfter = 1, 800*time.Millisecond, 150*time.Millisecond, time.Second
	}})
	// One byte now and then, of a header that never ends.
	slow := openRaw(t, w)
	_, err := slow.st.Write([]byte{0, 0, 1, 0})
	require.NoError(t, err)
	time.Sleep(50 * time.Millisecond) // until he has the place
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 200 {
			if _, err := slow.st.Write([]byte{' '}); err != nil {
				return
			}
			time.Sleep(40 * time.Millisecond)
		}
		t.Error("the header was never cut off")
	}()
	// As long as he holds the only place for strangers, others are told to come again, and then served.
	require.Eventually(t, func() bool {
		r := openRaw(t, w)
		r.send(map[string]any{"verb": "status", "job": jobID})
		a := r.answer()
		return a["code"] == "busy" && a["retry_ms"] == 1000.0
	}, 600*time.Millisecond, time.Millisecond)
	<-ended
	_, err = w.client.Status(t.Context())
	require.NoError(t, err)

	// The same in the middle of a blob, by the owner himself.
	s := w.backend.want(randomBytes(1, megabyte))
	put := openRaw(t, w)
	put.send(map[string]any{"verb": "put", "job": jobID, "sha256": s.SHA256, "size": s.Size})
	require.Eventually(t, func() bool {
		_, err := put.st.Write([]byte{1})
		return err != nil
	}, 5*time.Second, 40*time.Millisecond)

	// And a reader who does not read.
	big := randomBytes(2, 40*megabyte)
	w.backend.mu.Lock()
	w.backend.blobs[sumOf(big)] = big
	w.backend.mu.Unlock()
	get := openRaw(t, w)
	get.send(map[string]any{"verb": "get", "job": jobID, "sha256": sumOf(big)})
	time.Sleep(400 * time.Millisecond) // not reading is what is tested
	n, err := io.Copy(io.Discard, get.st)
	require.Error(t, err)
	require.Less(t, n, int64(len(big)))
}

func TestServerRestarts(t *testing.T) {
	worker, workerKey := newHost(t, loopback)
	customer, owner := newHost(t, nil)
	b := newMemory(jobID, owner)
	stop := serve(t, worker, b, nil)
	c, err := transfer.Dial(t.Context(), customer, transfer.Target{Node: workerKey, Endpoints: transfer.Endpoints(worker), JobID: jobID},
		transfer.WithPatience(10*time.Second))
	require.NoError(t, err)
	data := randomBytes(1, 6*megabyte)
	src := b.want(data)
	stopped := make(chan struct{})
	err = c.Upload(t.Context(), []byte("spec"), job.Salt{}, []transfer.Source{src}, func(done, _ int64) {
		if done > megabyte {
			select {
			case <-stopped:
			default:
				close(stopped)
				stop()
				go serve(t, worker, b, nil)
			}
		}
	})
	require.NoError(t, err)
	require.Equal(t, src.SHA256, sumOf(b.blobs[src.SHA256]))
	require.Greater(t, len(b.puts), 1)
	require.Positive(t, b.puts[1])
}
