package beacon

import "bytes"

// magic begins a contribution. No transaction begins with it: its first byte is
// not the tag of any of a transaction's fields.
var magic = []byte("emc/poc/beacon/1:")

// ContributionSize is the size of a contribution in a block.
var ContributionSize = len(magic) + ProofSize

// Contribution puts a proof into the form in which it stands first among a
// block's transactions.
func Contribution(proof []byte) []byte { return append(bytes.Clone(magic), proof...) }

// ParseContribution takes the proof out of a block's first transaction; ok is
// false if that is no contribution. The proof may still be wrong.
func ParseContribution(tx []byte) (proof []byte, ok bool) { return bytes.CutPrefix(tx, magic) }
