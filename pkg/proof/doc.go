// Package proof is the proof of computing, kind 1: the standard task, the
// commitment to having done it, and the check of that commitment by anybody,
// without a GPU. docs/proof.md specifies every byte.
//
// The standard task is the exact product of seeded int8 matrices, as many as fit
// into a window. A node commits to the digests of all 16×16 tiles of all
// products with one Merkle root; a beacon drawn afterwards picks tiles; Verify
// computes those again. Package kernel has the arithmetic, package prover does a
// whole window's work.
//
// Nothing here knows the chain or a daemon, and no function depends on time,
// randomness or floating point.
package proof
