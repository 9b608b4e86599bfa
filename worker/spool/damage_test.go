package spool_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/worker/spool"
)

func TestDamagedFileIsReportedAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "spool.db")
	s := open(t, path)
	for i := range 200 {
		_, err := s.Put(fmt.Sprintf("k/%d", i), msg(strings.Repeat("0123456789", 40)))
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
	good, err := os.ReadFile(path)
	require.NoError(t, err)

	for name, damage := range map[string]func([]byte) []byte{
		"empty pages":    func(b []byte) []byte { return make([]byte, len(b)) },
		"text":           func([]byte) []byte { return bytes.Repeat([]byte("no database "), 1000) },
		"cut in half":    func(b []byte) []byte { return b[:len(b)/2/4096*4096] },
		"cut to 3 pages": func(b []byte) []byte { return b[:3*4096] },
		"cut to a page":  func(b []byte) []byte { return b[:4096] },
		"a flipped bit in a value": func(b []byte) []byte {
			at := bytes.Index(b, []byte(`"created":"2025`))
			b[at+12] ^= 1
			for { // every copy of the record in old pages too
				next := bytes.Index(b, []byte(`"created":"2025`))
				if next < 0 {
					return b
				}
				b[next+12] ^= 1
			}
		},
		"pages of garbage": func(b []byte) []byte {
			for i := 3 * 4096; i < len(b); i++ {
				b[i] = byte(i * 7)
			}
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad := damage(bytes.Clone(good))
			path := filepath.Join(t.TempDir(), "spool.db")
			require.NoError(t, os.WriteFile(path, bad, 0o600))
			_, err := spool.Open(path)
			require.ErrorIs(t, err, spool.ErrCorrupt)
			require.ErrorContains(t, err, path)
			require.ErrorContains(t, err, "move it away")
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, bytes.Equal(bad, after), "the damaged file must be left as it is")
		})
	}
}

const limitedEnv = "SPOOL_TEST_LIMITED"

// TestFullDisk runs a child whose files cannot grow beyond what the spool has already, writes until it fails, lifts the
// limit, and goes on with the same Spool.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(limitedEnv); dir != "" {
		fullDiskChild(t, dir)
		return
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), limitedEnv+"="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "went on after the disk was full")
	s := open(t, filepath.Join(dir, "spool.db"))
	st, err := s.State("after")
	require.NoError(t, err)
	require.Equal(t, spool.StatePending, st)
}

func fullDiskChild(t *testing.T, dir string) {
	signal.Ignore(unix.SIGXFSZ)
	s := open(t, filepath.Join(dir, "spool.db"))
	_, err := s.Put("before", msg("x"))
	require.NoError(t, err)
	var old unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &old))
	info, err := os.Stat(s.Path())
	require.NoError(t, err)
	limit := unix.Rlimit{Cur: uint64(info.Size()), Max: old.Max}
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &limit))

	var stored []string
	for i := range 10_000 {
		key := fmt.Sprintf("full/%d", i)
		if _, err = s.Put(key, msg(strings.Repeat("x", 100_000))); err != nil {
			break
		}
		stored = append(stored, key)
	}
	require.ErrorIs(t, err, spool.ErrWrite)
	require.ErrorContains(t, err, s.Path())
	require.ErrorContains(t, err, "free space and the worker goes on")
	require.Len(t, keysOf(t, s), len(stored)+1, "a failed write changes nothing")

	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &old))
	_, err = s.Put("after", msg("x"))
	require.NoError(t, err)
	t.Log("went on after the disk was full")
}
