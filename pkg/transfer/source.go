package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/edgematrix/emc/pkg/job"
)

// Source is a blob that can be uploaded: an input, or the app's artifact.
type Source struct {
	SHA256 string // hex
	Size   int64  // bytes
	Open   func() (io.ReadSeekCloser, error)
}

// FileSource hashes a regular file and offers it for upload.
func FileSource(path string) (Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return Source{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Source{}, err
	}
	if !info.Mode().IsRegular() {
		return Source{}, fmt.Errorf("%s: expected a regular file", path)
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err != nil {
		return Source{}, err
	}
	return Source{
		SHA256: hex.EncodeToString(h.Sum(nil)), Size: n,
		Open: func() (io.ReadSeekCloser, error) { return os.Open(path) },
	}, nil
}

// BytesSource offers bytes for upload.
func BytesSource(data []byte) Source {
	sum := sha256.Sum256(data)
	return Source{
		SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data)),
		Open: func() (io.ReadSeekCloser, error) { return nopCloser{bytes.NewReader(data)}, nil },
	}
}

// File returns the entry of a specification's inputs for this source at a path.
func (s Source) File(path string) job.File {
	return job.File{Path: path, Size: s.Size, SHA256: s.SHA256}
}

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }
