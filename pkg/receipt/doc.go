// Package receipt has the formats in which calls are asked for, answered and paid for off the chain: the request that a
// customer signs, the receipt that a node signs over it, the voucher that pays for a lane's receipts, and the
// append-only Merkle tree over those. docs/receipts.md specifies every byte.
//
// Everything is binary with a fixed layout and big-endian integers, so exactly one byte string encodes a value, and the
// decoders refuse every other one. What is signed begins with a tag of its own and the hash of the chain id: no
// signature of one kind, or of one network, stands for another. Money is in uemc, times are in milliseconds since 1970.
//
// Nothing here knows the chain or a daemon, and no function depends on time or randomness.
package receipt
