package kernel

// Tile is the edge of a tile: 16×16 products are folded into one leaf.
const Tile = 16

// Word is how many entries one word of the generator gives.
const Word = 8

// Kernel multiplies blocks of the task's matrices. Its methods are safe for
// concurrent use, and allocate nothing.
type Kernel interface {
	// Name is what people call it: go, avx2, vnni, amx.
	Name() string
	// Shape is how many rows of A and columns of B a block has: multiples of Tile.
	Shape() (rows, cols int)
	// Step is what the inner dimension n has to be a multiple of: Word, or more.
	Step() int
	// PanelA and PanelB are the sizes in bytes of a block's packed operands.
	PanelA(n int) int
	PanelB(n int) int
	// PackA writes the rows of A that the keys stand for; PackB the columns of B.
	// There are as many keys as a block has rows or columns, and dst, which Buffer
	// made, holds the panel's size.
	PackA(dst []byte, keys []uint64, n int)
	PackB(dst []byte, keys []uint64, n int)
	// Multiply sets the leaves of a block, row by row of tiles.
	Multiply(leaves []uint64, a, b []byte, n int)
	// Leaf is the leaf of one tile, by itself. Scratch holds TileScratch(n) bytes
	// that Buffer made.
	Leaf(rows, cols *[Tile]uint64, n int, scratch []byte) uint64
	TileScratch(n int) int
	// Peak does nothing but the unit's multiplications, on registers, and tells
	// how many multiply-accumulates those were: the ceiling of what any program
	// can reach on this core.
	Peak(iterations int) (macs int64)
}

// block is the number of leaves that Multiply of a kernel sets.
func block(k Kernel) int {
	rows, cols := k.Shape()
	return rows / Tile * (cols / Tile)
}
