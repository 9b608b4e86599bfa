package proof

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/edgematrix/emc/pkg/proof/kernel"
)

// scratch is where single tiles are multiplied; it is used again, so that a block
// full of proofs does not allocate for each.
var scratch sync.Pool

// Verify checks the openings of the k tiles that the beacon draws for a
// commitment. What is malformed is refused before anything is multiplied, at the
// cost of comparing lengths; then every opening has to lead to the root; then
// every tile is computed again.
//
// Errors: ErrKind, ErrSize, ErrRounds, ErrLength for what was never a proof,
// ErrPath for openings of something else, ErrLeaf for work that was not done.
func Verify(w Window, c Commitment, beacon [32]byte, k int, proof []byte) error {
	return VerifyWith(kernel.Best(), w, c, beacon, k, proof)
}

// VerifyWith is Verify by a kernel of one's choice.
func VerifyWith(by kernel.Kernel, w Window, c Commitment, beacon [32]byte, k int, proof []byte) error {
	if err := w.Validate(); err != nil {
		return err
	}
	if err := c.Validate(); err != nil {
		return err
	}
	if w.LogN != c.LogN {
		return fmt.Errorf("%w: the commitment is for n = 2^%d, the window for 2^%d", ErrSize, c.LogN, w.LogN)
	}
	size := OpeningSize(c)
	if k < 1 || len(proof)%size != 0 || len(proof)/size != k {
		return fmt.Errorf("%w: expected %d openings of %d bytes, got %d bytes", ErrLength, k, size, len(proof))
	}
	seed := w.Seed()
	samples := Draw(beacon, seed, c, k)
	for i, s := range samples {
		if err := checkPath(c, s, proof[i*size:][:size]); err != nil {
			return fmt.Errorf("opening %d (round %d, leaf %d): %w", i, s.Round, s.Leaf, err)
		}
	}
	buffer := borrow(by.TileScratch(w.N()))
	defer scratch.Put(buffer)
	for i, s := range samples {
		rows, cols := leafKeys(RoundSeed(seed, s.Round), w.LogN, s.Leaf)
		want := by.Leaf(&rows, &cols, w.N(), *buffer)
		if got := binary.LittleEndian.Uint64(proof[i*size+int(s.Leaf%ChunkLeaves)*8:]); got != want {
			return fmt.Errorf("opening %d (round %d, leaf %d): %w: expected %016x, got %016x", i, s.Round, s.Leaf, ErrLeaf, want, got)
		}
	}
	return nil
}

// checkPath climbs from an opening's chunk to the committed root.
func checkPath(c Commitment, s Sample, opening []byte) error {
	var leaves [ChunkLeaves]uint64
	for i := range leaves {
		leaves[i] = binary.LittleEndian.Uint64(opening[8*i:])
	}
	steps := opening[ChunkSize:]
	middle := chunkDepth(c.LogN) * len(Digest{})
	round := climb(ChunkNode(&leaves), s.Leaf/ChunkLeaves, steps[:middle])
	root := climb(RoundLeaf(s.Round, round), s.Round, steps[middle:])
	if root != c.Root {
		return fmt.Errorf("%w: it leads to the root %s, expected %s", ErrPath, root, c.Root)
	}
	return nil
}

// borrow takes a scratch of at least the size.
func borrow(size int) *[]byte {
	if b, ok := scratch.Get().(*[]byte); ok && len(*b) >= size {
		return b
	}
	b := kernel.Buffer(size)
	return &b
}
