//go:build linux

package docker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/image"
	"github.com/edgematrix/emc/worker/runtime"
)

// sized packs an image of the guest with some bytes more.
func sized(t *testing.T, name string, size int) *run {
	t.Helper()
	_, err := shared.archive()
	require.NoError(t, err)
	program, err := os.ReadFile(filepath.Join(shared.dir, "guest"))
	require.NoError(t, err)
	archive, err := packFiles(shared.dir, image.Config{Entrypoint: []string{"/guest", "hello"}}, []image.File{
		{Path: "guest", Mode: 0o755, Content: program},
		unique(),
		{Path: "data", Mode: 0o644, Content: bytes.Repeat([]byte(name), size/len(name))},
	})
	require.NoError(t, err)
	return runOf(t, archive)
}

func has(t *testing.T, rt *Runtime, ref string) bool {
	t.Helper()
	_, err := rt.engine.api.ImageInspect(t.Context(), ref)
	if !cerrdefs.IsNotFound(err) {
		require.NoError(t, err)
	}
	return err == nil
}

// TestImagesAreCached removes the least recently used of our own images, and
// never one that was there before.
func TestImagesAreCached(t *testing.T) {
	rt := newTestRuntime(t, nil)
	clock := time.Now()
	rt.images.now = func() time.Time { clock = clock.Add(time.Second); return clock }
	a, b, c, own := sized(t, "a", 8<<20), sized(t, "b", 8<<20), sized(t, "c", 12<<20), sized(t, "o", 8<<20)
	guest, err := os.Stat(filepath.Join(shared.dir, "guest"))
	require.NoError(t, err)
	rt.images.limit = 2*guest.Size() + 22<<20 // two of the three
	ref := func(r *run) string { return "emc-app:" + r.ArtifactSHA256 }

	// The operator's own image, which a customer brings too.
	other := newTestRuntime(t, nil)
	require.NoError(t, other.Prepare(t.Context(), own.Artifact, own.ArtifactSHA256))
	operators := "operators-own:" + string(newRunID())
	_, err = rt.engine.api.ImageTag(t.Context(), client.ImageTagOptions{Source: ref(own), Target: operators})
	require.NoError(t, err)
	t.Cleanup(func() {
		_, err := rt.engine.api.ImageRemove(context.Background(), operators, client.ImageRemoveOptions{})
		require.NoError(t, gone(err))
	})

	prepare := func(r *run) {
		require.NoError(t, rt.Prepare(t.Context(), r.Artifact, r.ArtifactSHA256))
	}
	prepare(own)
	prepare(a)
	prepare(b)
	require.True(t, has(t, rt, ref(a)))
	prepare(a) // now b is the older one
	prepare(c)
	require.True(t, has(t, rt, ref(a)), "used lately")
	require.False(t, has(t, rt, ref(b)), "the least recently used stays")
	require.True(t, has(t, rt, ref(c)))
	require.True(t, has(t, rt, operators), "the operator's image is gone")
	require.True(t, has(t, rt, ref(own)))
	list, err := readImageList(rt.config.StateDir)
	require.NoError(t, err)
	require.Len(t, list.records, 3)

	// One that was removed comes back when it is asked for.
	b.rt = rt
	requireExit(t, b, b.do(t), 0)
	_, err = rt.engine.api.ImageRemove(t.Context(), ref(b), client.ImageRemoveOptions{PruneChildren: true})
	require.NoError(t, err, "an operator's docker image prune")
	b.OutputDir = filepath.Join(t.TempDir(), "out")
	requireExit(t, b, b.do(t), 0)
}

func TestDamagedImageList(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, imageListName), []byte("{"), 0o600))
	l, err := readImageList(dir)
	require.ErrorContains(t, err, "damaged")
	require.NoError(t, l.put(imageRecord{Key: "k", ID: "i", Bytes: 3}))
	l, err = readImageList(dir)
	require.NoError(t, err)
	require.Len(t, l.records, 1)
}

func TestOldestImages(t *testing.T) {
	at := func(n int) time.Time { return time.Unix(int64(n), 0) }
	l := imageList{records: []imageRecord{
		{Key: "new", ID: "1", Bytes: 10, Used: at(9)},
		{Key: "old", ID: "2", Bytes: 10, Used: at(1)},
		{Key: "busy", ID: "3", Bytes: 10, Used: at(0)},
		{Key: "foreign", ID: "4", Bytes: 1000, Used: at(0), Foreign: true},
		{Key: "middle", ID: "5", Bytes: 10, Used: at(5)},
	}}
	keys := func(limit int64) (list []string) {
		for _, r := range l.oldest(limit, func(key string) bool { return key == "busy" }) {
			list = append(list, r.Key)
		}
		return list
	}
	require.Empty(t, keys(40))
	require.Equal(t, []string{"old"}, keys(39))
	require.Equal(t, []string{"old", "middle"}, keys(25))
	require.Equal(t, []string{"old", "middle", "new"}, keys(0))
}

// registry serves one image as a registry does.
func registry(t *testing.T, archive string, pulls *atomic.Int32) (repository, sum string) {
	t.Helper()
	f, err := os.Open(archive)
	require.NoError(t, err)
	defer f.Close()
	st, err := f.Stat()
	require.NoError(t, err)
	_, err = image.Read(t.Context(), f, st.Size(), image.Limits{})
	require.NoError(t, err)
	config, layers := unpack(t, archive)
	blobs := map[string][]byte{}
	describe := func(mediaType string, b []byte) map[string]any {
		sum := sha256.Sum256(b)
		d := "sha256:" + hex.EncodeToString(sum[:])
		blobs[d] = b
		return map[string]any{"mediaType": mediaType, "size": len(b), "digest": d}
	}
	const v2 = "application/vnd.docker.distribution.manifest.v2+json"
	list := []any{}
	for _, l := range layers {
		list = append(list, describe("application/vnd.docker.image.rootfs.diff.tar", l))
	}
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": v2,
		"config": describe("application/vnd.docker.container.image.v1+json", config), "layers": list,
	})
	require.NoError(t, err)
	manifestDigest := digest(manifest)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, name, _ := strings.Cut(r.URL.Path, "/v2/")
		switch name {
		case "":
			w.WriteHeader(http.StatusOK)
		case "apps/guest/manifests/sha256:" + manifestDigest:
			pulls.Add(1)
			w.Header().Set("Content-Type", v2)
			w.Header().Set("Docker-Content-Digest", "sha256:"+manifestDigest)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(manifest))
		default:
			_, blob, _ := strings.Cut(name, "apps/guest/blobs/")
			content, ok := blobs[blob]
			if !ok {
				http.Error(w, `{"errors":[{"code":"MANIFEST_UNKNOWN"}]}`, http.StatusNotFound)
				return
			}
			w.Header().Set("Content-Type", "application/octet-stream")
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://") + "/apps/guest", manifestDigest
}

func TestPullByDigest(t *testing.T) {
	rt := newTestRuntime(t, nil)
	own := sized(t, "registry", 1<<10)
	var pulls atomic.Int32
	repository, sum := registry(t, own.Artifact, &pulls)
	r := own
	r.rt = rt
	r.Artifact, r.Image, r.ArtifactSHA256 = "", repository, sum
	requireExit(t, r, r.do(t), 0)
	t.Cleanup(func() {
		_, err := rt.engine.api.ImageRemove(context.Background(), repository+"@sha256:"+sum, client.ImageRemoveOptions{PruneChildren: true})
		require.NoError(t, gone(err))
	})
	require.Equal(t, "stdout [] \n", r.log.String())
	pulled := pulls.Load()
	require.Positive(t, pulled)
	r.OutputDir = filepath.Join(t.TempDir(), "out")
	requireExit(t, r, r.do(t), 0)
	require.Equal(t, pulled, pulls.Load(), "it is pulled again")

	// Another digest is another image, whatever the repository has.
	r.ArtifactSHA256, r.OutputDir = digest([]byte("another")), filepath.Join(t.TempDir(), "out")
	result := r.do(t)
	requireExit(t, r, result, runtime.CrashExitCode)
	require.Contains(t, result.Message, "cannot be pulled without credentials")
	for _, name := range []string{repository + ":latest", repository + "@sha256:" + sum, "UPPER", "a b"} {
		r.Image, r.OutputDir = name, filepath.Join(t.TempDir(), "out")
		result := r.do(t)
		requireExit(t, r, result, runtime.CrashExitCode)
		require.Contains(t, result.Message, "is not the name of an image")
	}
	require.ErrorContains(t, rt.PrepareImage(t.Context(), "UPPER", sum), "is not the name")
}

// unpack returns what an archive of pkg/image has in it.
func unpack(t *testing.T, archive string) (config []byte, layers [][]byte) {
	t.Helper()
	members := tarMembers(t, archive)
	var list []struct {
		Config string
		Layers []string
	}
	require.NoError(t, json.Unmarshal(members["manifest.json"], &list))
	for _, name := range list[0].Layers {
		layers = append(layers, members[name])
	}
	return members[list[0].Config], layers
}

// TestForeignTags: an archive under the name of the operator's image leaves that
// as it is.
func TestForeignTags(t *testing.T) {
	rt := newTestRuntime(t, nil)
	first := sized(t, "first", 1<<10)
	require.NoError(t, rt.Prepare(t.Context(), first.Artifact, first.ArtifactSHA256))
	require.False(t, has(t, rt, shared.tag), "the archive's own name reached the Engine")
	found, err := rt.engine.api.ImageInspect(t.Context(), "emc-app:"+first.ArtifactSHA256)
	require.NoError(t, err)
	require.Equal(t, []string{fmt.Sprintf("emc-app:%s", first.ArtifactSHA256)}, found.RepoTags)
}

// TestImageRemovedBeforeItsUse: an image that goes between two steps of a run is
// brought in again.
func TestImageRemovedBeforeItsUse(t *testing.T) {
	rt := newTestRuntime(t, nil)
	r := sized(t, "removed", 1<<10)
	r.rt = rt
	require.NoError(t, rt.Prepare(t.Context(), r.Artifact, r.ArtifactSHA256))
	removed := false
	rt.images.now = func() time.Time { // asked for after the image was found
		if !removed {
			removed = true
			_, err := rt.engine.api.ImageRemove(context.Background(), "emc-app:"+r.ArtifactSHA256, client.ImageRemoveOptions{PruneChildren: true})
			require.NoError(t, err)
		}
		return time.Now()
	}
	requireExit(t, r, r.do(t), 0)
	require.True(t, removed)
}
