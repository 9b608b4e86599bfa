package spool_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/worker/spool"
)

var noon = time.Date(2025, 1, 1, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *spool.Spool {
	t.Helper()
	s, err := spool.Open(path, spool.WithClock(func() time.Time { return noon }))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// killed opens a copy of the file as it is now, as a process would find it after kill -9.
func killed(t *testing.T, s *spool.Spool) *spool.Spool {
	t.Helper()
	data, err := os.ReadFile(s.Path())
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return open(t, path)
}

func msg(s string) spool.Message { return spool.Message{TypeURL: "/emc.Test", Value: []byte(s)} }

func keysOf(t *testing.T, s *spool.Spool) (keys []string) {
	t.Helper()
	list, err := s.Pending(100)
	require.NoError(t, err)
	for _, e := range list {
		keys = append(keys, e.Key)
	}
	return keys
}

func TestLifeOfAMessageSurvivesKill(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "sub", "spool.db"))
	for _, k := range []string{"ack/1", "start/1", "ack/2"} {
		st, err := s.Put(k, msg(k))
		require.NoError(t, err)
		require.Equal(t, spool.StateUnknown, st)
	}
	k := killed(t, s)
	require.Equal(t, []string{"ack/1", "start/1", "ack/2"}, keysOf(t, k))
	e, err := k.Get("start/1")
	require.NoError(t, err)
	require.Equal(t, spool.Entry{Key: "start/1", Msg: msg("start/1"), Created: noon}, e)

	first := spool.InFlight{TxBytes: []byte{1, 2}, Hash: "AA", Sequence: 7, TimeoutHeight: 90, Keys: []string{"ack/1", "start/1"}}
	require.NoError(t, s.SetInFlight(first))
	require.NoError(t, s.SetInFlight(first))
	k = killed(t, s)
	got, err := k.InFlight()
	require.NoError(t, err)
	first.Created = noon
	require.Equal(t, &first, got)
	require.Equal(t, []string{"ack/2"}, keysOf(t, k))
	require.ErrorIs(t, k.SetInFlight(spool.InFlight{TxBytes: []byte{9}, Hash: "BB", Keys: []string{"ack/2"}}), spool.ErrInFlight)

	require.NoError(t, s.Release("AA"))
	k = killed(t, s)
	got, err = k.InFlight()
	require.NoError(t, err)
	require.Nil(t, got)
	require.Equal(t, []string{"ack/1", "start/1", "ack/2"}, keysOf(t, k))
	e, err = k.Get("ack/1")
	require.NoError(t, err)
	require.Equal(t, 1, e.Attempts)

	require.NoError(t, s.SetInFlight(spool.InFlight{TxBytes: []byte{3}, Hash: "CC", Keys: []string{"ack/1", "start/1"}}))
	require.NoError(t, s.Done([]string{"ack/1"}, spool.Outcome{TxHash: "CC", Height: 5}))
	got, err = killed(t, s).InFlight()
	require.NoError(t, err)
	require.NotNil(t, got, "one of its messages is still open")
	require.NoError(t, s.Done([]string{"ack/1", "start/1"}, spool.Outcome{TxHash: "CC", Height: 5, Code: 3, Log: "no"}))
	k = killed(t, s)
	got, err = k.InFlight()
	require.NoError(t, err)
	require.Nil(t, got)
	require.Equal(t, []string{"ack/2"}, keysOf(t, k))
	h, err := k.History(10)
	require.NoError(t, err)
	require.Len(t, h, 2)
	require.Equal(t, "start/1", h[0].Key)
	require.Equal(t, uint32(3), h[0].Outcome.Code)
	require.Equal(t, uint32(0), h[1].Outcome.Code, "a second outcome must not replace the first")
	r, ok, err := k.Outcome("ack/1")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, msg("ack/1"), r.Msg, "a receipt stays readable")
}

func TestPutIsIdempotentInEveryState(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "spool.db"))
	put := func(want spool.State) {
		t.Helper()
		st, err := s.Put("k", msg(fmt.Sprint(want)))
		require.NoError(t, err)
		require.Equal(t, want, st)
	}
	put(spool.StateUnknown)
	put(spool.StatePending)
	require.NoError(t, s.SetInFlight(spool.InFlight{TxBytes: []byte{1}, Hash: "A", Keys: []string{"k"}}))
	put(spool.StateInFlight)
	require.NoError(t, s.Done([]string{"k"}, spool.Outcome{}))
	put(spool.StateDone)
	require.Empty(t, keysOf(t, s))
}

func TestHistoryIsBounded(t *testing.T) {
	const limit = 5
	s, err := spool.Open(filepath.Join(t.TempDir(), "spool.db"), spool.WithHistoryLimit(limit))
	require.NoError(t, err)
	defer s.Close()
	for r := range 3 {
		var keys []string
		for i := range 4 {
			keys = append(keys, fmt.Sprintf("%d/%d", r, i))
			_, err := s.Put(keys[i], msg("x"))
			require.NoError(t, err)
		}
		require.NoError(t, s.Done(keys, spool.Outcome{}))
	}
	h, err := s.History(100)
	require.NoError(t, err)
	require.Len(t, h, limit)
	require.Equal(t, "2/3", h[0].Key)
	for key, want := range map[string]spool.State{"1/2": spool.StateUnknown, "1/3": spool.StateDone} {
		st, err := s.State(key)
		require.NoError(t, err)
		require.Equal(t, want, st, key)
	}
}

func TestBadArguments(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "spool.db"))
	_, err := s.Put("", msg("x"))
	require.ErrorIs(t, err, spool.ErrInvalid)
	_, err = s.Put("k", spool.Message{})
	require.ErrorIs(t, err, spool.ErrInvalid)
	_, err = s.Put("k", spool.Message{TypeURL: "/t", Value: make([]byte, spool.MaxValueBytes+1)})
	require.ErrorIs(t, err, spool.ErrInvalid)
	require.ErrorIs(t, s.Done([]string{"k"}, spool.Outcome{}), spool.ErrUnknownKey)
	require.ErrorIs(t, s.Done(nil, spool.Outcome{}), spool.ErrInvalid)
	require.ErrorIs(t, s.Release("A"), spool.ErrInvalid)
	require.ErrorIs(t, s.SetInFlight(spool.InFlight{}), spool.ErrInvalid)
	require.ErrorIs(t, s.SetInFlight(spool.InFlight{TxBytes: []byte{1}, Hash: "A", Keys: []string{"k"}}), spool.ErrUnknownKey)
	_, err = s.Put("k", msg("x"))
	require.NoError(t, err)
	require.ErrorIs(t, s.SetInFlight(spool.InFlight{TxBytes: []byte{1}, Hash: "A", Keys: []string{"k", "k"}}), spool.ErrInvalid)
	_, err = spool.Open(s.Path())
	require.ErrorIs(t, err, spool.ErrLocked)
}
