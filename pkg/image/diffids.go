package image

import "slices"

// DiffIDs are the digests of the uncompressed layers, "sha256:" and 64 hex
// digits, in the order in which they lie upon each other.
func (a *Archive) DiffIDs() []string {
	var ids []string
	for _, l := range a.layers {
		ids = append(ids, "sha256:"+l.digest)
	}
	return slices.Clip(ids)
}
