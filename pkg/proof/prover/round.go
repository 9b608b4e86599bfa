package prover

import (
	"sync/atomic"

	"github.com/edgematrix/emc/pkg/proof"
)

// round is one product under way.
type round struct {
	number uint64
	seed   proof.Digest
	// operand is B, packed, panel after panel.
	operand []byte
	leaves  []uint64
	nodes   []proof.Digest

	// panels and blocks are shared out among the cores.
	panels, blocks share
	// packed closes when all of B is there, finished when the root is.
	packed, finished chan struct{}
}

func newRound(w *work, number uint64, operand []byte) *round {
	n := 1 << w.logN
	rows, cols := w.kernel.Shape()
	each := rows * groups(w.kernel, n)
	r := &round{
		number: number, seed: proof.RoundSeed(w.seed, number), operand: operand,
		leaves: make([]uint64, proof.Leaves(w.logN)), nodes: make([]proof.Digest, proof.Chunks(w.logN)),
		packed: make(chan struct{}), finished: make(chan struct{}),
	}
	r.panels.size, r.blocks.size = int64(n/cols), int64((n+each-1)/each)
	return r
}

// share is a number of equal parts that several cores take one by one.
type share struct {
	size        int64
	taken, done atomic.Int64
}

// take is the next part; false when all are taken.
func (s *share) take() (int, bool) {
	i := s.taken.Add(1) - 1
	return int(i), i < s.size
}

// finish tells that a part is done, and whether it was the last.
func (s *share) finish() (last bool) { return s.done.Add(1) == s.size }
