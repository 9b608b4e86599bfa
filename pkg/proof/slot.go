package proof

import (
	"crypto/sha256"
	"encoding/binary"
)

const slotTag = "emc/poc/slot/1"

// Slot is how many blocks after the draw a node sends its proof, of so many in
// which proofs are taken: all nodes together fill the first half of them evenly,
// and the second half is for those whose block was full. The draw is part of it,
// so that nobody is among the last in every window. Nothing on the chain depends
// on it: a proof in another block is as good.
func Slot(draw [32]byte, node [20]byte, blocks uint64) uint64 {
	b := append([]byte(slotTag), draw[:]...)
	h := sha256.Sum256(append(b, node[:]...))
	return binary.LittleEndian.Uint64(h[:8]) % max(1, blocks/2)
}
