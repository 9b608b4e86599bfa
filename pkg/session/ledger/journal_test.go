package ledger_test

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session/ledger"
)

// journals beside a base, the oldest first.
func journals(t *testing.T, path string) []string {
	t.Helper()
	out, err := filepath.Glob(path + "-journal.*")
	require.NoError(t, err)
	return out
}

// written is a ledger that was killed: so many batches are in its journal, of which the test gets the bytes.
func written(t *testing.T, batches int) (path, journal string, data []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "l.db")
	s := openFile(t, path)
	for i := range batches {
		require.NoError(t, s.Batch(op(fmt.Sprintf("k%03d", i), fmt.Sprint("v", i)), op("last", fmt.Sprint(i))))
	}
	all := journals(t, path)
	require.Len(t, all, 1)
	require.NoError(t, s.Close())
	data, err := os.ReadFile(all[0])
	require.NoError(t, err)
	return path, all[0], data
}

// A crash in the middle of a write leaves a prefix of it, or zeros: all batches before are there, and of those in it a
// prefix is.
func TestWriteThatIsCutShort(t *testing.T) {
	path, journal, whole := written(t, 40)
	lengths := []int{}
	for at := len(whole); at >= 20; at-- {
		lengths = append(lengths, at)
	}
	rng := rand.New(rand.NewSource(1))
	rng.Shuffle(len(lengths), func(i, j int) { lengths[i], lengths[j] = lengths[j], lengths[i] })
	base, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, at := range lengths[:120] {
		cut := bytes.Clone(whole[:at])
		if at%3 == 0 { // the size is on the disk before the bytes
			cut = append(cut, make([]byte, 1+rng.Intn(len(whole)))...)
		}
		require.NoError(t, os.WriteFile(path, base, 0o600))
		for _, j := range journals(t, path) {
			require.NoError(t, os.Remove(j))
		}
		require.NoError(t, os.WriteFile(journal, cut, 0o600))
		s, err := ledger.Open(path)
		require.NoError(t, err, "cut at %d of %d", at, len(whole))
		n := len(all(t, s, "k"))
		last, err := s.Get([]byte("last"))
		require.NoError(t, err)
		if n == 0 {
			require.Nil(t, last)
		} else {
			require.Equal(t, fmt.Sprint(n-1), string(last))
		}
		require.Equal(t, n, whereIs(whole, at))
		require.NoError(t, s.Batch(op("more", "1")), "and it goes on")
		require.NoError(t, s.Close())
	}
}

// whereIs counts the records that end before a byte, in another way than the ledger does: each has one value of "last".
func whereIs(whole []byte, at int) (n int) {
	for rest := whole[20:at]; len(rest) >= 16; n++ {
		size := 16 + int(rest[8])<<24 + int(rest[9])<<16 + int(rest[10])<<8 + int(rest[11]) + 4
		if len(rest) < size {
			break
		}
		rest = rest[size:]
	}
	return n
}

// A bit that flips anywhere is found, and the file is left as it is.
func TestDamagedJournalIsReportedAndKept(t *testing.T) {
	path, journal, whole := written(t, 10)
	base, err := os.ReadFile(path)
	require.NoError(t, err)
	refuse := func(what string, journals map[string][]byte) {
		t.Helper()
		dir := t.TempDir()
		there := filepath.Join(dir, filepath.Base(path))
		require.NoError(t, os.WriteFile(there, base, 0o600))
		for name, data := range journals {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		}
		_, err := ledger.Open(there)
		require.ErrorIs(t, err, ledger.ErrCorrupt, what)
		require.ErrorContains(t, err, there)
		for name, data := range journals {
			after, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err, what)
			require.True(t, bytes.Equal(data, after), what)
		}
	}
	name := filepath.Base(journal)
	for at := 0; at < len(whole); at += 3 {
		bad := bytes.Clone(whole)
		bad[at] ^= 1 << (at % 8)
		refuse(fmt.Sprintf("byte %d", at), map[string][]byte{name: bad})
	}
	refuse("no journal", nil)
	refuse("an older one", map[string][]byte{"l.db-journal.1": whole})
	refuse("one too many", map[string][]byte{name: whole, "l.db-journal.9": whole})
	refuse("a record twice", map[string][]byte{name: append(bytes.Clone(whole), whole[20:]...)})
	refuse("a name", map[string][]byte{name: whole, "l.db-journal.old": whole})
	require.NoError(t, os.Remove(path))
	_, err = ledger.Open(path)
	require.ErrorIs(t, err, ledger.ErrCorrupt, "a journal without its base")
	_, err = os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// A full journal is moved to the base while others write, and removed; killed anywhere on the way, nothing is missing.
func TestJournalTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	s := openFile(t, path)
	value := bytes.Repeat([]byte("x"), 64<<10)
	want := 0
	for ; want < 400; want++ { // 26 MB
		require.NoError(t, s.Batch(ledger.Op{Key: fmt.Appendf(nil, "k%04d", want), Value: value}, op("n", fmt.Sprint(want))))
		if want%40 == 39 {
			copied := crash(t, path)
			after := openFile(t, copied)
			require.Len(t, all(t, after, "k"), want+1)
			n, err := after.Get([]byte("n"))
			require.NoError(t, err)
			require.Equal(t, fmt.Sprint(want), string(n))
			require.NoError(t, after.Close())
		}
		if want%3 == 0 {
			require.NoError(t, s.Batch(ledger.Op{Key: []byte("gone")}, op("gone", ""), ledger.Op{Key: []byte("gone")}))
		}
	}
	require.Len(t, all(t, s, "k"), want)
	require.NoError(t, s.Close())
	info, err := os.Stat(journals(t, path)[0])
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(9<<20))
	s = openFile(t, path)
	require.Len(t, all(t, s, "k"), want)
	gone, err := s.Get([]byte("gone"))
	require.NoError(t, err)
	require.Nil(t, gone)
}

// crash copies all files of a ledger in use, as a kill would leave them: until two readings are the same.
func crash(t *testing.T, path string) string {
	t.Helper()
	read := func() (out map[string]string) {
		out = map[string]string{}
		names, err := filepath.Glob(path + "*")
		require.NoError(t, err)
		for _, name := range names {
			if b, err := os.ReadFile(name); err == nil {
				out[filepath.Base(name)] = string(b)
			}
		}
		return out
	}
	for {
		a, b := read(), read()
		same := len(a) == len(b)
		for name, data := range a {
			same = same && b[name] == data
		}
		if !same {
			continue
		}
		dir := t.TempDir()
		for name, data := range a {
			require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600))
		}
		return filepath.Join(dir, filepath.Base(path))
	}
}

// What nobody waits for gets to the disk all the same, and soon.
func TestQueuedIsWrittenByItself(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "l.db"))
	w := s.Queue(op("k", "v"))
	v, err := s.Get([]byte("k"))
	require.NoError(t, err)
	require.Equal(t, "v", string(v), "it is seen at once")
	require.Eventually(t, w.Durable, 10e9, 1e6)
	require.NoError(t, s.Err())
	last := s.Queue(op("k", "w"))
	require.NoError(t, s.Close(), "also by Close")
	require.True(t, last.Durable())
}

// A random life against a map.
func TestFileIsAMap(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l.db")
	rng := rand.New(rand.NewSource(7))
	want := map[string]string{}
	for range 6 {
		s := openFile(t, path)
		for range 300 {
			var ops []ledger.Op
			for range 1 + rng.Intn(5) {
				key := fmt.Sprintf("%c/%d", 'a'+rune(rng.Intn(3)), rng.Intn(40))
				if rng.Intn(3) == 0 {
					ops = append(ops, ledger.Op{Key: []byte(key)})
					delete(want, key)
				} else {
					value := fmt.Sprint(rng.Int())
					ops = append(ops, op(key, value))
					want[key] = value
				}
			}
			w := s.Queue(ops...)
			if rng.Intn(10) == 0 {
				require.NoError(t, w.Wait())
			}
		}
		for _, prefix := range []string{"", "a/", "b/1", "c/", "d"} {
			var expected []string
			for key, value := range want {
				if len(key) >= len(prefix) && key[:len(prefix)] == prefix {
					expected = append(expected, key+"="+value)
				}
			}
			got := all(t, s, prefix)
			require.ElementsMatch(t, expected, got)
			require.IsIncreasing(t, append([]string{""}, keysOf(got)...))
		}
		require.NoError(t, s.Close())
	}
}

func keysOf(entries []string) (out []string) {
	for _, e := range entries {
		key, _, _ := bytes.Cut([]byte(e), []byte("="))
		out = append(out, string(key))
	}
	return out
}
