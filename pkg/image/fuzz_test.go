package image

import (
	"archive/tar"
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzRead: whatever the bytes are, Read ends with an archive or with
// ErrInvalid, and what Clean makes of an accepted archive is accepted again as
// the same image.
func FuzzRead(f *testing.F) {
	p, layer := good(f)
	f.Add(p.bytes(f))
	p.members[0].content = zipped(f, layer)
	f.Add(p.bytes(f))
	p.members = append(p.members, entry{name: "m/layer.tar", typ: tar.TypeSymlink, link: "../l/layer.tar"})
	f.Add(p.bytes(f))
	whole, _ := archive(f, sample(f))
	f.Add(whole)
	f.Add(gnuSparse("l/layer.tar", 1<<40))
	f.Add(paxSparse("l/layer.tar", 1<<40))
	limits := Limits{UnpackedBytes: 1 << 20, Entries: 1000, ConfigBytes: 64 << 10, Architecture: DefaultLimits().Architecture}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := read(b, limits)
		if err != nil {
			require.ErrorIs(t, err, ErrInvalid)
			return
		}
		var clean bytes.Buffer
		require.NoError(t, a.Clean(&clean, "emc-app:1"))
		again, err := read(clean.Bytes(), limits)
		require.NoError(t, err)
		require.Equal(t, a.ID, again.ID)
		require.Equal(t, a.Config, again.Config)
		require.Equal(t, a.UnpackedBytes, again.UnpackedBytes)
	})
}
