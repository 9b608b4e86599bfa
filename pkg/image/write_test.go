package image

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func sample(t testing.TB) Image {
	t.Helper()
	layer, err := FileLayer([]File{
		{Path: "/bin/hello", Mode: 0o755, Content: []byte("not really a program")},
		{Path: "etc/motd", Mode: 0o644, Content: []byte("hello\n")},
		{Path: "bin/hi", Mode: fs.ModeSymlink, Link: "hello"},
		{Path: "srv", Mode: fs.ModeDir | 0o700},
	})
	require.NoError(t, err)
	return Image{
		Config: Config{Entrypoint: []string{"/bin/hello"}, Cmd: []string{"a"}, Env: []string{"A=b"}, WorkingDir: "/srv", User: "7:7", Volumes: []string{"/data", "/Data"}},
		Layers: []Layer{layer}, Tag: "sample:1",
	}
}

// archive writes m and returns the bytes and the id.
func archive(t testing.TB, m Image) ([]byte, string) {
	t.Helper()
	var b bytes.Buffer
	id, err := Write(&b, m)
	require.NoError(t, err)
	return b.Bytes(), id
}

func read(b []byte, l Limits) (*Archive, error) {
	return Read(context.Background(), bytes.NewReader(b), int64(len(b)), l)
}

func TestWriteIsReproducibleAndReadBack(t *testing.T) {
	m := sample(t)
	first, id := archive(t, m)
	second, again := archive(t, sample(t))
	require.Equal(t, first, second)
	require.Equal(t, id, again)

	a, err := read(first, Limits{})
	require.NoError(t, err)
	require.Equal(t, id, a.ID)
	want := DefaultLimits()
	require.Equal(t, Config{
		Architecture: want.Architecture, OS: "linux", Entrypoint: []string{"/bin/hello"}, Cmd: []string{"a"},
		Env: []string{"A=b"}, WorkingDir: "/srv", User: "7:7", Volumes: []string{"/Data", "/data"},
	}, a.Config)
	require.Positive(t, a.UnpackedBytes)
}

// The digest is written down so that a change of the format is noticed: apps
// that customers packed would get another id.
func TestWriteKeepsItsBytes(t *testing.T) {
	m := sample(t)
	m.Config.Architecture = "amd64"
	b, id := archive(t, m)
	sum := sha256.Sum256(b)
	require.Equal(t, goldenID, id)
	require.Equal(t, goldenArchive, hex.EncodeToString(sum[:]))
}

func TestTarLayerAndFileLayerAgree(t *testing.T) {
	m := sample(t)
	var b bytes.Buffer
	require.NoError(t, m.Layers[0].write(&b))
	file := filepath.Join(t.TempDir(), "layer.tar")
	require.NoError(t, os.WriteFile(file, b.Bytes(), 0o600))
	_, want := archive(t, m)
	m.Layers = []Layer{TarLayer(file)}
	_, got := archive(t, m)
	require.Equal(t, want, got)
}

func TestExecutable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(file, []byte("program"), 0o700))
	m, err := Executable(file, "/opt/x/program")
	require.NoError(t, err)
	b, _ := archive(t, m)
	a, err := read(b, Limits{})
	require.NoError(t, err)
	require.Equal(t, []string{"/opt/x/program"}, a.Config.Entrypoint)

	_, err = Executable(filepath.Join(t.TempDir(), "absent"), "/x")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func TestWriteRefuses(t *testing.T) {
	for name, files := range map[string][]File{
		"a path that leaves the root":  {{Path: "../x"}},
		"the root itself":              {{Path: "/"}},
		"a device":                     {{Path: "null", Mode: fs.ModeDevice}},
		"a file twice":                 {{Path: "a"}, {Path: "/a"}},
		"a file inside a file":         {{Path: "a"}, {Path: "a/b/c"}},
		"a file inside a link":         {{Path: "a", Mode: fs.ModeSymlink, Link: "/"}, {Path: "a/b"}},
		"a path that is not clean":     {{Path: "a//b"}},
		"a path with a slash too much": {{Path: "//a"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := FileLayer(files)
			require.Error(t, err)
		})
	}
	for _, tag := range []string{"noversion", "UPPER:1", "a:b:c", "a/../b:1", "a:", "-a:1", "a:1\n"} {
		m := sample(t)
		m.Tag = tag
		_, err := Write(&bytes.Buffer{}, m)
		require.ErrorContains(t, err, "NAME:TAG", tag)
	}
	_, err := Write(&bytes.Buffer{}, Image{})
	require.ErrorContains(t, err, "at least one layer")
}
