package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// entry is a member of an archive that a test makes by hand.
type entry struct {
	name, link string
	typ        byte
	content    []byte
}

func tarOf(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Linkname: e.link, Typeflag: e.typ, Size: int64(len(e.content)), Mode: 0o644}
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		require.NoError(t, w.WriteHeader(h))
		_, err := w.Write(e.content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func zipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(b)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func configOf(diffIDs ...string) string {
	ids, _ := json.Marshal(diffIDs)
	return fmt.Sprintf(`{"architecture":%q,"os":"linux","config":{"Entrypoint":["/x"],"Labels":{"A":"1","a":"2"}},"rootfs":{"type":"layers","diff_ids":%s}}`, DefaultLimits().Architecture, ids)
}

// parts is an archive before it is put together; a test changes one part.
type parts struct {
	manifest, config string
	members          []entry
	omit             string
}

func (p parts) bytes(t testing.TB) []byte {
	all := append([]entry{{name: "c.json", content: []byte(p.config)}}, p.members...)
	all = append(all, entry{name: "manifest.json", content: []byte(p.manifest)})
	kept := all[:0]
	for _, e := range all {
		if e.name != p.omit {
			kept = append(kept, e)
		}
	}
	return tarOf(t, kept...)
}

func good(t testing.TB) (parts, []byte) {
	layer := tarOf(t, entry{name: "x", content: []byte("program")})
	return parts{
		manifest: `[{"Config":"c.json","RepoTags":["debian:12"],"Layers":["l/layer.tar"]}]`,
		config:   configOf(digest(layer)),
		members:  []entry{{name: "l/layer.tar", content: layer}},
	}, layer
}

func TestReadRefuses(t *testing.T) {
	_, layer := good(t)
	bomb := tarOf(t, entry{name: "zeros", content: make([]byte, 4<<20)})
	end := make([]byte, 1024)
	sparseLayer := append(gnuSparse("hole", 1<<40), end...)
	paxLayer := append(paxSparse("hole", 1<<40), end...)
	second := tarOf(t, entry{name: "hidden", content: []byte("x")})
	for _, c := range []struct {
		name   string
		change func(*parts)
		raw    func([]byte) []byte
		limits Limits
		want   error
		words  string
	}{
		{name: "an empty file", raw: func([]byte) []byte { return nil }, want: ErrFormat, words: "is empty"},
		{name: "no tar", raw: func([]byte) []byte { return bytes.Repeat([]byte("hello "), 500) }, want: ErrFormat, words: "docker save NAME"},
		{name: "a truncated archive", raw: func(b []byte) []byte { return b[:len(b)-3000] }, want: ErrFormat, words: "docker save NAME"},
		{name: "an archive gzipped as a whole", raw: func(b []byte) []byte { return zipped(t, b) }, want: ErrFormat, words: "unpack it first"},
		{name: "no manifest", change: func(p *parts) { p.omit = "manifest.json" }, want: ErrFormat, words: "docker export"},
		{name: "no images", change: func(p *parts) { p.manifest = `[]` }, want: ErrImages, words: "holds 0 images"},
		{name: "two images", change: func(p *parts) { p.manifest = "[" + p.manifest[1:len(p.manifest)-1] + "," + p.manifest[1:] }, want: ErrImages, words: "holds 2 images, expected one"},
		{name: "a manifest that is no list", change: func(p *parts) { p.manifest = `{}` }, want: ErrFormat},
		{name: "a manifest with a key twice", change: func(p *parts) {
			p.manifest = `[{"Config":"c.json","config":"d.json","Layers":["l/layer.tar"]}]`
		}, want: ErrFormat, words: "stands twice"},
		{name: "a second manifest text", change: func(p *parts) { p.manifest += p.manifest }, want: ErrFormat, words: "behind the end"},
		{name: "a second manifest member", change: func(p *parts) { p.members = append(p.members, entry{name: "./manifest.json", content: []byte("[]")}) }, want: ErrFormat, words: "twice"},
		{name: "a huge manifest", change: func(p *parts) { p.manifest += strings.Repeat(" ", 2<<20) }, want: ErrLimit},
		{name: "no configuration", change: func(p *parts) { p.omit = "c.json" }, want: ErrConfig, words: `"c.json" is not in the archive`},
		{name: "a configuration outside", change: func(p *parts) {
			p.manifest = `[{"Config":"../../etc/passwd","Layers":["l/layer.tar"]}]`
		}, want: ErrConfig},
		{name: "a configuration that is no JSON", change: func(p *parts) { p.config = `{` }, want: ErrConfig},
		{name: "a configuration with a key twice", change: func(p *parts) {
			p.config = strings.Replace(p.config, `"os"`, `"rootfs":{"type":"layers","diff_ids":[]},"os"`, 1)
		}, want: ErrConfig, words: "stands twice"},
		{name: "a configuration with a key in two cases", change: func(p *parts) {
			p.config = strings.Replace(p.config, `"Entrypoint"`, `"entrypoint":["/y"],"Entrypoint"`, 1)
		}, want: ErrConfig, words: "stands twice"},
		{name: "a deep configuration", change: func(p *parts) {
			p.config = strings.Replace(p.config, `"os"`, `"x":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)+`,"os"`, 1)
		}, want: ErrConfig, words: "nested"},
		{name: "a huge configuration", change: func(p *parts) { p.config += strings.Repeat(" ", 2<<20) }, want: ErrLimit},
		{name: "another processor", limits: Limits{Architecture: "riscv64"}, want: ErrPlatform, words: "--platform linux/riscv64"},
		{name: "another system", change: func(p *parts) { p.config = strings.Replace(p.config, "linux", "windows", 1) }, want: ErrPlatform},
		{name: "a file system in base and layers", change: func(p *parts) { p.config = strings.Replace(p.config, `"layers"`, `"layers+base"`, 1) }, want: ErrConfig},
		{name: "a digest of another kind", change: func(p *parts) { p.config = strings.Replace(p.config, "sha256:", "sha512:", 1) }, want: ErrConfig},
		{name: "no layer", change: func(p *parts) { p.omit = "l/layer.tar" }, want: ErrLayer, words: `"l/layer.tar" is not in the archive`},
		{name: "a layer that is a directory", change: func(p *parts) { p.members = []entry{{name: "l/layer.tar/", typ: tar.TypeDir}} }, want: ErrLayer},
		{name: "a layer that is a device", change: func(p *parts) { p.members = []entry{{name: "l/layer.tar", typ: tar.TypeChar}} }, want: ErrLayer, words: "no regular file"},
		{name: "a layer that links outside", change: func(p *parts) { p.members = []entry{{name: "l/layer.tar", typ: tar.TypeSymlink, link: "/etc/passwd"}} }, want: ErrLayer},
		{name: "a layer that links to itself", change: func(p *parts) { p.members = []entry{{name: "l/layer.tar", typ: tar.TypeSymlink, link: "layer.tar"}} }, want: ErrLayer, words: "links"},
		{name: "a layer that is a sparse member", change: func(p *parts) { p.omit = "l/layer.tar" },
			raw: func(b []byte) []byte { return append(gnuSparse("l/layer.tar", 1<<40), b...) }, want: ErrLayer, words: "no regular file"},
		{name: "a layer that is a sparse member of another format", change: func(p *parts) { p.omit = "l/layer.tar" },
			raw: func(b []byte) []byte { return append(paxSparse("l/layer.tar", 1<<40), b...) }, want: ErrLayer, words: "no regular file"},
		{name: "a layer of other content", change: func(p *parts) { p.members[0].content = bomb }, want: ErrLayer, words: "not what the configuration says"},
		{name: "a layer that is no tar", change: func(p *parts) { p.members[0].content = bytes.Repeat([]byte("junk"), 300) }, want: ErrLayer, words: "no tar stream"},
		{name: "a truncated layer", change: func(p *parts) { p.members[0].content = bomb[:2<<20] }, want: ErrLayer},
		{name: "a damaged gzip layer", change: func(p *parts) { p.members[0].content = zipped(t, layer)[:40] }, want: ErrLayer},
		{name: "a zstd layer", change: func(p *parts) { p.members[0].content = []byte{0x28, 0xb5, 0x2f, 0xfd, 0, 0} }, want: ErrLayer, words: "zstd"},
		{name: "a second tar behind the layer's end", change: func(p *parts) {
			both := append(append([]byte{}, layer...), second...)
			p.members[0].content, p.config = both, configOf(digest(both))
		}, want: ErrLayer, words: "behind the end"},
		{name: "fewer layers than digests", change: func(p *parts) { p.config = configOf(digest(layer), digest(layer)) }, want: ErrLayer},
		{name: "no layers at all", change: func(p *parts) {
			p.config, p.manifest = configOf(), `[{"Config":"c.json","Layers":[]}]`
		}, want: ErrLayer},
		{name: "a gzip bomb", limits: Limits{UnpackedBytes: 1 << 20}, change: func(p *parts) {
			p.members[0].content, p.config = zipped(t, bomb), configOf(digest(bomb))
		}, want: ErrLimit, words: "unpack to more than"},
		{name: "a gzip bomb behind the layer's end", limits: Limits{UnpackedBytes: 1 << 20}, change: func(p *parts) {
			long := append(append([]byte{}, layer...), make([]byte, 4<<20)...)
			p.members[0].content, p.config = zipped(t, long), configOf(digest(long))
		}, want: ErrLimit, words: "unpack to more than"},
		{name: "a sparse file of a terabyte", change: func(p *parts) {
			p.members[0].content, p.config = sparseLayer, configOf(digest(sparseLayer))
		}, want: ErrLimit, words: "unpack to more than"},
		{name: "a sparse file of a terabyte in another format", change: func(p *parts) {
			p.members[0].content, p.config = paxLayer, configOf(digest(paxLayer))
		}, want: ErrLimit, words: "unpack to more than"},
		{name: "too many files", limits: Limits{Entries: 99}, change: func(p *parts) {
			many := tarOf(t, make100()...)
			p.members[0].content, p.config = many, configOf(digest(many))
		}, want: ErrLimit, words: "more than 99 files"},
		{name: "a layer listed so often that the sum is too large", limits: Limits{UnpackedBytes: 10 << 20}, change: func(p *parts) {
			p.members[0].content = bomb
			p.manifest = strings.Replace(p.manifest, `"l/layer.tar"`, `"l/layer.tar","l/layer.tar","l/layer.tar"`, 1)
			p.config = configOf(digest(bomb), digest(bomb), digest(bomb))
		}, want: ErrLimit, words: "unpack to more than"},
		{name: "too many layers", limits: Limits{Layers: 2}, change: func(p *parts) {
			p.manifest = strings.Replace(p.manifest, `"l/layer.tar"`, `"l/layer.tar","l/layer.tar","l/layer.tar"`, 1)
			p.config = configOf(digest(layer), digest(layer), digest(layer))
		}, want: ErrLimit, words: "fewer steps"},
		{name: "too many members", change: func(p *parts) {
			for i := range maxMembers {
				p.members = append(p.members, entry{name: fmt.Sprint(i)})
			}
		}, want: ErrLimit, words: "members"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _ := good(t)
			if c.change != nil {
				c.change(&p)
			}
			b := p.bytes(t)
			if c.raw != nil {
				b = c.raw(b)
			}
			a, err := read(b, c.limits)
			require.ErrorIs(t, err, c.want)
			require.ErrorIs(t, err, ErrInvalid)
			require.ErrorContains(t, err, c.words)
			require.Nil(t, a)
		})
	}
}

func make100() []entry {
	out := make([]entry, 100)
	for i := range out {
		out[i] = entry{name: fmt.Sprint("f", i), typ: tar.TypeDir}
	}
	return out
}

// rawHeader is a header block that archive/tar's writer would refuse to write.
func rawHeader(name string, typ byte, size int, change func([]byte)) []byte {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	copy(h[124:], fmt.Sprintf("%011o\x0000000000000\x00        ", size))
	h[156] = typ
	copy(h[257:], "ustar  \x00")
	if change != nil {
		change(h)
	}
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
	return h
}

// gnuSparse is a tar, without its end, with one file of size bytes that are all
// a hole: one block in the stream.
func gnuSparse(name string, size int64) []byte {
	base256 := func(at []byte, v int64) {
		at[0] = 0x80
		for i := 11; i > 3; i-- {
			at[i] = byte(v)
			v >>= 8
		}
	}
	return rawHeader(name, tar.TypeGNUSparse, 0, func(h []byte) {
		base256(h[386:398], size) // one fragment of no bytes at the file's end
		copy(h[398:], "00000000000\x00")
		base256(h[483:495], size)
	})
}

// paxSparse is the same in the format of POSIX 2001.
func paxSparse(name string, size int64) []byte {
	var records string
	for _, r := range []string{"GNU.sparse.major=0", "GNU.sparse.minor=1", "GNU.sparse.name=" + name, fmt.Sprint("GNU.sparse.size=", size),
		"GNU.sparse.numblocks=1", fmt.Sprintf("GNU.sparse.map=%d,0", size)} {
		records += fmt.Sprintf("%d %s\n", len(r)+4, r) // lengths from 10 to 99
	}
	out := rawHeader("p", tar.TypeXHeader, len(records), func(h []byte) { copy(h[257:], "ustar\x0000") })
	out = append(out, records...)
	out = append(out, make([]byte, 512-len(records)%512)...)
	return append(out, rawHeader(name, tar.TypeReg, 0, func(h []byte) { copy(h[257:], "ustar\x0000") })...)
}

// An archive that cannot be read is not the customer's fault.
func TestReadPassesOnFaultsOfTheReader(t *testing.T) {
	p, _ := good(t)
	b := p.bytes(t)
	broken := errors.New("the disk is broken")
	// Fail at each block in turn: wherever the reader breaks, nobody is blamed.
	for at := 0; at < len(b)-1024; at += 512 {
		_, err := Read(context.Background(), failing{bytes.NewReader(b), int64(at), broken}, int64(len(b)), Limits{})
		require.ErrorIs(t, err, broken, at)
		require.NotErrorIs(t, err, ErrInvalid, at)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Read(ctx, bytes.NewReader(b), int64(len(b)), Limits{})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrInvalid)
}

type failing struct {
	r   io.ReaderAt
	at  int64
	err error
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.at && off < f.at+512 {
		return 0, f.err
	}
	return f.r.ReadAt(p, off)
}
