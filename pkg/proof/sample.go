package proof

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// Sample is a tile to be opened.
type Sample struct {
	Round uint64 `json:"round"`
	// Leaf is the tile's place among those of its round, row by row.
	Leaf uint64 `json:"tile"`
}

// SampleSeed is s: it depends on the beacon, which nobody knew when the
// commitment was made, and on the commitment. The commitment must be valid.
func SampleSeed(beacon [32]byte, window Digest, c Commitment) Digest {
	b := append([]byte(sampleTag), beacon[:]...)
	b = append(b, window[:]...)
	b = append(b, c.Root[:]...)
	return sha256.Sum256(appendUint64(b, c.Rounds))
}

// SampleAt is the i-th tile of a sample. The same tile may come twice.
func SampleAt(seed Digest, c Commitment, i uint32) Sample {
	x := sha256.Sum256(binary.LittleEndian.AppendUint32(seed[:], i))
	low, high := binary.LittleEndian.Uint64(x[:8]), binary.LittleEndian.Uint64(x[8:16])
	_, round := bits.Div64(high%c.Rounds, low, c.Rounds)
	return Sample{Round: round, Leaf: binary.LittleEndian.Uint64(x[16:24]) % Leaves(c.LogN)}
}

// Draw is the sample of k tiles that a node has to open.
func Draw(beacon [32]byte, window Digest, c Commitment, k int) []Sample {
	seed := SampleSeed(beacon, window, c)
	out := make([]Sample, k)
	for i := range out {
		out[i] = SampleAt(seed, c, uint32(i))
	}
	return out
}
