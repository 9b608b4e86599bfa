package keeper

import (
	"context"
	"errors"
	"math"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// settle writes what each node proved, a bounded number in a block: first those
// which committed, then those whose market power falls because they stayed away.
// It returns what is left of the budget.
func (k *Keeper) settle(ctx context.Context, params types.Params, w *types.Window, budget int) (int, error) {
	commits, done, err := k.nextCommits(ctx, w.Cursor, budget)
	if err != nil {
		return 0, err
	}
	for _, c := range commits {
		w.Cursor = c.Node
		isolated(ctx, w, c.Node, func(ctx context.Context, w *types.Window) error { return k.settleCommit(ctx, params, w, c) })
	}
	budget -= len(commits)
	if !done {
		return budget, nil
	}
	absent, err := k.dueChanges(ctx, w.Number, budget)
	if err != nil {
		return 0, err
	}
	for _, addr := range absent {
		isolated(ctx, w, addr, func(ctx context.Context, w *types.Window) error {
			r, err := k.record(ctx, addr)
			if err != nil {
				return err
			}
			return k.setPower(ctx, addr, &r, w.Number, params.PowerWindows)
		})
	}
	if len(absent) == budget {
		return 0, nil // there may be more
	}
	return budget - len(absent), k.beginPaying(ctx, params, w)
}

// settleCommit writes what one node proved.
func (k *Keeper) settleCommit(ctx context.Context, params types.Params, w *types.Window, c types.Commit) error {
	n, err := k.compute.Node(ctx, c.Node)
	if errors.Is(err, computetypes.ErrNodeNotFound) {
		// It retired meanwhile, and is paid nothing.
		c.Power, c.Weight = 0, 0
		return k.Commits.Set(ctx, c.Node, c)
	}
	if err != nil {
		return err
	}
	r, err := k.record(ctx, c.Node)
	if err != nil {
		return err
	}
	switch {
	case c.Outcome == types.OUTCOME_PROVED:
		w.Proved++
	case c.Outcome == types.OUTCOME_WRONG:
		w.Wrong++
	case w.Drawn(c):
		c.Outcome, c.Power = types.OUTCOME_SILENT, 0
		r.SuspectUntil = w.Number + uint64(params.PowerWindows) + 1
		w.Silent++
	default:
		c.Outcome, c.Power = types.OUTCOME_NOT_DRAWN, min(w.Claim(c), r.Proven)
		w.NotDrawn++
	}
	r.Add(types.Score{Number: w.Number, Outcome: c.Outcome, Power: c.Power}, params.PowerWindows)
	if err := k.setPower(ctx, c.Node, &r, w.Number, params.PowerWindows); err != nil {
		return err
	}
	if c.Outcome == types.OUTCOME_SILENT && r.Silences(w.Number, params.PowerWindows) >= params.MaxSilent {
		until := sdk.UnwrapSDKContext(ctx).BlockTime().Unix() + int64(params.SilentJailSeconds)
		if err := k.compute.Jail(ctx, c.Node, until, "drawn and silent too often"); err != nil {
			return err
		}
		n.Jailed = true
	}
	c.Operator, c.Weight = n.Operator, 0
	if !n.Jailed {
		c.Weight = types.Weight(c.Power, n.Stake, params.StakePerE.Amount)
	}
	w.Power, w.Weight = add(w.Power, c.Power), add(w.Weight, c.Weight)
	if err := k.Commits.Set(ctx, c.Node, c); err != nil {
		return err
	}
	return emit(ctx, &types.EventNodeSettled{Node: r.Node, Number: w.Number, Outcome: c.Outcome, WindowPower: c.Power, Power: r.Power})
}

// setPower writes a node's record, and its market power where it changes. When it
// changes next, should the node stay away, stands in a queue: so an absent node
// costs nothing in the windows that change nothing.
func (k *Keeper) setPower(ctx context.Context, addr sdk.AccAddress, r *types.Record, number uint64, windows uint32) error {
	power, changes := r.Quartile(number, windows), r.Changes(number, windows)
	if changes != r.ChangesAt {
		if r.ChangesAt != 0 {
			if err := k.Changes.Remove(ctx, collections.Join(r.ChangesAt, addr)); err != nil {
				return err
			}
		}
		if changes != 0 {
			if err := k.Changes.Set(ctx, collections.Join(changes, addr)); err != nil {
				return err
			}
		}
		r.ChangesAt = changes
	}
	changed := power != r.Power
	r.Power = power
	if err := k.Records.Set(ctx, addr, *r); err != nil || !changed {
		return err
	}
	return k.compute.SetPower(ctx, addr, power)
}

// dueChanges are nodes whose market power changes with a window, at most so many.
func (k *Keeper) dueChanges(ctx context.Context, number uint64, limit int) ([]sdk.AccAddress, error) {
	if limit <= 0 {
		return nil, nil
	}
	var due []sdk.AccAddress
	until := collections.NewPrefixUntilPairRange[uint64, sdk.AccAddress](number)
	err := k.Changes.Walk(ctx, until, func(key collections.Pair[uint64, sdk.AccAddress]) (bool, error) {
		due = append(due, key.K2())
		return len(due) == limit, nil
	})
	return due, err
}

// forget removes what is kept of a node that is gone. Its operator's rewards stay.
func (k *Keeper) forget(ctx context.Context, addr sdk.AccAddress) error {
	r, err := k.record(ctx, addr)
	if err != nil {
		return err
	}
	if r.ChangesAt != 0 {
		if err := k.Changes.Remove(ctx, collections.Join(r.ChangesAt, addr)); err != nil {
			return err
		}
	}
	return k.Records.Remove(ctx, addr)
}

// add adds without wrapping around.
func add(a, b uint64) uint64 {
	if a > math.MaxUint64-b {
		return math.MaxUint64
	}
	return a + b
}
