package receipt

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
)

// MaxDepth is the height of the tallest tree, MaxCount the number of its leaves.
const (
	MaxDepth = 40
	MaxCount = 1 << MaxDepth
)

// MaxFrontierBytes is the size of the largest frontier: one peak for each bit of the count.
const MaxFrontierBytes = 8 + MaxDepth*sha256.Size

// RFC 6962: a leaf and a node begin differently, or a node's two children could pass for a leaf.
const (
	leafPrefix = 0
	nodePrefix = 1
)

// EmptyRoot is the root of no receipts, SHA-256 of nothing.
func EmptyRoot() Digest { return sha256.Sum256(nil) }

// LeafHash is a receipt's hash in the tree: H(0x00 ‖ whole receipt).
func LeafHash(leaf []byte) Digest {
	b := append(make([]byte, 0, 512), leafPrefix)
	return sha256.Sum256(append(b, leaf...))
}

func nodeHash(left, right Digest) Digest {
	var b [1 + 2*sha256.Size]byte
	b[0] = nodePrefix
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// Frontier is an append-only tree of receipts, of which only the roots of its complete parts are kept: enough to go on,
// and to tell the root, but not to build paths. The zero value is the empty tree. A copy is a tree of its own, and equal
// trees are == each other.
type Frontier struct {
	count uint64
	peaks [MaxDepth + 1]Digest // peaks[h] is the root of 2^h leaves where bit h of count is set, zeros elsewhere
}

// Count is the number of receipts.
func (f Frontier) Count() uint64 { return f.count }

// Append adds a whole receipt's bytes as the leaf at Count. It fails with ErrFull.
func (f *Frontier) Append(leaf []byte) error { return f.AppendHash(LeafHash(leaf)) }

// AppendHash adds the leaf of which LeafHash is known. It fails with ErrFull.
func (f *Frontier) AppendHash(hash Digest) error {
	if f.count >= MaxCount {
		return fmt.Errorf("%w: it has %d receipts; open another session", ErrFull, f.count)
	}
	h := 0
	for ; f.count>>h&1 == 1; h++ { // as a binary counter carries
		hash = nodeHash(f.peaks[h], hash)
		f.peaks[h] = Digest{}
	}
	f.peaks[h] = hash
	f.count++
	return nil
}

// Root is RFC 6962's Merkle tree hash of all receipts.
func (f Frontier) Root() Digest {
	if f.count == 0 {
		return EmptyRoot()
	}
	h := bits.TrailingZeros64(f.count)
	root := f.peaks[h]
	for h++; f.count>>h != 0; h++ {
		if f.count>>h&1 == 1 {
			root = nodeHash(f.peaks[h], root)
		}
	}
	return root
}

// AppendBinary appends u64 count ‖ the peaks, 32 bytes each, tallest first. It never fails.
func (f Frontier) AppendBinary(b []byte) ([]byte, error) {
	b = binary.BigEndian.AppendUint64(b, f.count)
	for h := MaxDepth; h >= 0; h-- {
		if f.count>>h&1 == 1 {
			b = append(b, f.peaks[h][:]...)
		}
	}
	return b, nil
}

// MarshalBinary is AppendBinary to nothing. The bytes carry no checksum: that the right ones come back, the ledger sees to.
func (f Frontier) MarshalBinary() ([]byte, error) { return f.AppendBinary(nil) }

// UnmarshalFrontier reads the one encoding of a frontier. It fails with ErrLength or ErrCount.
func UnmarshalFrontier(data []byte) (Frontier, error) {
	in := reader{data: data}
	f := Frontier{count: in.u64()}
	if f.count > MaxCount {
		return Frontier{}, fmt.Errorf("frontier: %w: %d, the most is %d", ErrCount, f.count, uint64(MaxCount))
	}
	for h := MaxDepth; h >= 0; h-- {
		if f.count>>h&1 == 1 {
			f.peaks[h] = Digest(in.take(sha256.Size))
		}
	}
	if err := in.end("frontier"); err != nil {
		return Frontier{}, err
	}
	return f, nil
}
