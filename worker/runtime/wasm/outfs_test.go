package wasm

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"pgregory.net/rapid"

	"github.com/edgematrix/emc/worker/runtime"
)

const (
	readOnly  = experimentalsys.O_RDONLY
	readWrite = experimentalsys.O_RDWR
	create    = experimentalsys.O_RDWR | experimentalsys.O_CREAT
	truncate  = experimentalsys.O_RDWR | experimentalsys.O_CREAT | experimentalsys.O_TRUNC
)

// newTestFS is an outFS whose verdicts are panics.
func newTestFS(t interface {
	require.TestingT
	Cleanup(func())
}, maxBytes int64, maxNodes int) (*outFS, string) {
	dir, err := os.MkdirTemp("", "emc-outfs-*")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { root.Close() })
	abort := func(v verdict) { panic(v) }
	limits := runtime.Limits{OutputBytes: maxBytes, OutputFiles: maxNodes}
	return newOutFS(root, limits, &clock{}, &descriptors{}, abort), dir
}

func mustOpen(t require.TestingT, f *outFS, path string, flag experimentalsys.Oflag) experimentalsys.File {
	file, errno := f.OpenFile(path, flag, 0)
	require.Zero(t, errno, path)
	return file
}

func requireVerdict(t *testing.T, reason runtime.Reason, f func()) {
	t.Helper()
	defer func() {
		v, ok := recover().(verdict)
		require.True(t, ok, "there was no verdict")
		require.Equal(t, reason, v.reason, v)
	}()
	f()
}

func TestQuotaIsChargedBeforeTheWrite(t *testing.T) {
	for name, act := range map[string]func(file experimentalsys.File){
		"write":                 func(f experimentalsys.File) { f.Write(make([]byte, 101)) },
		"hole":                  func(f experimentalsys.File) { f.Pwrite([]byte("x"), 100) },
		"seek past the end":     func(f experimentalsys.File) { f.Seek(100, 2); f.Write([]byte("x")) },
		"truncate up":           func(f experimentalsys.File) { f.Truncate(101) },
		"truncate very far":     func(f experimentalsys.File) { f.Truncate(math.MaxInt64) },
		"write at the very end": func(f experimentalsys.File) { f.Pwrite([]byte("x"), math.MaxInt64-1) },
	} {
		t.Run(name, func(t *testing.T) {
			f, dir := newTestFS(t, 100, 10)
			file := mustOpen(t, f, "a", create)
			requireVerdict(t, runtime.ReasonOutput, func() { act(file) })
			st, err := os.Stat(filepath.Join(dir, "a"))
			require.NoError(t, err)
			require.Zero(t, st.Size(), "the host's file grew before the quota was asked")
		})
	}
	f, _ := newTestFS(t, 100, 10)
	file := mustOpen(t, f, "a", create)
	for _, off := range []int64{-1, math.MinInt64, math.MaxInt64} {
		_, errno := file.Pwrite([]byte("xy"), off)
		require.Equal(t, experimentalsys.EINVAL, errno)
	}
	require.Equal(t, experimentalsys.EINVAL, file.Truncate(-1))
	_, errno := file.Seek(-1, 0)
	require.Equal(t, experimentalsys.EINVAL, errno)
}

func TestQuotaComesBack(t *testing.T) {
	f, _ := newTestFS(t, 100, 2)
	write := func(path string, flag experimentalsys.Oflag, size int) experimentalsys.File {
		file := mustOpen(t, f, path, flag)
		n, errno := file.Write(make([]byte, size))
		require.Zero(t, errno)
		require.Equal(t, size, n)
		return file
	}
	write("a", create, 100).Close()
	write("a", create, 100).Close() // over the old bytes
	write("a", truncate, 100).Close()
	held := mustOpen(t, f, "a", readWrite)
	require.Zero(t, held.Truncate(10))
	write("b", create, 90).Close()
	require.Zero(t, f.Rename("b", "a"))
	require.EqualValues(t, 100, f.quota.bytes, "the old a is still open")
	require.Equal(t, 2, f.quota.nodes)
	require.Zero(t, held.Close())
	require.EqualValues(t, 90, f.quota.bytes)
	require.Equal(t, 1, f.quota.nodes)

	require.Zero(t, f.Unlink("a"))
	require.Zero(t, f.Mkdir("d", 0))
	require.Zero(t, f.Mkdir("e", 0))
	require.Zero(t, f.Rename("d", "e"), "over an empty directory")
	require.Equal(t, 1, f.quota.nodes)
}

func TestUnlinkedBytesCountWhileOpen(t *testing.T) {
	f, _ := newTestFS(t, 100, 1)
	file := mustOpen(t, f, "a", create)
	_, errno := file.Write(make([]byte, 60))
	require.Zero(t, errno)
	require.Zero(t, f.Unlink("a"))
	_, errno = file.Write(make([]byte, 40)) // it is still there
	require.Zero(t, errno)
	requireVerdict(t, runtime.ReasonOutput, func() { file.Write([]byte("x")) })
	requireVerdict(t, runtime.ReasonOutput, func() { f.OpenFile("b", create, 0) })
	require.Zero(t, file.Close())
	require.Zero(t, file.Close(), "a second close gives nothing back")
	require.Zero(t, f.quota.bytes)
	require.Zero(t, f.quota.nodes)
}

func TestOutFSErrors(t *testing.T) {
	f, _ := newTestFS(t, 1000, 100)
	require.Zero(t, f.Mkdir("d", 0))
	require.Zero(t, f.Mkdir("d/e", 0))
	mustOpen(t, f, "f", create).Close()
	mustOpen(t, f, "d/g", create).Close()
	open := func(path string, flag experimentalsys.Oflag) experimentalsys.Errno {
		_, errno := f.OpenFile(path, flag, 0)
		return errno
	}
	for what, c := range map[string]struct{ got, want experimentalsys.Errno }{
		"absent":                   {open("x", readOnly), experimentalsys.ENOENT},
		"absent parent":            {open("x/y", create), experimentalsys.ENOENT},
		"file as a parent":         {open("f/y", create), experimentalsys.ENOTDIR},
		"file as a directory":      {open("f/", readOnly), experimentalsys.ENOTDIR},
		"O_DIRECTORY on a file":    {open("f", experimentalsys.O_DIRECTORY), experimentalsys.ENOTDIR},
		"directory for writing":    {open("d", readWrite), experimentalsys.EISDIR},
		"new file with a slash":    {open("n/", create), experimentalsys.EISDIR},
		"exclusive":                {open("f", create|experimentalsys.O_EXCL), experimentalsys.EEXIST},
		"dot dot":                  {open("d/../f", readOnly), experimentalsys.EPERM},
		"new dot dot":              {open("..", create), experimentalsys.EPERM},
		"mkdir existing":           {f.Mkdir("f", 0), experimentalsys.EEXIST},
		"mkdir root":               {f.Mkdir(".", 0), experimentalsys.EEXIST},
		"unlink directory":         {f.Unlink("d"), experimentalsys.EISDIR},
		"rmdir file":               {f.Rmdir("f"), experimentalsys.ENOTDIR},
		"rmdir root":               {f.Rmdir("."), experimentalsys.EINVAL},
		"rmdir full":               {f.Rmdir("d"), experimentalsys.ENOTEMPTY},
		"rename root":              {f.Rename(".", "d/r"), experimentalsys.EINVAL},
		"rename onto root":         {f.Rename("f", "."), experimentalsys.EINVAL},
		"rename into itself":       {f.Rename("d", "d/e/d"), experimentalsys.EINVAL},
		"rename over its parent":   {f.Rename("d/e", "d"), experimentalsys.ENOTEMPTY},
		"rename file to directory": {f.Rename("f", "d"), experimentalsys.EISDIR},
		"rename directory to file": {f.Rename("d", "f"), experimentalsys.ENOTDIR},
		"rename file to slash":     {f.Rename("f", "n/"), experimentalsys.ENOTDIR},
		"rename out":               {f.Rename("f", "../f"), experimentalsys.EPERM},
		"hard link":                {f.Link("f", "l"), experimentalsys.EPERM},
		"symbolic link":            {f.Symlink("f", "l"), experimentalsys.EPERM},
		"long name":                {f.Mkdir(strings.Repeat("n", 256), 0), experimentalsys.ENAMETOOLONG},
		"control character":        {f.Mkdir("a\x00b", 0), experimentalsys.EINVAL},
		"rename to a bad name":     {f.Rename("f", "a\nb"), experimentalsys.EINVAL},
		"chmod":                    {f.Chmod("f", 0o777), experimentalsys.ENOSYS},
	} {
		require.Equal(t, c.want, c.got, what)
	}
	_, errno := f.Readlink("f")
	require.Equal(t, experimentalsys.EINVAL, errno)

	file := mustOpen(t, f, "f", readOnly)
	_, errno = file.Write([]byte("x"))
	require.Equal(t, experimentalsys.EBADF, errno)
	require.Equal(t, experimentalsys.EBADF, file.Truncate(0))
	writer := mustOpen(t, f, "f", experimentalsys.O_WRONLY)
	_, errno = writer.Read(make([]byte, 1))
	require.Equal(t, experimentalsys.EBADF, errno)
	require.Zero(t, writer.Close())
	_, errno = writer.Write([]byte("x"))
	require.Equal(t, experimentalsys.EBADF, errno)
}

// TestRenameKeepsDepthBounded moves a deep directory below another deep one.
func TestRenameKeepsDepthBounded(t *testing.T) {
	f, _ := newTestFS(t, 0, 100)
	for _, top := range []string{"a", "b"} {
		path := top
		for range runtime.MaxPathElements/2 + 1 {
			require.Zero(t, f.Mkdir(path, 0))
			path += "/" + top
		}
	}
	require.Equal(t, experimentalsys.EINVAL, f.Rename("b", strings.Repeat("a/", runtime.MaxPathElements/2)+"b"))
	require.Zero(t, f.Rename("b", "a/b"))
}

// TestDiskFaultIsTheWorkersFault takes the host's files away under the program.
func TestDiskFaultIsTheWorkersFault(t *testing.T) {
	for name, act := range map[string]func(f *outFS, file *outFile){
		"write":    func(_ *outFS, file *outFile) { file.Write([]byte("x")) },
		"truncate": func(_ *outFS, file *outFile) { file.Truncate(5) },
		"close":    func(_ *outFS, file *outFile) { file.Close() },
		"open":     func(f *outFS, _ *outFile) { f.OpenFile("gone", readOnly, 0) },
		"unlink":   func(f *outFS, _ *outFile) { f.Unlink("gone") },
		"rename":   func(f *outFS, _ *outFile) { f.Rename("gone", "b") },
		"create":   func(f *outFS, _ *outFile) { f.OpenFile("there", create, 0) },
		"mkdir":    func(f *outFS, _ *outFile) { f.Mkdir("there", 0) },
	} {
		t.Run(name, func(t *testing.T) {
			f, dir := newTestFS(t, 100, 10)
			mustOpen(t, f, "gone", create).Close()
			file := mustOpen(t, f, "a", create).(*outFile)
			require.NoError(t, file.file.Close())
			require.NoError(t, os.Remove(filepath.Join(dir, "gone")))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "there"), nil, 0o600))
			requireVerdict(t, runtime.ReasonInternal, func() { act(f, file) })
		})
	}
}

func TestAppend(t *testing.T) {
	f, dir := newTestFS(t, 100, 10)
	file := mustOpen(t, f, "a", create|experimentalsys.O_APPEND)
	require.True(t, file.IsAppend())
	other := mustOpen(t, f, "a", readWrite)
	for _, w := range []experimentalsys.File{file, other, file} {
		_, errno := w.Write([]byte("12"))
		require.Zero(t, errno)
	}
	content, err := os.ReadFile(filepath.Join(dir, "a"))
	require.NoError(t, err)
	require.Equal(t, "1212", string(content))
}

// TestQuotaMatchesTheHost plays random programs and compares the books with
// what lies on the host after every step.
func TestQuotaMatchesTheHost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const maxBytes, maxNodes = 400, 12
		f, dir := newTestFS(t, maxBytes, maxNodes)
		var open []*outFile
		var aborted bool
		names := []string{"a", "b", "c", "a/x", "a/y", "b/x", "a/x/deep", "c/"}
		name := rapid.SampledFrom(names)
		size := rapid.Int64Range(0, 200)
		guarded := func(act func()) {
			defer func() {
				if r := recover(); r != nil {
					v, ok := r.(verdict)
					if !ok || v.reason != runtime.ReasonOutput {
						panic(r)
					}
					aborted = true
				}
			}()
			act()
		}
		onOpen := func(act func(o *outFile)) func(*rapid.T) {
			return func(t *rapid.T) {
				if len(open) == 0 {
					t.Skip("nothing is open")
				}
				o := open[rapid.IntRange(0, len(open)-1).Draw(t, "file")]
				guarded(func() { act(o) })
			}
		}
		actions := map[string]func(*rapid.T){
			"open": func(t *rapid.T) {
				flag := rapid.SampledFrom([]experimentalsys.Oflag{readOnly, readWrite, create, truncate, create | experimentalsys.O_APPEND, create | experimentalsys.O_EXCL}).Draw(t, "flag")
				path := name.Draw(t, "path")
				guarded(func() {
					if file, errno := f.OpenFile(path, flag, 0); errno == 0 {
						if o, ok := file.(*outFile); ok {
							open = append(open, o)
						} else {
							file.Close()
						}
					}
				})
			},
			"mkdir":  func(t *rapid.T) { p := name.Draw(t, "path"); guarded(func() { f.Mkdir(p, 0) }) },
			"rmdir":  func(t *rapid.T) { f.Rmdir(name.Draw(t, "path")) },
			"unlink": func(t *rapid.T) { f.Unlink(name.Draw(t, "path")) },
			"rename": func(t *rapid.T) { f.Rename(name.Draw(t, "from"), name.Draw(t, "to")) },
			"write":  func(t *rapid.T) { n := size.Draw(t, "size"); onOpen(func(o *outFile) { o.Write(make([]byte, n)) })(t) },
			"pwrite": func(t *rapid.T) {
				n, off := size.Draw(t, "size"), size.Draw(t, "offset")
				onOpen(func(o *outFile) { o.Pwrite(make([]byte, n), off) })(t)
			},
			"truncate": func(t *rapid.T) { n := size.Draw(t, "size"); onOpen(func(o *outFile) { o.Truncate(n) })(t) },
			"seek":     func(t *rapid.T) { n := size.Draw(t, "size"); onOpen(func(o *outFile) { o.Seek(n, 0) })(t) },
			"close":    onOpen(func(o *outFile) { o.Close() }),
			"": func(t *rapid.T) {
				if aborted {
					return // the program is dead
				}
				bytes, nodes := hostUsage(t, dir)
				for seen, i := map[*node]bool{}, 0; i < len(open); i++ {
					if n := open[i].node; n.parent == nil && n.opens > 0 && !seen[n] { // unlinked, but held
						seen[n] = true
						bytes += n.size
						nodes++
					}
				}
				if bytes != f.quota.bytes || nodes != f.quota.nodes {
					t.Fatalf("the books say %d bytes in %d nodes, the host holds %d in %d", f.quota.bytes, f.quota.nodes, bytes, nodes)
				}
				if bytes > maxBytes || nodes > maxNodes {
					t.Fatalf("past the limit: %d bytes in %d nodes", bytes, nodes)
				}
			},
		}
		for name, act := range actions {
			if name != "" {
				actions[name] = func(t *rapid.T) {
					if !aborted {
						act(t)
					}
				}
			}
		}
		t.Repeat(actions)
	})
}

func hostUsage(t *rapid.T, dir string) (bytes int64, nodes int) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		nodes++
		st, err := d.Info()
		if err == nil && st.Mode().IsRegular() {
			bytes += st.Size()
		} else if err == nil && !st.IsDir() {
			err = fmt.Errorf("%s is a %v", path, st.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes, nodes
}
