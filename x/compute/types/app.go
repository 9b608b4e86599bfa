package types

import (
	"regexp"

	errorsmod "cosmossdk.io/errors"
)

// Runtimes that an app can need.
const (
	RuntimeWasm   = "wasm"
	RuntimeDocker = "docker"
)

const (
	maxUnitBytes  = 32
	maxImageBytes = 200
)

var (
	appIDPattern = regexp.MustCompile(`^[a-z][a-z0-9._-]{1,63}$`)
	// imagePattern is registry[:port]/path without tag and digest.
	imagePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$`)
)

// ValidateImage checks the name of a repository of images. It must name its
// registry: a bare "name" would mean whatever registry a node prefers.
func ValidateImage(image string) error {
	if len(image) > maxImageBytes || !imagePattern.MatchString(image) {
		return errorsmod.Wrapf(ErrInvalidApp, "image must be registry/repository without tag and digest, such as ghcr.io/you/app, got %.80q", image)
	}
	return nil
}

// ValidateAppID checks the form of an app's id.
func ValidateAppID(id string) error {
	if !appIDPattern.MatchString(id) {
		return errorsmod.Wrapf(ErrInvalidApp, "id must have 2 to 64 of a-z, 0-9, '-', '.', '_' and begin with a letter, got %.80q", id)
	}
	return nil
}

// ValidateRuntime checks that a runtime is known.
func ValidateRuntime(runtime string) error {
	if runtime != RuntimeWasm && runtime != RuntimeDocker {
		return errorsmod.Wrapf(ErrInvalidApp, "runtime must be %s or %s, got %.80q", RuntimeWasm, RuntimeDocker, runtime)
	}
	return nil
}

// Validate checks an app's entry.
func (a App) Validate() error {
	if err := ValidateAppID(a.Id); err != nil {
		return err
	}
	if err := ValidateRuntime(a.Runtime); err != nil {
		return err
	}
	if a.Image != "" {
		if err := ValidateImage(a.Image); err != nil {
			return err
		}
	}
	switch {
	case a.Image != "" && a.Runtime != RuntimeDocker:
		return errorsmod.Wrapf(ErrInvalidApp, "an image goes with runtime %s, not %s", RuntimeDocker, a.Runtime)
	case !digestPattern.MatchString(a.Digest):
		return errorsmod.Wrapf(ErrInvalidApp, "digest must be the SHA-256 of the artifact in 64 lower-case hex characters, got %.80q", a.Digest)
	case a.Interface < INTERFACE_BATCH || a.Interface > INTERFACE_OPENAI:
		return errorsmod.Wrap(ErrInvalidApp, "interface must be batch, http or openai")
	case a.Comparison < COMPARISON_NONE || a.Comparison > COMPARISON_TOLERANCE:
		return errorsmod.Wrap(ErrInvalidApp, "comparison must be none, exact or tolerance")
	case len(a.Unit) > maxUnitBytes:
		return errorsmod.Wrapf(ErrInvalidApp, "unit is longer than %d bytes", maxUnitBytes)
	case len(a.Description) > 2*MaxWordsBytes:
		return errorsmod.Wrapf(ErrInvalidApp, "description is longer than %d bytes", 2*MaxWordsBytes)
	case a.MinGpus > MaxGpus:
		return errorsmod.Wrapf(ErrInvalidApp, "min_gpus must be at most %d, got %d", MaxGpus, a.MinGpus)
	}
	return nil
}
