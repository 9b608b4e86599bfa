package proof

import (
	"crypto/sha256"
	"encoding/binary"
)

// ChunkNode is the node of 64 leaves.
func ChunkNode(leaves *[ChunkLeaves]uint64) Digest {
	var b [1 + ChunkSize]byte
	b[0] = tagChunk
	for i, leaf := range leaves {
		binary.LittleEndian.PutUint64(b[1+8*i:], leaf)
	}
	return sha256.Sum256(b[:])
}

// RoundLeaf is a round's leaf in the tree over rounds.
func RoundLeaf(round uint64, root Digest) Digest {
	b := appendUint64([]byte{tagRound}, round)
	return sha256.Sum256(append(b, root[:]...))
}

// RoundRoot is the root of a round's tree over its chunk nodes, whose number is
// a power of two. It works in place: nodes are lost.
func RoundRoot(nodes []Digest) Digest {
	for len(nodes) > 1 {
		nodes = halve(nodes)
	}
	return nodes[0]
}

// halve replaces nodes by their parents.
func halve(nodes []Digest) []Digest {
	for i := range len(nodes) / 2 {
		nodes[i] = inner(nodes[2*i], nodes[2*i+1])
	}
	return nodes[:len(nodes)/2]
}

// Root is the root over the roots of all rounds.
func Root(rounds []Digest) Digest {
	return RoundRoot(padded(rounds))
}

// padded are the leaves of the tree over rounds: zero bytes fill it up to a power
// of two. They are no round's leaf, nor an inner node, so nothing can be opened there.
func padded(rounds []Digest) []Digest {
	nodes := make([]Digest, 1<<roundDepth(uint64(len(rounds))))
	for j, root := range rounds {
		nodes[j] = RoundLeaf(uint64(j), root)
	}
	return nodes
}

// path appends the siblings of a node on its way to the root. The number of nodes
// is a power of two, and they are lost.
func path(out []byte, nodes []Digest, at int) []byte {
	for len(nodes) > 1 {
		out = append(out, nodes[at^1][:]...)
		nodes, at = halve(nodes), at/2
	}
	return out
}

// climb is the root above a node, by its place and the siblings on the way.
func climb(node Digest, at uint64, siblings []byte) Digest {
	for ; len(siblings) > 0; siblings = siblings[len(node):] {
		sibling := Digest(siblings[:len(node)])
		if at&1 == 0 {
			node = inner(node, sibling)
		} else {
			node = inner(sibling, node)
		}
		at >>= 1
	}
	return node
}
