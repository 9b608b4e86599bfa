package kernel

// The constants of the fold.
const (
	foldMul = 0x9E3779B1
	foldAdd = 0x85EBCA6B
)

// Fold is g(x): what one product adds to its tile's leaf, modulo 2^64. It is not
// linear, or a leaf could be had from sums of rows and columns without any
// multiplication of matrices.
func Fold(x int32) uint64 {
	h := uint32(x) * foldMul
	h ^= h >> 15
	return uint64(h) * uint64(h+foldAdd)
}
