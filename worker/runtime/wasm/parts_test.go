package wasm

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"

	"github.com/edgematrix/emc/worker/runtime"
)

const cutNotice = "[log cut here: its limit is reached; the program went on]\n"

func TestCopyLog(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		limit int64
		want  string
	}{
		"empty":            {"", 5, ""},
		"short":            {"abc\n", 5, "abc\n"},
		"exactly":          {"abcd\n", 5, "abcd\n"},
		"cut in a line":    {"abcdefg\n", 5, "abcde\n" + cutNotice},
		"cut after a line": {"abcd\nefg\n", 5, "abcd\n" + cutNotice},
		"long":             {strings.Repeat("x", 100_000), 5, "xxxxx\n" + cutNotice},
	} {
		t.Run(name, func(t *testing.T) {
			var whole, bytewise bytes.Buffer
			require.NoError(t, copyLog(&whole, strings.NewReader(c.text), c.limit))
			require.Equal(t, c.want, whole.String())
			require.NoError(t, copyLog(&bytewise, iotest.OneByteReader(strings.NewReader(c.text)), c.limit))
			require.Equal(t, c.want, bytewise.String())
		})
	}
	full := errors.New("disk full")
	r := strings.NewReader(strings.Repeat("x", 100_000))
	require.ErrorIs(t, copyLog(failingWriter{full}, r, 1<<20), full)
	require.Zero(t, r.Len(), "the program would wait for ever for its log to be read")
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

func TestClock(t *testing.T) {
	c := &clock{}
	require.EqualValues(t, readingNanos, c.nanotime())
	c.sleep(5e9)
	c.sleep(-1)
	sec, nsec := c.walltime()
	require.EqualValues(t, epochSeconds+5, sec)
	require.EqualValues(t, 2*readingNanos, nsec)
	c.sleep(math.MaxInt64)
	c.sleep(math.MaxInt64)
	require.Positive(t, c.nanotime(), "the clock wrapped around")
	require.Positive(t, c.stamp())
}

func TestRandomSource(t *testing.T) {
	read := func(artifact string) []byte {
		b := make([]byte, 64)
		_, err := randomSource(artifact).Read(b)
		require.NoError(t, err)
		return b
	}
	require.Equal(t, read("a"), read("a"))
	require.NotEqual(t, read("a"), read("b"))
}

func TestJobSurvivesThePipe(t *testing.T) {
	want := job{Version: protocolVersion, Artifact: "/a", Args: []string{"x\ny", "✓"}, Inputs: []runtime.File{{Path: "p", Size: 3}}}
	var pipe bytes.Buffer
	require.NoError(t, writeJob(&pipe, want))
	whole := pipe.Bytes()
	got, err := readJob(bytes.NewReader(whole))
	require.NoError(t, err)
	require.Equal(t, want, got)
	for _, cut := range []int{0, 3, 8, len(whole) - 1} {
		_, err := readJob(bytes.NewReader(whole[:cut]))
		require.ErrorContains(t, err, "ended early", "cut at %d", cut)
	}
	_, err = readJob(strings.NewReader("GET / HTTP/1.1\r\n"))
	require.ErrorContains(t, err, "holds no job")
	pipe.Reset()
	require.NoError(t, writeJob(&pipe, job{Version: protocolVersion + 1}))
	_, err = readJob(&pipe)
	require.ErrorContains(t, err, "restart the worker")
}

func TestInFSIsReadOnly(t *testing.T) {
	f, err := newInFS([]runtime.File{{Path: "d/f", Host: "/dev/null"}}, &clock{}, &descriptors{}, func(v verdict) { panic(v) })
	require.NoError(t, err)
	open := func(path string, flag experimentalsys.Oflag) experimentalsys.Errno {
		_, errno := f.OpenFile(path, flag, 0)
		return errno
	}
	for what, c := range map[string]struct{ got, want experimentalsys.Errno }{
		"create":        {open("x", create), experimentalsys.EROFS},
		"truncate":      {open("d/f", experimentalsys.O_RDONLY|experimentalsys.O_TRUNC), experimentalsys.EROFS},
		"write":         {open("d/f", experimentalsys.O_WRONLY), experimentalsys.EROFS},
		"append":        {open("d/f", experimentalsys.O_RDWR|experimentalsys.O_APPEND), experimentalsys.EROFS},
		"directory":     {open("d", experimentalsys.O_RDWR), experimentalsys.EISDIR},
		"not directory": {open("d/f", experimentalsys.O_DIRECTORY), experimentalsys.ENOTDIR},
		"exclusive":     {open("d/f", create|experimentalsys.O_EXCL), experimentalsys.EEXIST},
		"dot dot":       {open("d/../d/f", readOnly), experimentalsys.EPERM},
		"mkdir":         {f.Mkdir("x", 0), experimentalsys.EROFS},
		"mkdir again":   {f.Mkdir("d", 0), experimentalsys.EEXIST},
		"unlink":        {f.Unlink("d/f"), experimentalsys.EROFS},
		"rmdir":         {f.Rmdir("d"), experimentalsys.EROFS},
		"rename":        {f.Rename("d/f", "g"), experimentalsys.EROFS},
		"utimens":       {f.Utimens("d/f", 0, 0), experimentalsys.EROFS},
		"hard link":     {f.Link("d/f", "g"), experimentalsys.EPERM},
		"symbolic link": {f.Symlink("d/f", "g"), experimentalsys.EPERM},
	} {
		require.Equal(t, c.want, c.got, what)
	}
	// A device in the place of an input is the worker's fault, and never read.
	require.Panics(t, func() { open("d/f", readOnly) })
}

func TestConfig(t *testing.T) {
	for says, c := range map[string]Config{
		"ChildArgs is empty":   {},
		"not an absolute path": {ChildArgs: []string{"x"}, CacheDir: "cache"},
		"is negative":          {ChildArgs: []string{"x"}, CacheBytes: -1},
	} {
		_, err := c.withDefaults()
		require.ErrorContains(t, err, says)
	}
}
