package proof

import "encoding/binary"

// AppendOpening appends the opening of a leaf to a proof: its chunk, the path
// from there to the round's root, and the path from the round to the root of the
// commitment. Leaves are all of the round's, roots those of all committed rounds.
func AppendOpening(proof []byte, leaves []uint64, roots []Digest, s Sample) []byte {
	first := s.Leaf / ChunkLeaves * ChunkLeaves
	for _, leaf := range leaves[first:][:ChunkLeaves] {
		proof = binary.LittleEndian.AppendUint64(proof, leaf)
	}
	proof = path(proof, ChunkNodes(leaves), int(first/ChunkLeaves))
	return path(proof, padded(roots), int(s.Round))
}

// ChunkNodes are the nodes at the bottom of a round's tree.
func ChunkNodes(leaves []uint64) []Digest {
	nodes := make([]Digest, len(leaves)/ChunkLeaves)
	for i := range nodes {
		nodes[i] = ChunkNode((*[ChunkLeaves]uint64)(leaves[i*ChunkLeaves:]))
	}
	return nodes
}
