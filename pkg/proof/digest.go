package proof

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Each hashed format has its own tag, so that bytes of one kind can never stand
// for bytes of another.
const (
	windowTag = "emc/poc/win/1"
	roundTag  = "emc/poc/round/1"
	rowTag    = "emc/poc/row/1"
	sampleTag = "emc/poc/sample/1"
)

// Nodes of the trees are told apart by their first byte.
const (
	tagChunk = 0x00
	tagInner = 0x01
	tagRound = 0x02
)

// Digest is a SHA-256 digest, written as 64 lower-case hex characters.
type Digest [sha256.Size]byte

// String returns the digest in hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// MarshalText implements encoding.TextMarshaler.
func (d Digest) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Digest) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(d)) {
		return fmt.Errorf("a digest has %d hex characters, got %d", hex.EncodedLen(len(d)), len(text))
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// inner is the parent of two nodes of a tree.
func inner(left, right Digest) Digest {
	var b [1 + 2*sha256.Size]byte
	b[0] = tagInner
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// appendUint64 is the one way in which integers are hashed: little-endian.
func appendUint64(b []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(b, v) }
