package image

import "runtime"

// Limits bound what Read accepts, so that a small archive cannot unpack into a
// full disk. A field that is zero takes the value of DefaultLimits.
type Limits struct {
	// UnpackedBytes bounds the sum of all layers, uncompressed, with sparse
	// files counted at their full size.
	UnpackedBytes int64
	// Entries bounds the number of files, directories and links of all layers.
	Entries int
	// Layers bounds the number of layers.
	Layers int
	// ConfigBytes bounds the image's configuration, and manifest.json too.
	ConfigBytes int64
	// Architecture is the only one accepted, in Go's words such as "amd64".
	Architecture string
}

// maxMembers bounds the bookkeeping for the archive's own members: an image of
// 127 layers needs some 400.
const maxMembers = 10_000

// DefaultLimits are wide enough for images with a model inside. 127 layers are
// the most that an Engine with overlay2 can mount.
func DefaultLimits() Limits {
	return Limits{UnpackedBytes: 16 << 30, Entries: 1_000_000, Layers: 127, ConfigBytes: 1 << 20, Architecture: runtime.GOARCH}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	if l.UnpackedBytes <= 0 {
		l.UnpackedBytes = d.UnpackedBytes
	}
	if l.Entries <= 0 {
		l.Entries = d.Entries
	}
	if l.Layers <= 0 {
		l.Layers = d.Layers
	}
	if l.ConfigBytes <= 0 {
		l.ConfigBytes = d.ConfigBytes
	}
	if l.Architecture == "" {
		l.Architecture = d.Architecture
	}
	return l
}
