package receipt

import (
	"crypto/sha256"
	"fmt"
	"math/bits"
)

// MaxPathBytes is the size of the longest path.
const MaxPathBytes = MaxDepth * sha256.Size

// Path is a proof that a receipt stands in a tree: the hashes beside the way from its leaf to the root, lowest first, as in
// RFC 6962.
type Path []Digest

// BuildPath proves the leaf at index of the tree whose leaves have these hashes (LeafHash), in time of their number. It
// fails with ErrIndex or ErrCount.
func BuildPath(hashes []Digest, index uint64) (Path, error) {
	n, err := PathLen(uint64(len(hashes)), index)
	if err != nil {
		return nil, err
	}
	path := make(Path, 0, n)
	level := append([]Digest(nil), hashes...)
	for at := index; len(level) > 1; at /= 2 {
		if sibling := at ^ 1; sibling < uint64(len(level)) { // the last of an odd level rises as it is
			path = append(path, level[sibling])
		}
		level = halve(level)
	}
	return path, nil
}

// halve replaces nodes by their parents, in place.
func halve(nodes []Digest) []Digest {
	n := len(nodes)
	for i := range n / 2 {
		nodes[i] = nodeHash(nodes[2*i], nodes[2*i+1])
	}
	if n%2 == 1 {
		nodes[n/2] = nodes[n-1]
	}
	return nodes[:(n+1)/2]
}

// PathLen is the number of hashes in the path of a leaf. It fails with ErrIndex or ErrCount.
func PathLen(count, index uint64) (int, error) {
	if count > MaxCount {
		return 0, fmt.Errorf("%w: %d, the most is %d", ErrCount, count, uint64(MaxCount))
	}
	if index >= count {
		return 0, fmt.Errorf("%w: index %d of %d receipts", ErrIndex, index, count)
	}
	both, right := split(count, index)
	return both + right, nil
}

// split counts the hashes of a path: up to where the way joins the tree's right edge, siblings stand on both sides, from
// there on only on the left.
func split(count, index uint64) (both, left int) {
	both = bits.Len64(index ^ (count - 1))
	return both, bits.OnesCount64(index >> both)
}

// VerifyPath checks that the tree of count receipts with this root has the leaf at index; leaf are the whole receipt's
// bytes. It fails with ErrCount, ErrIndex and ErrPathLength before it hashes anything, or with ErrPath.
func VerifyPath(root Digest, count, index uint64, leaf []byte, path Path) error {
	n, err := PathLen(count, index)
	if err != nil {
		return err
	}
	if len(path) != n {
		return fmt.Errorf("%w: receipt %d of %d needs %d hashes, got %d", ErrPathLength, index, count, n, len(path))
	}
	node := LeafHash(leaf)
	both, _ := split(count, index)
	for i, sibling := range path {
		if i < both && index>>i&1 == 0 {
			node = nodeHash(node, sibling)
		} else {
			node = nodeHash(sibling, node)
		}
	}
	if node != root {
		return fmt.Errorf("%w: receipt %d of %d leads to %s, expected %s", ErrPath, index, count, node, root)
	}
	return nil
}

// AppendBinary appends the hashes, 32 bytes each. It fails with ErrPathLength for more than MaxDepth.
func (p Path) AppendBinary(b []byte) ([]byte, error) {
	if len(p) > MaxDepth {
		return nil, fmt.Errorf("%w: %d hashes, the most is %d", ErrPathLength, len(p), MaxDepth)
	}
	for _, hash := range p {
		b = append(b, hash[:]...)
	}
	return b, nil
}

// MarshalBinary is AppendBinary to nothing.
func (p Path) MarshalBinary() ([]byte, error) { return p.AppendBinary(nil) }

// UnmarshalPath reads a path. It fails with ErrLength or ErrPathLength.
func UnmarshalPath(data []byte) (Path, error) {
	if len(data) > MaxPathBytes {
		return nil, fmt.Errorf("%w: %d bytes, the most is %d", ErrPathLength, len(data), MaxPathBytes)
	}
	if len(data)%sha256.Size != 0 {
		return nil, fmt.Errorf("path: %w: %d bytes are not a number of hashes", ErrLength, len(data))
	}
	path := make(Path, 0, len(data)/sha256.Size)
	for ; len(data) > 0; data = data[sha256.Size:] {
		path = append(path, Digest(data[:sha256.Size]))
	}
	return path, nil
}
