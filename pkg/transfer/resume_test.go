package transfer_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

const megabyte = 1 << 20

func TestUploadResumesAfterACut(t *testing.T) {
	w, p := newWorld(t, setup{cuts: []int64{megabyte, 2 * megabyte}})
	data := randomBytes(1, 4*megabyte)
	require.NoError(t, w.client.Upload(t.Context(), []byte("spec"), job.Salt{}, []transfer.Source{w.backend.want(data)}, nil))
	require.True(t, bytes.Equal(data, w.backend.blobs[sumOf(data)]))
	require.Equal(t, 3, p.connections())
	require.Len(t, w.backend.puts, 3)
	require.Zero(t, w.backend.puts[0])
	require.Positive(t, w.backend.puts[1])
	require.Greater(t, w.backend.puts[2], w.backend.puts[1])
}

func TestDownloadResumesAfterACut(t *testing.T) {
	w, p := newWorld(t, setup{cuts: []int64{megabyte, 2 * megabyte}})
	data := randomBytes(1, 4*megabyte)
	r := w.backend.offerOutputs(t, map[string][]byte{"out": data})
	dir := t.TempDir()
	require.NoError(t, w.client.Download(t.Context(), dir, r, nil))
	got, err := os.ReadFile(filepath.Join(dir, "out"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
	require.Equal(t, 3, p.connections())
	require.Len(t, w.backend.puts, 3)
	require.Positive(t, w.backend.puts[1])
}

// TestDownloadResumesInAnotherProcess stops after a while and goes on with another client.
func TestDownloadResumesInAnotherProcess(t *testing.T) {
	w, _ := newWorld(t, setup{})
	data := randomBytes(1, 4*megabyte)
	r := w.backend.offerOutputs(t, map[string][]byte{"out": data})
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	err := w.client.Download(ctx, dir, r, func(done, total int64) {
		if done > megabyte {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	_, err = os.Stat(filepath.Join(dir, "out"))
	require.ErrorIs(t, err, os.ErrNotExist, "no half file under the final name")

	var first int64 = -1
	require.NoError(t, w.client.Download(t.Context(), dir, r, func(done, total int64) {
		if first < 0 && done > 0 {
			first = done
		}
	}))
	require.Greater(t, first, int64(megabyte))
	require.GreaterOrEqual(t, w.backend.puts[len(w.backend.puts)-1], int64(megabyte))
}

func TestDamagedPartialFileIsFetchedAgain(t *testing.T) {
	w, _ := newWorld(t, setup{})
	data := randomBytes(1, megabyte)
	r := w.backend.offerOutputs(t, map[string][]byte{"out": data})
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	require.Error(t, w.client.Download(ctx, dir, r, func(done, _ int64) {
		if done > 0 {
			cancel()
		}
	}))
	parts, err := filepath.Glob(filepath.Join(dir, ".emc-partial", "*"))
	require.NoError(t, err)
	for _, p := range parts {
		if filepath.Base(p) != "lock" {
			require.NoError(t, os.WriteFile(p, make([]byte, 1000), 0o600))
		}
	}
	require.NoError(t, w.client.Download(t.Context(), dir, r, nil))
	got, err := os.ReadFile(filepath.Join(dir, "out"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
}

func TestLogFollowResumesAfterACut(t *testing.T) {
	w, p := newWorld(t, setup{cuts: []int64{megabyte}})
	text := string(bytes.Repeat([]byte("0123456789abcdef"), 2*megabyte/16))
	w.backend.setLog(text[:megabyte+megabyte/2], false)
	go func() {
		for p.connections() < 2 {
			time.Sleep(time.Millisecond)
		}
		w.backend.setLog(text, true)
	}()
	var got bytes.Buffer
	end, err := w.client.Logs(t.Context(), 0, true, &got)
	require.NoError(t, err)
	require.Equal(t, transfer.LogEnd{Offset: int64(len(text)), Complete: true}, end)
	require.Equal(t, text, got.String())
}

// lines hands each write to a channel.
type lines chan string

func (l lines) Write(p []byte) (int, error) { l <- string(p); return len(p), nil }

func TestLogFollow(t *testing.T) {
	// The client's deadline is far below the time that the log is silent: signs of life keep it open.
	w, _ := newWorld(t, setup{opts: []transfer.Option{transfer.WithIdleTimeout(300 * time.Millisecond), transfer.WithPatience(0)}})
	var now bytes.Buffer
	end, err := w.client.Logs(t.Context(), 0, false, &now)
	require.NoError(t, err)
	require.Equal(t, transfer.LogEnd{}, end, "not complete before it has begun")

	out := make(lines, 100)
	done := make(chan error, 1)
	go func() {
		end, err := w.client.Logs(t.Context(), 2, true, out)
		require.Equal(t, transfer.LogEnd{Offset: 9, Complete: true}, end)
		done <- err
	}()
	w.backend.setLog("one\n", false)
	require.Equal(t, "e\n", next(t, out))
	time.Sleep(time.Second) // the silence is what is tested
	w.backend.setLog("one\ntwo\n", false)
	require.Equal(t, "two\n", next(t, out))
	w.backend.setLog("one\ntwo\n!", true)
	require.Equal(t, "!", next(t, out))
	require.NoError(t, <-done)
}

func next(t *testing.T, l lines) string {
	t.Helper()
	for {
		select {
		case s := <-l:
			if s != "" {
				return s
			}
		case <-time.After(5 * time.Second):
			t.Fatal("nothing came")
		}
	}
}

func TestCancelledFollowerFreesHisPlace(t *testing.T) {
	w, _ := newWorld(t, setup{server: func(c *transfer.ServerConfig) { c.MaxPerPeer = 1 }, opts: []transfer.Option{transfer.WithPatience(0)}})
	ctx, cancel := context.WithCancel(t.Context())
	out := make(lines, 10)
	done := make(chan error, 1)
	w.backend.setLog("x", false)
	go func() { _, err := w.client.Logs(ctx, 0, true, out); done <- err }()
	next(t, out)
	_, err := w.client.Status(t.Context())
	require.Equal(t, transfer.CodeBusy, transfer.CodeOf(err))
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Eventually(t, func() bool { _, err := w.client.Status(t.Context()); return err == nil }, 5*time.Second, 5*time.Millisecond)
}

func TestTwoDownloadsAtOnce(t *testing.T) {
	w, _ := newWorld(t, setup{})
	files := map[string][]byte{}
	for i := range 8 {
		files[string(rune('a'+i))] = randomBytes(uint64(i), 300_000)
	}
	r := w.backend.offerOutputs(t, files)
	dirs := []string{t.TempDir(), t.TempDir()}
	var wg sync.WaitGroup
	errs := make([]error, 2)
	for i, d := range dirs {
		wg.Go(func() { errs[i] = w.client.Download(t.Context(), d, r, nil) })
	}
	wg.Wait()
	for i, d := range dirs {
		require.NoError(t, errs[i])
		for name, data := range files {
			got, err := os.ReadFile(filepath.Join(d, name))
			require.NoError(t, err)
			require.True(t, bytes.Equal(data, got))
		}
	}

	// The same directory: the second one is told, and harms nothing.
	same := t.TempDir()
	var second error
	once := sync.OnceFunc(func() { second = w.client.Download(t.Context(), same, r, nil) })
	require.NoError(t, w.client.Download(t.Context(), same, r, func(int64, int64) { once() }))
	require.ErrorContains(t, second, "another download into this directory")
}
