package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What different tools write is read: each archive here has the shape of one.
func TestReadShapes(t *testing.T) {
	_, layer := good(t)
	id := strings.TrimPrefix(digest(layer), "sha256:")
	other := tarOf(t, entry{name: "y", content: []byte("data")})
	config := configOf(digest(layer), digest(other), digest(layer))
	configID := strings.TrimPrefix(digest([]byte(config)), "sha256:")
	otherID := strings.TrimPrefix(digest(other), "sha256:")
	quoted := func(layers ...string) string {
		b, err := json.Marshal(layers)
		require.NoError(t, err)
		return string(b)
	}
	for name, entries := range map[string][]entry{
		"docker save of Engine 20.10, a repeated layer as a link": {
			{name: "aa/", typ: tar.TypeDir}, {name: "aa/VERSION", content: []byte("1.0")}, {name: "aa/json", content: []byte("{}")}, {name: "aa/layer.tar", content: layer},
			{name: "bb/", typ: tar.TypeDir}, {name: "bb/VERSION", content: []byte("1.0")}, {name: "bb/json", content: []byte("{}")}, {name: "bb/layer.tar", content: other},
			{name: "cc/", typ: tar.TypeDir}, {name: "cc/layer.tar", typ: tar.TypeSymlink, link: "../aa/layer.tar"},
			{name: configID + ".json", content: []byte(config)},
			{name: "manifest.json", content: []byte(`[{"Config":"` + configID + `.json","RepoTags":null,"Layers":["aa/layer.tar","bb/layer.tar","cc/layer.tar"]}]`)},
			{name: "repositories", content: []byte(`{"debian":{"12":"aa"}}`)},
		},
		"docker save of Engine 25, an OCI layout, layers compressed": {
			{name: "blobs/", typ: tar.TypeDir}, {name: "blobs/sha256/", typ: tar.TypeDir},
			{name: "blobs/sha256/" + configID, content: []byte(config)},
			{name: "blobs/sha256/1", content: zipped(t, layer)}, {name: "blobs/sha256/2", content: zipped(t, other)},
			{name: "index.json", content: []byte(`{"schemaVersion":2}`)}, {name: "oci-layout", content: []byte(`{}`)},
			{name: "manifest.json", content: []byte(`[{"Config":"blobs/sha256/` + configID + `","RepoTags":["a:b"],"Layers":` + quoted("blobs/sha256/1", "blobs/sha256/2", "blobs/sha256/1") +
				`,"LayerSources":{"sha256:1":{"mediaType":"x","urls":["http://192.0.2.1/"]}}}]`)},
		},
		"podman save": {
			{name: id + ".tar", content: layer}, {name: otherID + ".tar", content: other},
			{name: "dd/layer.tar", typ: tar.TypeSymlink, link: "../" + id + ".tar"},
			{name: configID + ".json", content: []byte(config)},
			{name: "manifest.json", content: []byte(`[{"Config":"` + configID + `.json","RepoTags":["localhost/a:latest"],"Layers":` + quoted(id+".tar", otherID+".tar", id+".tar") + `}]`)},
		},
		"repacked with tar -c ., a repeated layer as a hard link": {
			{name: "./", typ: tar.TypeDir}, {name: "./a.tar", content: layer}, {name: "./c.tar", typ: tar.TypeLink, link: "./a.tar"}, {name: "./b.tar", content: other},
			{name: "./config", content: []byte(config)},
			{name: "./manifest.json", content: []byte(`[{"Config":"config","Layers":["a.tar","b.tar","c.tar"]}]`)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := tarOf(t, entries...)
			a, err := read(b, Limits{})
			require.NoError(t, err)
			require.Equal(t, "sha256:"+configID, a.ID)
			require.EqualValues(t, 2*len(layer)+len(other), a.UnpackedBytes)

			var clean bytes.Buffer
			require.NoError(t, a.Clean(&clean, "emc-app:1"))
			again, err := read(clean.Bytes(), Limits{})
			require.NoError(t, err)
			require.Equal(t, a.ID, again.ID)
			require.Equal(t, a.Config, again.Config)
			// The same clean archive, whatever tool the original came from: nothing
			// of the original but the image is left.
			require.Equal(t, []string{id + ".tar", otherID + ".tar", configID + ".json", "manifest.json"}, names(t, clean.Bytes()))
			require.JSONEq(t, `[{"Config":"`+configID+`.json","RepoTags":["emc-app:1"],"Layers":`+quoted(id+".tar", otherID+".tar", id+".tar")+`}]`, content(t, clean.Bytes(), "manifest.json"))
		})
	}
}

func names(t *testing.T, b []byte) (out []string) {
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out
		}
		require.NoError(t, err)
		require.EqualValues(t, tar.TypeReg, h.Typeflag)
		out = append(out, h.Name)
	}
}

func content(t *testing.T, b []byte, name string) string {
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		require.NoError(t, err, name)
		if h.Name == name {
			all, err := io.ReadAll(r)
			require.NoError(t, err)
			return string(all)
		}
	}
}

// An archive that is swapped between the check and the use is not passed on as
// the one that was checked.
func TestCleanNoticesAChange(t *testing.T) {
	p, layer := good(t)
	b := p.bytes(t)
	a, err := read(b, Limits{})
	require.NoError(t, err)
	at := bytes.Index(b, layer)
	require.Positive(t, at)
	b[at+512] ^= 1
	require.ErrorContains(t, a.Clean(io.Discard, "emc-app:1"), "has changed")
}

func TestCleanRefusesABadTag(t *testing.T) {
	p, _ := good(t)
	a, err := read(p.bytes(t), Limits{})
	require.NoError(t, err)
	require.ErrorContains(t, a.Clean(io.Discard, "no-version"), "NAME:TAG")
}
