package docker

import (
	"context"
	"errors"
	"fmt"
	goruntime "runtime"
	"slices"
	"strings"

	"github.com/distribution/reference"
	"github.com/moby/moby/client"

	"github.com/edgematrix/emc/worker/runtime"
)

// pull brings in an image from a registry by the digest of its manifest, without
// credentials: whatever a registry answers, it is that image or none.
func (s *images) pull(ctx context.Context, t runtime.Task) (imageRecord, error) {
	ref, err := pullReference(t)
	if err != nil {
		return imageRecord{}, err
	}
	had, err := s.present(ctx, ref)
	if err != nil {
		return imageRecord{}, err
	}
	reply, err := s.engine.api.ImagePull(ctx, ref, client.ImagePullOptions{})
	if err != nil {
		return imageRecord{}, pullError(t, err)
	}
	if err := errors.Join(readProgress(reply), reply.Close()); err != nil {
		return imageRecord{}, pullError(t, err)
	}
	found, err := s.engine.api.ImageInspect(ctx, ref)
	if err != nil {
		return imageRecord{}, err
	}
	if !slices.Contains(found.RepoDigests, familiar(ref)) && !slices.Contains(found.RepoDigests, ref) {
		return imageRecord{}, fmt.Errorf("the Engine pulled %s, and has the digests %v for it", ref, found.RepoDigests)
	}
	if found.Os != "linux" || found.Architecture != goruntime.GOARCH {
		return imageRecord{}, customerError{fmt.Sprintf("the image %s is for %s on %s, this worker needs linux on %s", t.Image, found.Os, found.Architecture, goruntime.GOARCH)}
	}
	return imageRecord{ID: found.ID, Ref: ref, Foreign: had, Bytes: found.Size}, nil
}

// pullReference is repository@digest. The repository may not bring a tag or a
// digest of its own.
func pullReference(t runtime.Task) (string, error) {
	named, err := reference.ParseNormalizedNamed(t.Image)
	if err != nil || !reference.IsNameOnly(named) {
		return "", customerError{fmt.Sprintf("%.100q is not the name of an image without tag and digest, such as docker.io/library/debian", t.Image)}
	}
	return named.Name() + "@sha256:" + t.ArtifactSHA256, nil
}

// familiar is how the Engine writes a reference to Docker's own registry.
func familiar(ref string) string {
	named, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return ref
	}
	return reference.FamiliarString(named)
}

// pullError tells what a customer can mend from what the operator can.
func pullError(t runtime.Task, err error) error {
	text := err.Error()
	for _, of := range []string{"not found", "manifest unknown", "repository does not exist", "denied", "unauthorized", "no matching manifest"} {
		if strings.Contains(strings.ToLower(text), of) {
			return customerError{fmt.Sprintf("the image %s@sha256:%s cannot be pulled without credentials; publish it for linux on this processor, or deliver it as an archive (docker save)", t.Image, t.ArtifactSHA256)}
		}
	}
	return fmt.Errorf("the image %s cannot be pulled: %w", t.Image, err)
}
