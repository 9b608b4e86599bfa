package image

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// source reads an archive and remembers the first error that is not the
// archive's fault, because archive/tar and gzip mix both kinds.
type source struct {
	ctx context.Context
	at  io.ReaderAt
	err error
}

func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if err := s.ctx.Err(); err != nil {
		s.err = err
		return 0, err
	}
	n, err := s.at.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// fault returns what went wrong while reading: the reader's own error as it is,
// anything else as the archive's fault of the given kind.
func (s *source) fault(kind error, text string, err error) error {
	if s.err != nil {
		return fmt.Errorf("reading the image archive: %w", s.err)
	}
	return fmt.Errorf("%w: %s: %w; %s", kind, text, err, saveHint)
}

// member is where a member's bytes lie, or what it links to.
type member struct {
	offset, size int64
	regular      bool
	link         string // cleaned name of the member meant, if it is a link
}

// members lists the archive's members by their clean names.
func members(src *source, size int64) (map[string]member, error) {
	section := io.NewSectionReader(src, 0, size)
	if err := refuseCompressed(src, section); err != nil {
		return nil, err
	}
	all := map[string]member{}
	tr := tar.NewReader(section)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, src.fault(ErrFormat, "it is no tar archive, or a damaged one", err)
		}
		if len(all) >= maxMembers {
			return nil, fmt.Errorf("%w: it has more than %d members; %s", ErrLimit, maxMembers, saveHint)
		}
		// archive/tar reads whole blocks and nothing ahead: the section stands
		// at the first byte of the content.
		at, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		name := path.Clean(h.Name)
		m := member{offset: at, size: h.Size}
		switch h.Typeflag {
		case tar.TypeReg:
			m.regular = !sparse(h)
		case tar.TypeSymlink:
			// docker save writes a repeated layer as a link to the first one.
			m.link = path.Join(path.Dir(name), h.Linkname)
		case tar.TypeLink:
			m.link = path.Clean(h.Linkname)
		case tar.TypeDir:
			continue
		}
		if _, ok := all[name]; ok {
			return nil, fmt.Errorf("%w: it holds %.80q twice; %s", ErrFormat, name, saveHint)
		}
		all[name] = m
	}
}

// maxLinks bounds a chain of links; docker save needs one.
const maxLinks = 4

// find returns the regular member that name means.
func find(all map[string]member, name string) (member, error) {
	asked := name
	name = path.Clean(name)
	for range maxLinks {
		m, ok := all[name]
		switch {
		case !ok:
			return member{}, fmt.Errorf("%.80q is not in the archive", asked)
		case m.regular:
			return m, nil
		case m.link == "":
			return member{}, fmt.Errorf("%.80q is no regular file", asked)
		}
		name = m.link
	}
	return member{}, fmt.Errorf("%.80q leads through more than %d links", asked, maxLinks)
}

// small returns the whole content of a member of at most limit bytes.
func (m member) small(src *source, limit int64) ([]byte, error) {
	if m.size > limit {
		return nil, fmt.Errorf("%w: a description of the image has %d bytes, at most %d are allowed", ErrLimit, m.size, limit)
	}
	content := make([]byte, m.size)
	if _, err := io.ReadFull(io.NewSectionReader(src, m.offset, m.size), content); err != nil {
		return nil, src.fault(ErrFormat, "it ends early", err)
	}
	return content, nil
}

// sparse says whether an entry unpacks to more bytes than it has in the archive.
func sparse(h *tar.Header) bool {
	if h.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range h.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

// refuseCompressed says in words what to do with an archive that was compressed
// as a whole: its members cannot be reached without unpacking it to disk.
func refuseCompressed(src *source, section *io.SectionReader) error {
	var magic [6]byte
	n, err := section.ReadAt(magic[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return src.fault(ErrFormat, "it cannot be read", err)
	}
	if n == 0 {
		return fmt.Errorf("%w: the file is empty; %s", ErrFormat, saveHint)
	}
	if name := compression(magic[:n]); name != "" {
		return fmt.Errorf("%w: the archive as a whole is compressed with %s; unpack it first (layers inside it may be compressed with gzip)", ErrFormat, name)
	}
	return nil
}

// compression names the compression that begins with these bytes, if any.
func compression(begin []byte) string {
	for _, c := range []struct {
		name  string
		magic []byte
	}{
		{"gzip", []byte{0x1f, 0x8b}},
		{"zstd", []byte{0x28, 0xb5, 0x2f, 0xfd}},
		{"xz", []byte{0xfd, '7', 'z', 'X', 'Z', 0}},
		{"bzip2", []byte("BZh")},
	} {
		if bytes.HasPrefix(begin, c.magic) {
			return c.name
		}
	}
	return ""
}
