package image

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Clean writes a new archive with the verified image under the one tag given
// (NAME:TAG), and nothing else of the original: no other tag, name, link or
// member. Layers are written uncompressed. The image keeps its id. It fails,
// with w left incomplete, when the original has changed since Read.
func (a *Archive) Clean(w io.Writer, tag string) error {
	if err := checkTag(tag); err != nil {
		return err
	}
	layers := make([]blob, 0, len(a.layers))
	for _, l := range a.layers {
		layers = append(layers, blob{digest: l.digest, size: l.bytes, write: func(w io.Writer) error { return l.copy(w, a.at) }})
	}
	_, err := writeArchive(w, a.config, layers, tag)
	return err
}

// copy writes the layer's uncompressed bytes and verifies them once more.
func (l layer) copy(w io.Writer, at io.ReaderAt) error {
	r, zipped, err := l.open(at)
	if err != nil {
		return fmt.Errorf("reading a layer again: %w", err)
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(w, h), io.LimitReader(r, l.bytes+1))
	if err != nil {
		return fmt.Errorf("copying a layer: %w", err)
	}
	if zipped != l.gzip || n != l.bytes || hex.EncodeToString(h.Sum(nil)) != l.digest {
		return errors.New("the image archive has changed while it was read; try again")
	}
	return nil
}
