package keeper

import (
	"context"
	"errors"
	"fmt"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/poc/types"
)

// A window's life. Everything that happens to it by itself happens at the end of
// a block, a bounded part of it in each; a new one waits until the last is over.

// BeginBlock opens a window where the beacon says so.
func (k *Keeper) BeginBlock(ctx context.Context) error {
	if err := k.beginEmission(ctx); err != nil {
		return err
	}
	params, err := k.Params.Get(ctx)
	if err != nil {
		return err
	}
	last, err := k.window(ctx)
	if err != nil {
		return err
	}
	b, err := k.newest(ctx)
	if err != nil {
		return err
	}
	// Where nothing can be drawn, nobody should compute.
	if last.Active() || b.Height < last.Height+int64(params.WindowGapBlocks) || b.Needed == 0 || !types.Opens(b.Value, params.WindowMeanBlocks) {
		return nil
	}
	w := types.Window{
		Height: b.Height, Phase: types.PHASE_OPEN, Beacon: b.Value, Opened: sdk.UnwrapSDKContext(ctx).BlockTime(),
		ClosesAt: b.Height + int64(params.WindowBlocks), Minted: math.ZeroInt(), MintedValidators: math.ZeroInt(), Paid: math.ZeroInt(),
	}
	if err := k.setWindow(ctx, w); err != nil {
		return err
	}
	if err := k.Last.Set(ctx, w.Height); err != nil {
		return err
	}
	if err := k.pruneWindows(ctx, w.Height); err != nil {
		return err
	}
	return emit(ctx, &types.EventWindowOpened{Window: w.Height, Beacon: w.Beacon, ClosesAt: w.ClosesAt})
}

// EndBlock moves the window on, and the epoch of probes.
func (k *Keeper) EndBlock(ctx context.Context) error {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return err
	}
	if err := k.moveWindow(ctx, params); err != nil {
		return err
	}
	return k.moveEpoch(ctx, params)
}

func (k *Keeper) moveWindow(ctx context.Context, params types.Params) error {
	w, err := k.window(ctx)
	if err != nil || !w.Active() {
		return err
	}
	height := sdk.UnwrapSDKContext(ctx).BlockHeight()
	budget := int(params.BlockWork)
	if w.Phase == types.PHASE_OPEN && height >= w.ClosesAt {
		closeWindow(ctx, params, &w)
	} else if w.Phase == types.PHASE_OPEN || (w.Phase == types.PHASE_REVEAL && height < w.RevealUntil) {
		return nil
	}
	if w.Phase == types.PHASE_DRAWING {
		if budget, err = k.draw(ctx, params, &w, budget); err != nil {
			return err
		}
	}
	if w.Phase == types.PHASE_REVEAL && height >= w.RevealUntil {
		w.Phase, w.Cursor = types.PHASE_SETTLING, nil
	}
	if w.Phase == types.PHASE_SETTLING {
		if budget, err = k.settle(ctx, params, &w, budget); err != nil {
			return err
		}
	}
	if w.Phase == types.PHASE_PAYING {
		if budget, err = k.pay(ctx, &w, budget); err != nil {
			return err
		}
	}
	if w.Phase == types.PHASE_DISCARDING {
		if err := k.discard(ctx, &w, budget); err != nil {
			return err
		}
	}
	return k.setWindow(ctx, w)
}

// closeWindow ends the time in which commitments are taken. A window in which the
// chain stood still is void: who had more time than the others would seem faster.
func closeWindow(ctx context.Context, params types.Params, w *types.Window) {
	w.TookNanoseconds = sdk.UnwrapSDKContext(ctx).BlockTime().Sub(w.Opened).Nanoseconds()
	w.Phase = types.PHASE_DRAWING
	if limit := 2 * int64(params.WindowMilliseconds) * 1_000_000; w.TookNanoseconds > limit || w.TookNanoseconds <= 0 {
		void(w, fmt.Sprintf("it took %d ms, at most %d ms are allowed: the chain stood still", w.TookNanoseconds/1_000_000, limit/1_000_000))
	}
}

func void(w *types.Window, reason string) {
	w.Phase, w.VoidReason, w.Cursor = types.PHASE_DISCARDING, reason, nil
}

// draw counts the commitments, and draws the sample once enough validators have
// contributed since the window closed.
func (k *Keeper) draw(ctx context.Context, params types.Params, w *types.Window, budget int) (int, error) {
	commits, done, err := k.nextCommits(ctx, w.Cursor, budget)
	if err != nil {
		return 0, err
	}
	for _, c := range commits {
		w.Commits++
		if c.Suspect {
			w.Suspects++
		}
		w.Cursor = c.Node
	}
	height := sdk.UnwrapSDKContext(ctx).BlockHeight()
	d, err := k.DrawSince(ctx, w.ClosesAt+1)
	if err != nil && !errors.Is(err, types.ErrNotFound) { // beacons that are gone come no more: void below
		return 0, err
	}
	if !d.Ready && height >= w.ClosesAt+int64(params.DrawBlocks) {
		void(w, fmt.Sprintf("no sample within %d blocks: %d of %d validators contributed to the beacon", params.DrawBlocks, d.Contributed, d.Needed))
		return budget - len(commits), nil
	}
	if !done || !d.Ready {
		return budget - len(commits), nil
	}
	number, err := k.number(ctx)
	if err != nil {
		return 0, err
	}
	w.Number = number + 1
	if err := k.Number.Set(ctx, w.Number); err != nil {
		return 0, err
	}
	w.Draw, w.DrawnAt, w.RevealUntil = d.Beacon.Value, height, height+int64(params.RevealBlocks)
	w.Samples, w.SuspectSamples = params.Samples, params.SuspectSamples
	suspects, others := types.Places(uint64(params.MaxReveals), w.Suspects, w.Commits-w.Suspects)
	w.SuspectDrawBelow, w.DrawBelow = types.Below(suspects, w.Suspects), types.Below(others, w.Commits-w.Suspects)
	w.Phase, w.Cursor = types.PHASE_REVEAL, nil
	return budget - len(commits), emit(ctx, &types.EventWindowDrawn{Window: w.Height, Draw: w.Draw, Commits: w.Commits, RevealUntil: w.RevealUntil})
}

// discard removes the commitments of a void window.
func (k *Keeper) discard(ctx context.Context, w *types.Window, budget int) error {
	commits, done, err := k.nextCommits(ctx, nil, budget)
	if err != nil {
		return err
	}
	for _, c := range commits {
		if err := k.Commits.Remove(ctx, c.Node); err != nil {
			return err
		}
	}
	if !done {
		return nil
	}
	w.Phase, w.Cursor = types.PHASE_VOID, nil
	return emit(ctx, &types.EventWindowVoid{Window: w.Height, Reason: w.VoidReason})
}

// nextCommits are the commitments after a cursor, at most so many; done when
// there are no more.
func (k *Keeper) nextCommits(ctx context.Context, after []byte, limit int) (commits []types.Commit, done bool, err error) {
	if limit <= 0 {
		return nil, false, nil
	}
	from := new(collections.Range[sdk.AccAddress])
	if after != nil {
		from.StartExclusive(after)
	}
	err = k.Commits.Walk(ctx, from, func(_ sdk.AccAddress, c types.Commit) (bool, error) {
		commits = append(commits, c)
		return len(commits) == limit, nil
	})
	return commits, len(commits) < limit, err
}

// window is the newest one; its height is 0 before the first.
func (k *Keeper) window(ctx context.Context) (types.Window, error) {
	height, err := k.Last.Get(ctx)
	if errors.Is(err, collections.ErrNotFound) {
		return types.Window{}, nil
	}
	if err != nil {
		return types.Window{}, err
	}
	return k.Windows.Get(ctx, height)
}

func (k *Keeper) setWindow(ctx context.Context, w types.Window) error {
	return k.Windows.Set(ctx, w.Height, w)
}

// pruneWindows forgets windows that opened long before a height. One comes at a
// time; two go, so that a shorter time takes effect.
func (k *Keeper) pruneWindows(ctx context.Context, height int64) error {
	var old []int64
	before := new(collections.Range[int64]).EndExclusive(height - types.KeptWindowBlocks)
	if err := k.Windows.Walk(ctx, before, func(h int64, _ types.Window) (bool, error) {
		old = append(old, h)
		return len(old) == pruned, nil
	}); err != nil {
		return err
	}
	for _, h := range old {
		if err := k.Windows.Remove(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// number is that of the last window which was not void.
func (k *Keeper) number(ctx context.Context) (uint64, error) {
	n, err := k.Number.Get(ctx)
	if errors.Is(err, collections.ErrNotFound) {
		return 0, nil
	}
	return n, err
}
