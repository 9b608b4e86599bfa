package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// tally counts the reports, a bounded number of targets in a block. It returns what
// is left of the budget.
func (k *Keeper) tally(ctx context.Context, params types.Params, e *types.ProbeEpoch, budget int) (int, error) {
	reports, err := k.reports(ctx, e)
	if err != nil {
		return 0, err
	}
	e.Reports = 0
	for _, r := range reports {
		if r != nil {
			e.Reports++
		}
	}
	for ; budget > 0 && e.Next < e.Targets; budget-- {
		t, err := k.Targets.Get(ctx, e.Next)
		if err != nil {
			return 0, err
		}
		count := types.Count(t.Index, e.Members, reports)
		isolated(ctx, e, t.Node, func(ctx context.Context, e *types.ProbeEpoch) error { return k.judge(ctx, params, e, t, count) })
		e.Next++
	}
	if e.Next < e.Targets {
		return 0, nil
	}
	return budget, k.beginPayingRouters(ctx, e)
}

// reports lists the reports in the order of the members; nil is who did not report.
func (k *Keeper) reports(ctx context.Context, e *types.ProbeEpoch) ([]*types.ProbeReport, error) {
	out := make([]*types.ProbeReport, len(e.Members))
	for i, m := range e.Members {
		addr, err := sdk.ValAddressFromBech32(m.Validator)
		if err != nil {
			return nil, err
		}
		r, err := k.Reports.Get(ctx, addr)
		if errors.Is(err, collections.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		out[i] = &r
	}
	return out, nil
}

// judge concludes what the reports say of a target.
func (k *Keeper) judge(ctx context.Context, params types.Params, e *types.ProbeEpoch, t types.ProbeTarget, c types.ProbeCount) error {
	n, err := k.compute.Node(ctx, t.Node)
	if errors.Is(err, computetypes.ErrNodeNotFound) {
		e.Undecided++ // it retired meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	reports, err := k.compute.Reports(ctx, n)
	if err != nil {
		return err
	}
	verdict := c.Verdict(e.Bonded, params)
	// Who stopped, and says so by reporting no longer, was not to be reached with reason.
	// A mark that he has stays: else a break would lift it.
	there := reports && !n.Jailed
	switch {
	case !there:
		verdict = types.VERDICT_UNDECIDED
		e.Undecided++
	case verdict == types.VERDICT_UNREACHABLE:
		e.Unreachable++
		err = k.setUnreachable(ctx, t.Node, true)
	default:
		if verdict == types.VERDICT_ANSWERED {
			e.Answered++
		} else {
			e.Undecided++
		}
		// A mark lasts as long as the probes confirm it, and no longer than there are any.
		if n.UnreachableSince != 0 {
			err = k.setUnreachable(ctx, t.Node, false)
		}
	}
	if err != nil {
		return err
	}
	if t.Router && verdict == types.VERDICT_ANSWERED {
		t.Operator, t.Weight = n.Operator, c.Backed(n.Stake)
		e.Weight = e.Weight.Add(t.Weight)
		if err := k.Targets.Set(ctx, t.Index, t); err != nil {
			return err
		}
	}
	return emit(ctx, &types.EventNodeProbed{
		Node: n.Address, Epoch: e.Number, Verdict: verdict, Reporters: c.Reporters, Power: c.Power, Passed: c.Passed,
	})
}

// setUnreachable changes the node, and in which class it is drawn.
func (k *Keeper) setUnreachable(ctx context.Context, addr sdk.AccAddress, unreachable bool) error {
	if err := k.compute.SetUnreachable(ctx, addr, unreachable); err != nil {
		return err
	}
	n, err := k.compute.Node(ctx, addr)
	if err != nil {
		return err
	}
	if err := k.Watched.Remove(ctx, collections.Join(uint32(types.ClassUnreachable), addr)); err != nil {
		return err
	}
	return k.watch(ctx, addr, n)
}

// beginPayingRouters issues what is due to routers since the last epoch. If none
// answered, it lapses: the schedule is a ceiling.
func (k *Keeper) beginPayingRouters(ctx context.Context, e *types.ProbeEpoch) error {
	e.Phase, e.Next = types.PROBE_PHASE_PAYING, 0
	emission, err := k.emission(ctx)
	if err != nil {
		return err
	}
	if e.Weight.IsPositive() && emission.RoutersDue.IsPositive() {
		e.Minted = emission.RoutersDue
		emission.Minted = emission.Minted.Add(e.Minted)
		if err := k.bank.MintCoins(ctx, types.ModuleName, sdk.NewCoins(types.Uemc(e.Minted))); err != nil {
			return err
		}
	}
	emission.RoutersDue = math.ZeroInt()
	return k.Emission.Set(ctx, emission)
}

// payRouters credits each router's share, a bounded number in a block, removes the
// targets and closes the epoch.
func (k *Keeper) payRouters(ctx context.Context, e *types.ProbeEpoch, budget int) error {
	emission, err := k.emission(ctx)
	if err != nil {
		return err
	}
	for ; budget > 0 && e.Next < e.Targets; budget-- {
		t, err := k.Targets.Get(ctx, e.Next)
		if err != nil {
			return err
		}
		if t.Weight.IsPositive() {
			isolated(ctx, e, t.Node, func(ctx context.Context, e *types.ProbeEpoch) error { return k.payRouter(ctx, e, emission, t) })
		}
		if err := k.Targets.Remove(ctx, t.Index); err != nil {
			return err
		}
		e.Next++
	}
	if e.Next < e.Targets {
		return nil
	}
	if e.Weight.IsPositive() {
		emission.UndividedRouters = emission.UndividedRouters.Add(e.Minted).Sub(e.Paid)
		if err := k.Emission.Set(ctx, emission); err != nil {
			return err
		}
	}
	if err := k.Reports.Clear(ctx, nil); err != nil { // no more than there are members
		return err
	}
	e.Phase, e.Members, e.Cursor = types.PROBE_PHASE_CLOSED, nil, nil
	return emit(ctx, &types.EventProbeEpochClosed{
		Epoch: e.Number, Reports: e.Reports, Answered: e.Answered, Unreachable: e.Unreachable, Undecided: e.Undecided, Minted: e.Minted.String(),
	})
}

// payRouter credits one router's share to its operator, rounded down.
func (k *Keeper) payRouter(ctx context.Context, e *types.ProbeEpoch, emission types.Emission, t types.ProbeTarget) error {
	share := e.Minted.Add(emission.UndividedRouters).Mul(t.Weight).Quo(e.Weight)
	if !share.IsPositive() {
		return nil
	}
	operator, err := sdk.AccAddressFromBech32(t.Operator)
	if err != nil {
		return err
	}
	reward, err := k.reward(ctx, operator)
	if err != nil {
		return err
	}
	reward.Claimable = reward.Claimable.AddAmount(share)
	if err := k.Rewards.Set(ctx, operator, reward); err != nil {
		return err
	}
	e.Paid = e.Paid.Add(share)
	return emit(ctx, &types.EventRouterRewarded{Node: sdk.AccAddress(t.Node).String(), Operator: t.Operator, Epoch: e.Number, Amount: share.String()})
}
