package proof

import "math/bits"

// ChunkLeaves is how many leaves one node at the bottom of a round's tree holds:
// an opening shows all of them.
const ChunkLeaves = 64

// ChunkSize is their size in bytes.
const ChunkSize = 8 * ChunkLeaves

// MaxRounds bounds a commitment: an opening's path has at most 24 steps above
// its round.
const MaxRounds = 1 << 24

// Leaves is how many tiles a round has.
func Leaves(logN uint8) uint64 { return 1 << (2 * (logN - 4)) }

// Chunks is how many chunks a round has, a power of two.
func Chunks(logN uint8) int { return int(Leaves(logN) / ChunkLeaves) }

// chunkDepth is the length of the path from a chunk to its round's root.
func chunkDepth(logN uint8) int { return bits.TrailingZeros(uint(Chunks(logN))) }

// roundDepth is the length of the path from a round to the root of the
// commitment: the tree over rounds is padded to a power of two.
func roundDepth(rounds uint64) int { return bits.Len64(rounds - 1) }

// OpeningSize is the size of one opening of a valid commitment, in bytes.
func OpeningSize(c Commitment) int {
	return ChunkSize + len(Digest{})*(chunkDepth(c.LogN)+roundDepth(c.Rounds))
}

// Size is the size of a proof of a valid commitment, in bytes.
func Size(c Commitment, samples int) int { return samples * OpeningSize(c) }
