package docker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/moby/moby/client"

	"github.com/edgematrix/emc/pkg/image"
	"github.com/edgematrix/emc/worker/runtime"
)

// load brings a docker-archive into the Engine. What reaches the Engine is not
// the customer's archive but a clean one with the same image, under our name:
// his could overwrite the operator's images by theirs.
func (s *images) load(ctx context.Context, t runtime.Task) (imageRecord, error) {
	f, size, err := openArtifact(ctx, t)
	if err != nil {
		return imageRecord{}, err
	}
	defer f.Close()
	archive, err := image.Read(ctx, f, size, image.Limits{})
	if errors.Is(err, image.ErrInvalid) {
		return imageRecord{}, customerError{err.Error()}
	}
	if err != nil {
		return imageRecord{}, err
	}
	had, err := s.present(ctx, archive.ID)
	if err != nil {
		return imageRecord{}, err
	}
	ref := "emc-app:" + t.ArtifactSHA256
	id, err := s.send(ctx, archive, ref)
	if err != nil {
		return imageRecord{}, err
	}
	return imageRecord{ID: id, Ref: ref, Foreign: had, Bytes: archive.UnpackedBytes}, nil
}

// openArtifact opens the archive and checks its digest: between the caller's
// check and now it may have changed, and the cache is keyed by it.
func openArtifact(ctx context.Context, t runtime.Task) (*os.File, int64, error) {
	f, err := os.OpenFile(t.Artifact, os.O_RDONLY|openNoFollow, 0)
	if err != nil {
		return nil, 0, err
	}
	size, err := checkArtifact(ctx, f, t.ArtifactSHA256)
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, size, nil
}

func checkArtifact(ctx context.Context, f *os.File, want string) (int64, error) {
	st, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !st.Mode().IsRegular() {
		return 0, fmt.Errorf("expected a regular file, got %v", st.Mode())
	}
	sum := sha256.New()
	size, err := io.Copy(sum, contextReader{ctx, f})
	if err != nil {
		return 0, err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		return 0, fmt.Errorf("expected digest %s, got %s", want, got)
	}
	return size, nil
}

// send loads a verified archive under one name and returns the id that the
// Engine has for it, when what it has is what was sent.
func (s *images) send(ctx context.Context, archive *image.Archive, tag string) (string, error) {
	r, w := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := archive.Clean(w, tag)
		w.CloseWithError(err)
		written <- err
	}()
	reply, err := s.engine.api.ImageLoad(ctx, r, client.ImageLoadWithQuiet(true))
	if err == nil {
		err = errors.Join(readProgress(reply), reply.Close())
	}
	r.CloseWithError(errors.New("the Engine stopped reading"))
	if writing := <-written; err == nil {
		err = writing
	}
	if err != nil {
		return "", fmt.Errorf("the Engine did not load the image: %w", err)
	}
	found, err := s.engine.api.ImageInspect(ctx, tag)
	if err != nil {
		return "", err
	}
	if err := same(found, archive); err != nil {
		return "", err
	}
	return found.ID, nil
}

// same says whether the Engine's image is the archive's: a name alone is not to
// be trusted. With Docker's own image store the ids are equal; with containerd's
// an id is another digest, and what is compared is what it stands for.
func same(found client.ImageInspectResult, archive *image.Archive) error {
	if found.ID == archive.ID {
		return nil
	}
	c := found.Config
	if c != nil && slices.Equal(found.RootFS.Layers, archive.DiffIDs()) && found.Os == archive.Config.OS &&
		found.Architecture == archive.Config.Architecture &&
		slices.Equal(c.Entrypoint, archive.Config.Entrypoint) && slices.Equal(c.Cmd, archive.Config.Cmd) &&
		slices.Equal(c.Env, archive.Config.Env) && c.WorkingDir == archive.Config.WorkingDir &&
		slices.Equal(sortedKeys(c.Volumes), archive.Config.Volumes) {
		return nil
	}
	return fmt.Errorf("the Engine has another image than the one that was sent to it: expected %s, got %s", archive.ID, found.ID)
}

// readProgress reads an Engine's stream of progress to its end, and returns the
// error in it.
func readProgress(r io.Reader) error {
	d := json.NewDecoder(r)
	for {
		var message struct {
			Error string `json:"error"`
		}
		err := d.Decode(&message)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if message.Error != "" {
			return engineError(message.Error)
		}
	}
}

// engineError is what an Engine said in the middle of a stream.
type engineError string

func (e engineError) Error() string { return string(e) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
