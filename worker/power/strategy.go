package power

import (
	"context"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/prover"
)

// strategy is what a node does at the three steps at which it could cheat. There
// is one, honest; tests of the chain against cheats build others in its place.
type strategy interface {
	// window is the one whose work is done.
	window(w proof.Window) proof.Window
	// commit is what the node commits to, and the roots of the rounds behind it.
	commit(p *prover.Prover) (proof.Commitment, []proof.Digest, error)
	// open is the proof that it sends.
	open(ctx context.Context, p *prover.Prover, c proof.Commitment, draw [32]byte, samples int) ([]byte, error)
}
