package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
)

// Archive is a verified docker-archive with one image.
type Archive struct {
	// ID is "sha256:" and the digest of the configuration: the Engine's image id.
	ID string
	// Config is how the image's program starts.
	Config Config
	// UnpackedBytes is the sum of its layers, uncompressed.
	UnpackedBytes int64

	at     io.ReaderAt
	config []byte
	layers []layer
}

// layer is a verified layer: where its bytes lie, and what they unpack to.
type layer struct {
	member
	gzip   bool
	digest string // of the uncompressed tar, 64 hex digits
	bytes  int64  // uncompressed
}

// Read verifies an archive of size bytes. It unpacks every layer once, to
// nowhere; r must stay readable and unchanged for Archive.Clean. Errors about
// the content wrap ErrInvalid and say what its author can do.
func Read(ctx context.Context, r io.ReaderAt, size int64, limits Limits) (*Archive, error) {
	limits = limits.withDefaults()
	src := &source{ctx: ctx, at: r}
	all, err := members(src, size)
	if err != nil {
		return nil, err
	}
	m, err := readManifest(src, all, limits)
	if err != nil {
		return nil, err
	}
	at, err := find(all, m.Config)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; %s", ErrConfig, err, saveHint)
	}
	raw, err := at.small(src, limits.ConfigBytes)
	if err != nil {
		return nil, err
	}
	config, diffIDs, err := parseConfig(raw, limits)
	if err != nil {
		return nil, err
	}
	if len(diffIDs) != len(m.Layers) || len(diffIDs) == 0 {
		return nil, fmt.Errorf("%w: %d layers are listed, and the configuration has %d; %s", ErrLayer, len(m.Layers), len(diffIDs), saveHint)
	}
	if len(diffIDs) > limits.Layers {
		return nil, fmt.Errorf("%w: %d layers, at most %d are allowed; build the image with fewer steps", ErrLimit, len(diffIDs), limits.Layers)
	}
	sum := sha256.Sum256(raw)
	a := &Archive{ID: "sha256:" + hex.EncodeToString(sum[:]), Config: config, at: r, config: raw}
	a.layers, a.UnpackedBytes, err = verifyLayers(src, all, m.Layers, diffIDs, limits)
	if err != nil {
		return nil, err
	}
	return a, nil
}

// readManifest returns the archive's one image. Tags and foreign sources of
// layers in it are never read.
func readManifest(src *source, all map[string]member, limits Limits) (manifest, error) {
	at, err := find(all, "manifest.json")
	if err != nil {
		return manifest{}, fmt.Errorf("%w: it has no manifest.json, so docker save did not write it (docker export writes a container's files, not an image; buildx needs --output type=docker); %s",
			ErrFormat, saveHint)
	}
	raw, err := at.small(src, limits.ConfigBytes)
	if err != nil {
		return manifest{}, err
	}
	var list []struct {
		Config string
		Layers []string
	}
	if err := unmarshalStrict(raw, &list); err != nil {
		return manifest{}, fmt.Errorf("%w: manifest.json: %w; %s", ErrFormat, err, saveHint)
	}
	if len(list) != 1 {
		return manifest{}, fmt.Errorf("%w: the archive holds %d images, expected one; %s", ErrImages, len(list), saveHint)
	}
	return manifest{Config: list[0].Config, Layers: list[0].Layers}, nil
}
