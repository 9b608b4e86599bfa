package jobstore_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/worker/runtime"
)

func TestLogIsBounded(t *testing.T) {
	c := newChain()
	s := open(t, config(t.TempDir(), c))
	w := newWork(t, 1, nil, nil)
	w.submit(t, c)
	w.upload(t, s)
	task, err := s.Begin(w.id)
	require.NoError(t, err)
	run := w.execute(t, task, nil, "")
	for range 1000 {
		n, err := io.WriteString(task.Log, strings.Repeat("x", 100))
		require.NoError(t, err)
		require.Equal(t, 100, n)
	}
	o, err := s.Finish(w.id, run)
	require.NoError(t, err)
	require.Less(t, o.Result.LogSize, int64(100+4096))
	text := readLog(t, s, w.id, 0)
	require.Equal(t, 1, strings.Count(text, "the log is cut here"))
	_, err = io.WriteString(task.Log, "late")
	require.Error(t, err, "what comes after the result would change its digest")
}

func TestLogFollowers(t *testing.T) {
	c := newChain()
	cfg := config(t.TempDir(), c)
	s := open(t, cfg)
	w := newWork(t, 1, nil, nil)
	w.submit(t, c)
	_, err := s.Log(t.Context(), w.id, 0, true)
	require.Equal(t, transfer.CodeNotReady, code(err))
	w.upload(t, s)

	read := func(offset int64) (<-chan string, transfer.LogReader) {
		r, err := s.Log(t.Context(), w.id, offset, true)
		require.NoError(t, err)
		out := make(chan string, 1)
		go func() {
			data, err := io.ReadAll(r)
			if err != nil {
				data = []byte(err.Error())
			}
			out <- string(data)
		}()
		return out, r
	}
	all, r := read(0) // before it has begun
	tail, _ := read(4)
	ctx, cancel := context.WithCancel(t.Context())
	gone, err := s.Log(ctx, w.id, 0, true)
	require.NoError(t, err)
	cancel()
	_, err = gone.Read(make([]byte, 1))
	require.ErrorIs(t, err, context.Canceled)

	task, err := s.Begin(w.id)
	require.NoError(t, err)
	for _, line := range []string{"one\n", "two\n"} {
		_, err = io.WriteString(task.Log, line)
		require.NoError(t, err)
	}
	select {
	case text := <-all:
		t.Fatalf("a follower left before the end with %q", text)
	default:
	}
	_, err = s.Finish(w.id, runtime.Result{Reason: runtime.ReasonExited})
	require.NoError(t, err)
	require.Equal(t, "one\ntwo\n", <-all)
	require.Equal(t, "two\n", <-tail)
	require.True(t, r.Complete())
	require.NoError(t, r.Close())
}
