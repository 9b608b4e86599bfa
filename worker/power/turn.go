package power

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/prover"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// staleAfter is how old a block may be whose window is worked on: one that a node
// reads while it catches up closed long ago. Clocks are seldom as wrong as that.
const staleAfter = 10 * time.Minute

// turn is the work of one window.
type turn struct {
	height int64
	prover *prover.Prover
	base   record // without commitments that were not made yet
	// stop ends the prover and waits for it; nil when it has ended.
	stop func()
	// overdue fires when the window takes so long that it is void.
	overdue *time.Timer
	final   bool // the last commitment was made, or given up
	// unqueued: a commitment was written down, and could not be queued yet.
	unqueued bool
}

// early is the height at which the first commitment is made: at 80 % of the
// window, and soon enough for it to be out of the way of the last one.
func early(w poctypes.Window) int64 {
	blocks := w.ClosesAt - w.Height
	return w.Height + max(1, min(blocks*4/5, blocks-2))
}

// open works in an open window. The commitments are put into the queue as soon as
// the block before the one that is to hold them is seen.
func (l *Loop) open(ctx context.Context, head chainclient.Head, w poctypes.Window) error {
	if l.skip == w.Height {
		return nil
	}
	last := w.ClosesAt - 1
	if l.turn == nil || l.turn.height != w.Height {
		l.endProving()
		l.turn, l.opened = nil, nil
		if head.Height > last {
			l.say(fmt.Sprintf("window %d closes; it was seen too late", w.Height))
			return nil
		}
		if age := l.cfg.Now().Sub(head.Time); age > staleAfter {
			l.once("stale", "proof: the newest block is old; the chain's node is catching up, or this machine's clock is wrong, and nothing is proved until then",
				"minutes", int(age.Minutes()))
			l.say("waiting for the chain's node to catch up")
			return nil
		}
		if err := l.begin(ctx, w); err != nil || l.turn == nil {
			return err
		}
	}
	if l.turn.unqueued {
		if err := l.queueCommits(l.turn.base); err != nil {
			return err
		}
		l.turn.unqueued = false
	}
	_, committed := l.turn.base.last()
	switch {
	case l.turn.final:
	case head.Height >= last:
		// Rounds under way are lost in any case; the fewer cores are busy, the
		// sooner the commitment is out.
		l.turn.halt()
		l.turn.final = true
		err := error(nil)
		if head.Height == last {
			err = l.commit(w, head)
		} // else no block can hold it any more, and the first one counts
		l.endProving()
		return err
	case head.Height >= early(w) && !committed:
		return l.commit(w, head)
	}
	return nil
}

// begin freezes what runs and starts the prover; after a restart in the middle of
// a window, with the rounds that were committed to.
func (l *Loop) begin(ctx context.Context, w poctypes.Window) error {
	if err := l.prepare(ctx); err != nil {
		return err
	}
	base := record{
		ChainID: l.cfg.ChainID, Height: w.Height, Node: l.cfg.Address, PubKey: l.cfg.PubKey, Kind: proof.KindInt8, LogN: l.plan.logN,
	}
	copy(base.Beacon[:], w.Beacon)
	if r := l.record; r != nil && r.Height == w.Height && r.Beacon == base.Beacon {
		if err := l.queueCommits(*r); err != nil { // one of them may not have got there
			return err
		}
		base = *r
	}
	if base.LogN != l.plan.logN || uint64(len(base.roots())) > l.plan.rounds {
		// A worker with other settings began it. What that one has committed to counts.
		l.skip = w.Height
		return nil
	}
	p, err := l.plan.workspace.Prover(l.cfg.strategy.window(base.proofWindow()), base.roots()...)
	if err != nil {
		return err
	}
	l.turn = &turn{height: w.Height, prover: p, base: base, overdue: time.NewTimer(l.patience())}
	l.setBusy(true)
	l.freeze(ctx)
	// The prover ends with the turn, not with this step.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.Run(work)
	}()
	l.turn.stop = func() { cancel(); <-ended }
	l.cfg.Logger.Info("proof: window opened", "window", w.Height, "closes_at", w.ClosesAt, "n", 1<<base.LogN, "rounds_before", len(base.roots()))
	l.say(fmt.Sprintf("proving in window %d, until block %d", w.Height, w.ClosesAt))
	return nil
}

// patience is how long programs are held still at most: a window that takes more
// than twice its time is void.
func (l *Loop) patience() time.Duration {
	return 2 * time.Duration(l.params.WindowMilliseconds) * time.Millisecond
}

// commit writes down what a reveal needs, and only then queues the commitment.
func (l *Loop) commit(w poctypes.Window, head chainclient.Head) error {
	t := l.turn
	c, roots, err := l.cfg.strategy.commit(t.prover)
	if errors.Is(err, prover.ErrNothingDone) {
		l.cfg.Logger.Warn("proof: no round is finished yet", "window", w.Height, "n", 1<<t.base.LogN)
		return nil
	}
	if err != nil {
		return err
	}
	if before, ok := t.base.last(); ok && before == c {
		return nil
	}
	next := t.base.with(c, roots)
	if err := next.save(l.cfg.Dir); err != nil {
		return fmt.Errorf("nothing is committed to, since what its proof needs could not be written: %w", err)
	}
	t.base, l.record, t.unqueued = next, &next, true
	if err := l.queueCommits(next); err != nil {
		return err
	}
	t.unqueued = false
	l.cfg.Logger.Info("proof: committed", "window", w.Height, "rounds", c.Rounds, "e", eText(claimed(c, head.Time.Sub(w.Opened))), "last", t.final)
	return nil
}

// queueCommits puts what the record says into the queue, each once for all time.
func (l *Loop) queueCommits(r record) error {
	for _, c := range r.Commitments {
		_, err := l.cfg.Queue.Put(fmt.Sprintf("%s%d/%d", commitPrefix, r.Height, c.Rounds), &poctypes.MsgCommitProof{
			Node: l.cfg.Address.String(), Window: r.Height, Kind: uint32(r.Kind), Log2N: uint32(c.LogN), Rounds: c.Rounds, Root: c.Root[:],
		})
		if err != nil {
			return err
		}
	}
	l.cfg.Queue.Wake()
	return nil
}

// halt ends the prover; what it finished stays.
func (t *turn) halt() {
	if t.stop != nil {
		t.stop()
		t.stop = nil
	}
}

// endProving ends the prover and lets the programs go on.
func (l *Loop) endProving() {
	defer l.setBusy(false)
	defer l.thaw()
	if l.turn != nil {
		l.turn.overdue.Stop()
		l.turn.halt()
	}
}

// overdue fires when the window under way has become void.
func (l *Loop) overdue() <-chan time.Time {
	if l.turn == nil || l.turn.stop == nil {
		return nil
	}
	return l.turn.overdue.C
}

// standstill is for a chain, or a way to it, that stands still within a window.
func (l *Loop) standstill() {
	l.cfg.Logger.Warn("proof: no end of the window is to be seen; the programs go on", "window", l.turn.height, "waited", l.patience())
	l.endProving()
}
