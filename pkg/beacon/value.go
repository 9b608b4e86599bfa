package beacon

import (
	"crypto/sha256"
	"encoding/binary"
)

const (
	genesisTag = "emc/poc/genesis/1"
	valueTag   = "emc/poc/beacon/1"
)

// Value is the beacon of a block.
type Value [sha256.Size]byte

// Genesis is the value before a chain's first block.
func Genesis(chainID string) Value {
	return sha256.Sum256(append([]byte(genesisTag), chainID...))
}

// Next is the value of a block to which its proposer contributed the output of
// his VRF.
func (v Value) Next(output []byte) Value {
	b := append([]byte(valueTag), v[:]...)
	return sha256.Sum256(append(append(b, 1), output...))
}

// Skip is the value of a block without a contribution.
func (v Value) Skip(height int64) Value {
	b := append([]byte(valueTag), v[:]...)
	return sha256.Sum256(binary.LittleEndian.AppendUint64(append(b, 0), uint64(height)))
}
