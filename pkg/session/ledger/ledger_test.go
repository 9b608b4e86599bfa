package ledger_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	bolt "go.etcd.io/bbolt"

	"github.com/edgematrix/emc/pkg/session/ledger"
)

func op(key, value string) ledger.Op { return ledger.Op{Key: []byte(key), Value: []byte(value)} }

func all(t *testing.T, s ledger.Store, prefix string) (out []string) {
	t.Helper()
	require.NoError(t, s.Iterate([]byte(prefix), func(k, v []byte) error {
		out = append(out, string(k)+"="+string(v))
		return nil
	}))
	return out
}

func openFile(t *testing.T, path string) *ledger.File {
	t.Helper()
	s, err := ledger.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStores(t *testing.T) {
	for name, s := range map[string]ledger.Store{"memory": ledger.NewMemory(), "file": openFile(t, filepath.Join(t.TempDir(), "d", "l.db"))} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, s.Batch(op("a/2", "two"), op("a/1", "one"), op("b", "other"), op("a/1", "uno")))
			require.NoError(t, s.Batch(ledger.Op{Key: []byte("a/3")}, op("a/", "")))
			require.Equal(t, []string{"a/=", "a/1=uno", "a/2=two"}, all(t, s, "a/"))
			v, err := s.Get([]byte("b"))
			require.NoError(t, err)
			require.Equal(t, "other", string(v))
			v[0] = 'x'
			again, _ := s.Get([]byte("b"))
			require.Equal(t, "other", string(again), "a copy")
			v, err = s.Get([]byte("a/"))
			require.NoError(t, err)
			require.NotNil(t, v, "an empty value is a value")
			none, err := s.Get([]byte("c"))
			require.NoError(t, err)
			require.Nil(t, none)
			stop := errors.New("stop")
			require.ErrorIs(t, s.Iterate(nil, func(_, _ []byte) error { return stop }), stop)
			require.NoError(t, s.Batch(ledger.Op{Key: []byte("b")}))
			require.Empty(t, all(t, s, "b"))
		})
	}
}

func TestMemoryCrashes(t *testing.T) {
	for _, after := range []bool{false, true} {
		m := ledger.NewMemory()
		m.CrashIn(2, after)
		require.NoError(t, m.Batch(op("a", "1")))
		require.ErrorIs(t, m.Batch(op("a", "2"), op("b", "2")), ledger.ErrCrashed)
		_, err := m.Get([]byte("a"))
		require.ErrorIs(t, err, ledger.ErrCrashed)
		require.ErrorIs(t, m.Batch(op("a", "3")), ledger.ErrCrashed)
		require.ErrorIs(t, m.Iterate(nil, nil), ledger.ErrCrashed)
		require.True(t, m.Crashed())
		m.Restart()
		want := []string{"a=1"}
		if after {
			want = []string{"a=2", "b=2"}
		}
		require.Equal(t, want, all(t, m, ""))
		require.Equal(t, 2, m.Batches())
	}
	m := ledger.NewMemory()
	m.Forgetful()
	require.NoError(t, m.Batch(op("a", "1")))
	require.NoError(t, m.Batch(op("a", "2"), op("b", "2"), op("a", "3")))
	m.Crash()
	m.Restart()
	require.Equal(t, []string{"a=1"}, all(t, m, ""))
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	s := openFile(t, path)
	require.NoError(t, s.Batch(op("k", "v")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = ledger.Open(path)
	require.ErrorIs(t, err, ledger.ErrLocked)
	require.NoError(t, s.Close())
	_, err = s.Get([]byte("k"))
	require.ErrorIs(t, err, ledger.ErrClosed)
	require.ErrorIs(t, s.Batch(op("k", "w")), ledger.ErrClosed)
	require.NoError(t, os.Chmod(path, 0o644))
	s = openFile(t, path)
	info, _ = os.Stat(path)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "a file that others could read")
	require.Equal(t, []string{"k=v"}, all(t, s, ""))
}

func TestFileBatchesTogether(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "l.db"))
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			for j := range 4 {
				key := fmt.Sprintf("%02d/%d", i, j)
				if err := s.Batch(op(key, key)); err != nil {
					t.Error(err)
				}
				if v, err := s.Get([]byte(key)); err != nil || string(v) != key {
					t.Error(key, v, err)
				}
			}
		})
	}
	wait.Wait()
	require.Len(t, all(t, s, ""), 256)
}

func TestDamagedFileIsReportedAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	s := openFile(t, path)
	for i := range 300 {
		require.NoError(t, s.Batch(op(fmt.Sprintf("k%d", i), strings.Repeat("0123456789", 40))))
	}
	require.NoError(t, s.Close())
	require.NoError(t, openFile(t, path).Close()) // what the journal said is in the base now
	good, err := os.ReadFile(path)
	require.NoError(t, err)
	for name, damage := range map[string]func([]byte) []byte{
		"empty":       func([]byte) []byte { return nil },
		"cut in half": func(b []byte) []byte { return b[:len(b)/2/4096*4096] },
		"text":        func([]byte) []byte { return bytes.Repeat([]byte("no database "), 1000) },
		"flipped":     func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("0123456789012"), []byte("0123456780012")) },
	} {
		t.Run(name, func(t *testing.T) {
			bad := damage(bytes.Clone(good))
			path := filepath.Join(t.TempDir(), "l.db")
			require.NoError(t, os.WriteFile(path, bad, 0o600))
			_, err := ledger.Open(path)
			require.ErrorIs(t, err, ledger.ErrCorrupt)
			require.ErrorContains(t, err, path)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, bytes.Equal(bad, after), "the damaged file must be left as it is")
		})
	}
}

const killedEnv = "LEDGER_TEST_KILLED"

// TestKilledProcess kills a child that writes pairs and tells each: what it told is there, and no pair is torn.
func TestKilledProcess(t *testing.T) {
	if path := os.Getenv(killedEnv); path != "" {
		s, err := ledger.Open(path)
		if err != nil {
			panic(err)
		}
		for i := 0; ; i++ {
			n := fmt.Sprintf("%08d", i)
			if err := s.Batch(op("a/"+n, n), op("b/"+n, n)); err != nil {
				panic(err)
			}
			fmt.Println("durable", n)
		}
	}
	path := filepath.Join(t.TempDir(), "l.db")
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcess$")
	cmd.Env = append(os.Environ(), killedEnv+"="+path)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	told := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if told++; told == 50 {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	_ = cmd.Wait()
	require.GreaterOrEqual(t, told, 50)
	s := openFile(t, path)
	a, b := all(t, s, "a/"), all(t, s, "b/")
	require.Len(t, b, len(a))
	require.GreaterOrEqual(t, len(a), told)
}

// What is queued is written in its order, whoever waits first; after a write that failed nothing is, because it builds on
// what is missing.
func TestFileQueue(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "l.db"))
	first, second := s.Queue(op("k", "1"), op("only", "1")), s.Queue(op("k", "2"))
	ends := make(chan error, 1)
	go func() { ends <- second.Wait() }()
	require.NoError(t, first.Wait())
	require.NoError(t, <-ends)
	require.NoError(t, s.Batch(), "nothing to do but to wait")
	require.Equal(t, []string{"k=2", "only=1"}, all(t, s, ""))

	require.ErrorIs(t, s.Batch(op(strings.Repeat("k", 1<<16), "too long a key")), ledger.ErrWrite)
	require.ErrorIs(t, s.Batch(op("k", "3")), ledger.ErrWrite)
	require.ErrorIs(t, s.Batch(), ledger.ErrWrite)
	require.Equal(t, []string{"k=2", "only=1"}, all(t, s, ""))
}

// A file of a build that had no journals is opened as it is, and goes on with one.
func TestFileOfAnEarlierBuild(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	db, err := bolt.Open(path, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte("ledger"))
		if err != nil {
			return err
		}
		sum := crc32.Checksum([]byte("v"), crc32.MakeTable(crc32.Castagnoli))
		return b.Put([]byte("k"), append(binary.BigEndian.AppendUint32(nil, sum), 'v'))
	}))
	require.NoError(t, db.Close())
	s := openFile(t, path)
	require.Equal(t, []string{"k=v"}, all(t, s, ""))
	require.NoError(t, s.Batch(op("l", "w")))
	require.NoError(t, s.Close())
	require.Equal(t, []string{"k=v", "l=w"}, all(t, openFile(t, path), ""))
}
