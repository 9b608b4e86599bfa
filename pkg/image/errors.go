package image

import (
	"errors"
	"fmt"
)

// ErrInvalid is wrapped by every error about the content of an archive: its
// author has to mend it. Errors without it come from reading or writing.
var ErrInvalid = errors.New("unusable image archive")

// What can be wrong with an archive. Each wraps ErrInvalid.
var (
	// ErrFormat: it is no docker-archive, or a damaged one.
	ErrFormat = fmt.Errorf("%w: format", ErrInvalid)
	// ErrImages: it holds no image, or more than one.
	ErrImages = fmt.Errorf("%w: number of images", ErrInvalid)
	// ErrConfig: the image's configuration cannot be used.
	ErrConfig = fmt.Errorf("%w: configuration", ErrInvalid)
	// ErrPlatform: the image is for another operating system or processor.
	ErrPlatform = fmt.Errorf("%w: platform", ErrInvalid)
	// ErrLayer: a layer is missing, damaged, or not what the configuration says.
	ErrLayer = fmt.Errorf("%w: layer", ErrInvalid)
	// ErrLimit: it is larger than allowed.
	ErrLimit = fmt.Errorf("%w: too large", ErrInvalid)
)

// saveHint ends the messages whose remedy is a fresh archive.
const saveHint = "save exactly one image: docker save NAME > file.tar"
