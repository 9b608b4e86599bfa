package session_test

import (
	"context"
	"errors"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

// simRouter is a Sequencer that can be away.
type simRouter struct {
	party
	key       keyPair
	sequencer *session.Sequencer
}

func (r *simRouter) start() {
	r.boot = r.open
	r.arm()
	r.open()
}

func (r *simRouter) open() {
	var err error
	r.sequencer, err = session.NewSequencer(session.SequencerConfig{ChainID: chainID, Key: r.key, Public: r.key.public, Chain: r.chain, Store: r.store, Now: r.clock, Margin: margin})
	if err != nil && !r.crashed() {
		r.fail("%s does not start: %v", r.name, err)
	}
}

var errAway = errors.New("the router does not answer")

// Cosign loses the question or the answer now and then.
func (r *simRouter) Cosign(ctx context.Context, v receipt.Voucher) (receipt.Signature, error) {
	if r.crashed() || r.sequencer == nil || r.chance(r.loss) {
		return receipt.Signature{}, errAway
	}
	sig, err := r.sequencer.Cosign(ctx, v)
	if r.crashed() || r.chance(r.loss) {
		return receipt.Signature{}, errAway
	}
	return sig, err
}
