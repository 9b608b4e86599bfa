package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"time"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/test/e2e/rig"
)

// windowTime is how long a window may let wait: opening is a matter of chance.
const windowTime = 5 * time.Minute

// prove shows a window from its opening to the claim of what it earned, and holds
// every figure against the others.
func (d *demo) prove(ctx context.Context) error {
	d.head("Computing power: proved to all, and paid")
	w, commit, err := d.window(ctx)
	if err != nil {
		return err
	}
	record, err := d.net.Record(ctx, d.worker.Address)
	if err != nil {
		return err
	}
	score := record.Scores[len(record.Scores)-1]
	want := proof.MicroE(proof.Commitment{LogN: uint8(commit.Log2N), Rounds: uint64(commit.Rounds), Root: proof.Digest(commit.Root)}, time.Duration(w.Took))
	d.say("proved  %d products of matrices of n = %d in %.1f s: E = %s (10^12 multiply-accumulates a second), checked on %d tiles by every validator",
		commit.Rounds, 1<<commit.Log2N, time.Duration(w.Took).Seconds(), e(int64(score.Power)), commit.Samples)
	switch {
	case score.Outcome != "OUTCOME_PROVED" || score.Number != w.Number:
		return fmt.Errorf("the node's last score is %s in window number %d, expected a proof in number %d", score.Outcome, score.Number, w.Number)
	case want.Cmp(big.NewInt(int64(score.Power))) != 0 || w.Power != score.Power:
		return fmt.Errorf("the power is %d of the network's %d micro-E, its work comes to %s", score.Power, w.Power, want)
	}
	return d.claim(ctx, w)
}

// window follows one window in which the worker proves.
func (d *demo) window(ctx context.Context) (rig.Window, rig.Commit, error) {
	for {
		w, err := d.net.WaitWindow(ctx, 0, windowTime, func(w rig.Window) bool { return w.Phase == rig.WindowOpen })
		if err != nil {
			return w, rig.Commit{}, err
		}
		height := int64(w.Height)
		d.say("window opened at block %d, until block %d: nobody knew its beacon %s before", w.Height, w.ClosesAt, short(w.Beacon))
		if w, err = d.net.WaitWindow(ctx, height, windowTime, func(w rig.Window) bool { return w.Phase == rig.WindowReveal || over(w) }); err != nil {
			return w, rig.Commit{}, err
		}
		commit, err := d.net.Commit(ctx, d.worker.Address)
		if err == nil && !over(w) {
			d.say("committed to %d rounds by one hash, %s; then the draw, %s", commit.Rounds, short(commit.Root), short(w.Draw))
		}
		closed, failed := d.net.WaitWindow(ctx, height, windowTime, over)
		if failed != nil {
			return closed, commit, failed
		}
		if err == nil && closed.Phase == rig.WindowClosed && closed.Proved == 1 {
			return closed, commit, nil
		}
		d.say("the worker did not prove in this window (%s %s); the next will do", strings.ToLower(strings.TrimPrefix(closed.Phase, "PHASE_")), closed.Void)
	}
}

// claim shows what the window issued, and pays it out.
func (d *demo) claim(ctx context.Context, w rig.Window) error {
	emission, err := d.net.Emission(ctx, 0)
	if err != nil {
		return err
	}
	d.say("issued  %s to nodes and %s to validators and their delegators, of %s that the schedule allows so far at %s a day",
		emc(int64(w.Minted)), emc(int64(w.Validator)), emc(int64(emission.Scheduled.Amount)), emc(int64(emission.PerDay.Amount)))
	before, err := d.purse(ctx)
	if err != nil {
		return err
	}
	claimable, err := d.net.Claimable(ctx, d.worker.Operator)
	if err != nil {
		return err
	}
	if claimable < int64(w.Paid) || w.Minted < w.Paid || w.Minted == 0 {
		return fmt.Errorf("%d uemc can be claimed, the window minted %d and paid %d", claimable, w.Minted, w.Paid)
	}
	answer, err := d.worker.Run(ctx, "claim")
	if err != nil {
		return err
	}
	d.lines(answer.Out)
	after, err := d.purse(ctx)
	if err != nil {
		return err
	}
	left, err := d.net.Claimable(ctx, d.worker.Operator)
	if err != nil {
		return err
	}
	paid, err := d.net.PaidBy(ctx, d.worker.Operator, before.height, after.height)
	if err != nil {
		return err
	}
	claimed := after.operator - before.operator + rig.Fees(paid)
	d.say("claimed %s: operator %s = before + claim - fees %s", emc(claimed), emc(after.operator), emc(rig.Fees(paid)))
	if claimed < claimable || left != 0 && claimed != claimable {
		return fmt.Errorf("%d uemc came, %d could be claimed and %d still can", claimed, claimable, left)
	}
	return d.money.Check(ctx)
}

func over(w rig.Window) bool { return w.Phase == rig.WindowClosed || w.Phase == rig.WindowVoid }

// e writes micro-E as E.
func e(micro int64) string { return fmt.Sprintf("%d.%06d", micro/1_000_000, micro%1_000_000) }

func short(b []byte) string { return hex.EncodeToString(b[:min(8, len(b))]) + "…" }
