package power

import (
	"context"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/prover"
)

// strategy is what a node does at the three steps at which it could cheat. There
// is one, honest; test/cheaters builds a worker with others (the tag emc_cheat).
type strategy interface {
	// window is the one whose work is done.
	window(w proof.Window) proof.Window
	// commit is what the node commits to, and the roots of the rounds behind it.
	commit(p *prover.Prover) (proof.Commitment, []proof.Digest, error)
	// open is the proof that it sends.
	open(ctx context.Context, p *prover.Prover, c proof.Commitment, draw [32]byte, samples int) ([]byte, error)
}

// honest does the window's own work, commits to all of it, and sends a proof that
// the prover has verified.
type honest struct{}

func (honest) window(w proof.Window) proof.Window { return w }

func (honest) commit(p *prover.Prover) (proof.Commitment, []proof.Digest, error) { return p.Commit() }

func (honest) open(ctx context.Context, p *prover.Prover, c proof.Commitment, draw [32]byte, samples int) ([]byte, error) {
	return p.Open(ctx, c, draw, samples)
}
