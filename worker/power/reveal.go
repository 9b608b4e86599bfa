package power

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/prover"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// Keys of messages in the queue.
const (
	commitPrefix = "commit/"
	revealPrefix = "reveal/"
)

// opened is a proof that waits for its slot, or was put into the queue.
type opened struct {
	height int64
	root   proof.Digest
	proof  []byte
	queued bool
}

// reveal opens what the draw asks for, and queues the proof when its slot has come.
func (l *Loop) reveal(ctx context.Context, head chainclient.Head, w poctypes.Window) error {
	if l.opened != nil && l.opened.height == w.Height && l.opened.queued {
		return nil
	}
	found, c, err := l.drawn(ctx, w)
	if err != nil || !found.Drawn {
		return err
	}
	if l.opened == nil || l.opened.height != w.Height || l.opened.root != c.Root {
		l.say(fmt.Sprintf("opening %d samples of window %d", found.Samples, w.Height))
		bytes, err := l.openProof(ctx, w, c, int(found.Samples))
		if err != nil || bytes == nil {
			return err
		}
		l.opened = &opened{height: w.Height, root: c.Root, proof: bytes}
	}
	at := w.DrawnAt + int64(proof.Slot([32]byte(w.Draw), [20]byte(l.cfg.Address), uint64(max(w.RevealUntil-w.DrawnAt, 0))))
	if head.Height < at {
		l.say(fmt.Sprintf("the proof of window %d is sent in block %d", w.Height, at+1))
		return nil
	}
	_, err = l.cfg.Queue.Put(fmt.Sprintf("%s%d", revealPrefix, w.Height), &poctypes.MsgRevealProof{
		Node: l.cfg.Address.String(), Window: w.Height, Proof: l.opened.proof,
	})
	if err != nil {
		return err
	}
	l.opened.queued, l.opened.proof = true, nil
	l.cfg.Queue.Wake()
	l.cfg.Logger.Info("proof: revealed", "window", w.Height, "rounds", c.Rounds, "samples", found.Samples)
	l.say(fmt.Sprintf("waiting for the result of window %d", w.Height))
	return nil
}

// drawn compares the chain's commitment with those that were written down here,
// and says in Drawn whether there is something to open.
func (l *Loop) drawn(ctx context.Context, w poctypes.Window) (poctypes.QueryProofResponse, proof.Commitment, error) {
	var nothing poctypes.QueryProofResponse
	const topic = "window"
	r := l.record
	if r == nil || r.Height != w.Height {
		l.say(fmt.Sprintf("window %d passes without this node", w.Height))
		return nothing, proof.Commitment{}, nil
	}
	if r.Spoiled != "" {
		l.once(topic, "proof: nothing of this window is revealed", "window", w.Height, "reason", r.Spoiled)
		return nothing, proof.Commitment{}, nil
	}
	found, err := l.cfg.Chain.Proof(ctx, l.cfg.Address.String())
	missing := errors.Is(err, chainclient.ErrNotFound)
	if err != nil && !missing {
		return nothing, proof.Commitment{}, err
	}
	if missing || found.Commit.Window != w.Height {
		l.once(topic, "proof: no commitment of this node reached the chain in time; the window counts as missed", "window", w.Height)
		return nothing, proof.Commitment{}, nil
	}
	if found.Commit.Outcome != poctypes.OUTCOME_PENDING {
		return nothing, proof.Commitment{}, nil // revealed, by the process before this one
	}
	c, ok := r.find(found.Commit)
	if !ok || !bytes.Equal(r.Beacon[:], w.Beacon) {
		l.once(topic, "proof: the chain has a commitment of this node that was not made here; it cannot be revealed. Does another machine use the same key?",
			"window", w.Height, "rounds", found.Commit.Rounds)
		return nothing, proof.Commitment{}, nil
	}
	if !found.Drawn {
		l.once(topic, "proof: not drawn; the window counts as the last proof at most", "window", w.Height, "rounds", c.Rounds)
		return nothing, proof.Commitment{}, nil
	}
	if len(w.Draw) != 32 || found.Samples == 0 || found.Samples > poctypes.MaxSamples {
		return nothing, proof.Commitment{}, fmt.Errorf("window %d: the chain tells a draw of %d bytes and %d samples", w.Height, len(w.Draw), found.Samples)
	}
	return found, c, nil
}

// find is the commitment that the chain has, if it was made here: the last one,
// or an earlier one when the last came too late.
func (r record) find(on poctypes.Commit) (proof.Commitment, bool) {
	for _, c := range r.Commitments {
		if bytes.Equal(c.Root[:], on.Root) && c.Rounds == on.Rounds && uint32(c.LogN) == on.Log2N {
			return c, true
		}
	}
	return proof.Commitment{}, false
}

// openProof opens the samples. A proof that this machine itself finds wrong is
// never sent, nor tried again: silence costs nothing, a wrong opening the stake.
func (l *Loop) openProof(ctx context.Context, w poctypes.Window, c proof.Commitment, samples int) ([]byte, error) {
	p, err := l.proverOf(w)
	if err != nil {
		return nil, err
	}
	began := l.cfg.Now()
	out, err := l.cfg.strategy.open(ctx, p, c, [32]byte(w.Draw), samples)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		l.cfg.Logger.Error("proof: it cannot be verified here, so it is not sent; the window counts as silent, which costs no stake. Test this machine with `emc-worker bench`",
			"window", w.Height, "error", err)
		l.record.Spoiled = err.Error()
		return nil, l.record.save(l.cfg.Dir)
	}
	l.cfg.Logger.Info("proof: drawn and opened", "window", w.Height, "samples", samples, "took", l.cfg.Now().Sub(began).Round(1e6))
	return out, nil
}

// proverOf is the prover that did the work, or after a restart one that does what
// was drawn of it again.
func (l *Loop) proverOf(w poctypes.Window) (*prover.Prover, error) {
	if l.turn != nil && l.turn.height == w.Height {
		return l.turn.prover, nil
	}
	window := l.cfg.strategy.window(l.record.proofWindow())
	if l.plan != nil && l.plan.logN == l.record.LogN && uint64(len(l.record.roots())) <= l.plan.rounds {
		return l.plan.workspace.Prover(window, l.record.roots()...)
	}
	config, err := l.cfg.prover(l.record.LogN)
	if err != nil {
		return nil, err
	}
	return prover.New(window, config, l.record.roots()...)
}
