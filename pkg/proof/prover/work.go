package prover

import (
	"context"
	"sync"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/kernel"
)

// work is a stream of rounds to be multiplied.
type work struct {
	kernel kernel.Kernel
	seed   proof.Digest
	logN   uint8
	// next gives the round to begin; false when there is none left.
	next func() (round uint64, ok bool)
	// done takes a finished round.
	done  func(round uint64, root proof.Digest, leaves []uint64)
	meter *Meter
}

// run multiplies until no round is left or the context ends. Rounds that are not
// finished then are lost.
func (w *work) run(ctx context.Context, teams []teamSpace) {
	var group sync.WaitGroup
	for _, space := range teams {
		t := &team{work: w, operands: space.operands}
		for _, operand := range space.cores {
			group.Go(func() { t.join(ctx, newCore(w, operand)) })
		}
	}
	group.Wait()
}
