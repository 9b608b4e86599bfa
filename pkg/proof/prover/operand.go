package prover

import (
	"unsafe"

	"github.com/edgematrix/emc/pkg/proof/kernel"
)

// hugePage is the size of a large page of memory.
const hugePage = 2 << 20

// operandSize is what newOperand allocates for an operand.
func operandSize(size int) int64 {
	if size < 2*hugePage {
		return int64(size)
	}
	return int64(size) + 2*hugePage
}

// newOperand makes room for all of B. It is read from end to end again and again:
// in large pages, where the system has them, that costs fewer look-ups of
// addresses.
func newOperand(size int) []byte {
	if size < 2*hugePage {
		return kernel.Buffer(size)
	}
	raw := make([]byte, size+2*hugePage)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(raw)))) & (hugePage - 1)
	whole := (size + hugePage - 1) &^ (hugePage - 1)
	adviseHuge(raw[skip:][:whole])
	return raw[skip:][:size:size]
}
