package proof

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/edgematrix/emc/pkg/proof/kernel"
)

// KindInt8 is the kind of the standard task: int8 × int8 → int32.
const KindInt8 = 1

// The inner dimension n is 2^LogN.
const (
	MinLogN = 10
	MaxLogN = 14
)

// Window is all that the matrices of one node in one window depend on: nothing
// can be computed before the beacon is known, nor for another node, nor again in
// another window or on another chain.
type Window struct {
	ChainID string
	// Height is the block at which the window opened, Beacon that block's.
	Height uint64
	Beacon [32]byte
	// Node is the address of the node, PubKey its compressed secp256k1 key.
	Node   [20]byte
	PubKey [33]byte
	Kind   uint8
	// LogN is the logarithm of n, which the node chooses.
	LogN uint8
}

// Validate checks the kind and the size.
func (w Window) Validate() error {
	if w.Kind != KindInt8 {
		return fmt.Errorf("%w %d, expected %d", ErrKind, w.Kind, KindInt8)
	}
	return validateLogN(w.LogN)
}

func validateLogN(logN uint8) error {
	if logN < MinLogN || logN > MaxLogN {
		return fmt.Errorf("%w: n is 2^%d, expected 2^%d to 2^%d", ErrSize, logN, MinLogN, MaxLogN)
	}
	return nil
}

// N is the inner dimension: matrices are n×n.
func (w Window) N() int { return 1 << w.LogN }

// Seed is W.
func (w Window) Seed() Digest {
	chain := sha256.Sum256([]byte(w.ChainID))
	b := append([]byte(windowTag), chain[:]...)
	b = appendUint64(b, w.Height)
	b = append(b, w.Beacon[:]...)
	b = append(b, w.Node[:]...)
	b = append(b, w.PubKey[:]...)
	return sha256.Sum256(append(b, w.Kind, w.LogN))
}

// RoundSeed is seed_j, the seed of a round of the window whose seed is given.
func RoundSeed(window Digest, round uint64) Digest {
	return sha256.Sum256(appendUint64(append([]byte(roundTag), window[:]...), round))
}

// Matrix names one of a round's two matrices.
type Matrix byte

const (
	// A is given by its rows.
	A Matrix = 'A'
	// B is given by its columns.
	B Matrix = 'B'
)

// Keys sets keys to those of consecutive rows of A, or columns of B, beginning
// with the given one. kernel.Entries makes a row of its key.
func Keys(keys []uint64, round Digest, m Matrix, first int) {
	var b [len(rowTag) + sha256.Size + 1 + 4]byte
	copy(b[:], rowTag)
	copy(b[len(rowTag):], round[:])
	b[len(rowTag)+sha256.Size] = byte(m)
	for i := range keys {
		binary.LittleEndian.PutUint32(b[len(b)-4:], uint32(first+i))
		h := sha256.Sum256(b[:])
		keys[i] = binary.LittleEndian.Uint64(h[:])
	}
}

// leafKeys are the keys of a tile's rows and columns.
func leafKeys(round Digest, logN uint8, leaf uint64) (rows, cols [kernel.Tile]uint64) {
	across := uint64(1) << (logN - 4)
	Keys(rows[:], round, A, int(leaf/across)*kernel.Tile)
	Keys(cols[:], round, B, int(leaf%across)*kernel.Tile)
	return rows, cols
}
