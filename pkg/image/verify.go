package image

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// tally is how much the layers unpack to so far.
type tally struct {
	limits  Limits
	bytes   int64
	entries int
}

// verifyLayers unpacks each layer to nowhere. A layer that is listed again is
// hashed once, but counted each time: an Engine unpacks it each time.
func verifyLayers(src *source, all map[string]member, names, diffIDs []string, limits Limits) ([]layer, int64, error) {
	type verified struct {
		layer
		tally
	}
	known := map[int64]verified{} // by the place of the bytes in the archive
	sum := tally{limits: limits}
	var out []layer
	var stored int64
	for i, name := range names {
		at, err := find(all, name)
		if err != nil {
			return nil, 0, fmt.Errorf("%w: %w; %s", ErrLayer, err, saveHint)
		}
		v, ok := known[at.offset]
		if !ok {
			before := sum
			l, err := sum.unpack(src, at, i+1)
			if err != nil {
				return nil, 0, err
			}
			v = verified{l, tally{bytes: sum.bytes - before.bytes, entries: sum.entries - before.entries}}
			known[at.offset] = v
		} else if err := sum.add(v.tally.bytes, v.entries); err != nil {
			return nil, 0, err
		}
		if got := "sha256:" + v.digest; got != diffIDs[i] {
			return nil, 0, fmt.Errorf("%w: layer %d is not what the configuration says: expected %s, got %s; %s", ErrLayer, i+1, diffIDs[i], got, saveHint)
		}
		out = append(out, v.layer)
		stored += v.layer.bytes
	}
	return out, stored, nil
}

// add counts bytes and entries, and fails past the limits.
func (t *tally) add(bytes int64, entries int) error {
	if bytes > t.limits.UnpackedBytes-t.bytes {
		return fmt.Errorf("%w: its layers unpack to more than %d bytes; make the image smaller", ErrLimit, t.limits.UnpackedBytes)
	}
	if entries > t.limits.Entries-t.entries {
		return fmt.Errorf("%w: its layers hold more than %d files; make the image smaller", ErrLimit, t.limits.Entries)
	}
	t.bytes += bytes
	t.entries += entries
	return nil
}

// unpack reads the n-th layer to its end. The bytes of the stream and the sizes
// of its files are both bounded: a sparse file of a few bytes in the stream
// would otherwise fill the Engine's disk with zeros.
func (t *tally) unpack(src *source, at member, n int) (layer, error) {
	l := layer{member: at}
	r, zipped, err := at.open(src)
	if err != nil {
		return l, src.fault(ErrLayer, fmt.Sprintf("layer %d", n), err)
	}
	l.gzip = zipped
	h := sha256.New()
	stream := &metered{r: io.TeeReader(r, h), left: t.limits.UnpackedBytes - t.bytes}
	before := *t
	if err := t.entriesOf(tar.NewReader(stream)); err != nil {
		return l, t.wrap(src, stream, n, err)
	}
	if err := onlyZeros(stream); err != nil {
		return l, t.wrap(src, stream, n, err)
	}
	l.digest, l.bytes = hex.EncodeToString(h.Sum(nil)), stream.read
	// The larger of stream and files is what the layer may cost.
	if files := t.bytes - before.bytes; l.bytes > files {
		return l, t.add(l.bytes-files, 0)
	}
	return l, nil
}

// entriesOf counts what a layer's tar unpacks to.
func (t *tally) entriesOf(tr *tar.Reader) error {
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		size := h.Size
		if h.Typeflag != tar.TypeReg && h.Typeflag != tar.TypeGNUSparse {
			size = 0
		}
		if err := t.add(size, 1); err != nil {
			return err
		}
	}
}

func (t *tally) wrap(src *source, stream *metered, n int, err error) error {
	switch {
	case errors.Is(err, ErrInvalid):
		return err
	case stream.spent:
		return t.add(t.limits.UnpackedBytes+1, 0)
	}
	return src.fault(ErrLayer, fmt.Sprintf("layer %d is no tar stream, or a damaged one", n), err)
}

// open returns the layer's uncompressed stream.
func (m member) open(r io.ReaderAt) (io.Reader, bool, error) {
	section := io.NewSectionReader(r, m.offset, m.size)
	var magic [6]byte
	n, err := section.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, err
	}
	switch name := compression(magic[:n]); name {
	case "":
		return section, false, nil
	case "gzip":
		z, err := gzip.NewReader(section)
		return z, true, err
	default:
		return nil, false, fmt.Errorf("it is compressed with %s; build the image with gzip layers, or uncompressed ones", name)
	}
}

// onlyZeros reads the rest of a layer behind the end of its tar. Padding is
// zeros; anything else could be a second tar that another reader would see.
func onlyZeros(r io.Reader) error {
	var buf [32 << 10]byte
	for {
		n, err := r.Read(buf[:])
		for _, b := range buf[:n] {
			if b != 0 {
				return errors.New("there is data behind the end of the tar")
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// errSpent ends the reading of a layer that unpacks to too much.
var errSpent = errors.New("the limit is reached")

// metered reads at most left bytes and then fails.
type metered struct {
	r     io.Reader
	left  int64
	read  int64
	spent bool
}

func (m *metered) Read(p []byte) (int, error) {
	if int64(len(p)) > m.left+1 {
		p = p[:m.left+1] // one more than allowed tells an end from an overrun
	}
	n, err := m.r.Read(p)
	m.left -= int64(n)
	m.read += int64(n)
	if m.left < 0 {
		m.spent = true
		return n, errSpent
	}
	return n, err
}
