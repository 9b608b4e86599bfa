package keeper

import (
	"context"
	"errors"
	"math"
	"time"

	"cosmossdk.io/collections"
	sdkmath "cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"

	"github.com/edgematrix/emc/x/poc/types"
)

// beginEmission notes when the network began.
func (k *Keeper) beginEmission(ctx context.Context) error {
	e, err := k.emission(ctx)
	if err != nil || e.Started != 0 {
		return err
	}
	if e.Started, err = k.compute.Now(ctx); err != nil {
		return err
	}
	return k.Emission.Set(ctx, e)
}

func (k *Keeper) emission(ctx context.Context) (types.Emission, error) {
	e, err := k.Emission.Get(ctx)
	if errors.Is(err, collections.ErrNotFound) {
		return types.NewEmission(), nil
	}
	return e.Complete(), err
}

// age is for how long the network has run, standstills left out.
func (k *Keeper) age(ctx context.Context, e types.Emission) (time.Duration, error) {
	now, err := k.compute.Now(ctx)
	if err != nil || e.Started == 0 || now <= e.Started {
		return 0, err
	}
	return time.Duration(min(now-e.Started, int64(math.MaxInt64/time.Second))) * time.Second, nil // 292 years
}

// beginPaying issues what a window earns: what the schedule allows since the last
// one, in proportion to the network's power below the target. What is not issued
// lapses: the schedule is a ceiling.
func (k *Keeper) beginPaying(ctx context.Context, params types.Params, w *types.Window) error {
	w.Phase, w.Cursor = types.PHASE_PAYING, nil
	e, err := k.emission(ctx)
	if err != nil {
		return err
	}
	age, err := k.age(ctx, e)
	if err != nil {
		return err
	}
	scheduled := types.Scheduled(age)
	due := types.Due(scheduled, e.Accounted, w.Weight, params.TargetPower)
	e.Accounted = sdkmath.MaxInt(e.Accounted, scheduled)
	var routers sdkmath.Int
	w.Minted, w.MintedValidators, routers = types.Split(due, params)
	e.RoutersDue = e.RoutersDue.Add(routers) // the epoch of probes issues it, if any router answers
	minted := w.Minted.Add(w.MintedValidators)
	e.Minted = e.Minted.Add(minted)
	if minted.IsPositive() {
		if err := k.bank.MintCoins(ctx, types.ModuleName, sdk.NewCoins(types.Uemc(minted))); err != nil {
			return err
		}
	}
	if w.MintedValidators.IsPositive() {
		// x/distribution divides it among validators and their delegators.
		if err := k.bank.SendCoinsFromModuleToModule(ctx, types.ModuleName, authtypes.FeeCollectorName, sdk.NewCoins(types.Uemc(w.MintedValidators))); err != nil {
			return err
		}
	}
	return k.Emission.Set(ctx, e)
}

// pay credits each node's share, a bounded number in a block, and removes the
// commitments. It returns what is left of the budget.
func (k *Keeper) pay(ctx context.Context, w *types.Window, budget int) (int, error) {
	commits, done, err := k.nextCommits(ctx, nil, budget)
	if err != nil {
		return 0, err
	}
	e, err := k.emission(ctx)
	if err != nil {
		return 0, err
	}
	for _, c := range commits {
		isolated(ctx, w, c.Node, func(ctx context.Context, w *types.Window) error { return k.payCommit(ctx, w, e, c) })
		if err := k.Commits.Remove(ctx, c.Node); err != nil {
			return 0, err
		}
	}
	budget -= len(commits)
	if !done {
		return budget, nil
	}
	e.Undivided = e.Undivided.Add(w.Minted).Sub(w.Paid)
	if err := k.Emission.Set(ctx, e); err != nil {
		return 0, err
	}
	w.Phase, w.Cursor = types.PHASE_CLOSED, nil
	return budget, emit(ctx, &types.EventWindowClosed{
		Window: w.Height, Number: w.Number, Proved: w.Proved, Silent: w.Silent, Wrong: w.Wrong, NotDrawn: w.NotDrawn,
		Power: w.Power, Minted: w.Minted.String(), MintedValidators: w.MintedValidators.String(),
	})
}

// payCommit credits one node's share to its operator, rounded down.
func (k *Keeper) payCommit(ctx context.Context, w *types.Window, e types.Emission, c types.Commit) error {
	if c.Weight == 0 {
		return nil
	}
	share := w.Minted.Add(e.Undivided).Mul(sdkmath.NewIntFromUint64(c.Weight)).Quo(sdkmath.NewIntFromUint64(w.Weight))
	if !share.IsPositive() {
		return nil
	}
	operator, err := sdk.AccAddressFromBech32(c.Operator)
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
	w.Paid = w.Paid.Add(share)
	r, err := k.Records.Get(ctx, c.Node)
	if err == nil {
		r.Earned = r.Earned.Add(share)
		err = k.Records.Set(ctx, c.Node, r)
	} else if errors.Is(err, collections.ErrNotFound) {
		err = nil // retired between settlement and payment
	}
	if err != nil {
		return err
	}
	return emit(ctx, &types.EventNodeRewarded{Node: sdk.AccAddress(c.Node).String(), Operator: c.Operator, Number: w.Number, Amount: share.String()})
}

func (k *Keeper) reward(ctx context.Context, operator sdk.AccAddress) (types.Reward, error) {
	r, err := k.Rewards.Get(ctx, operator)
	if errors.Is(err, collections.ErrNotFound) {
		return types.NewReward(operator.String()), nil
	}
	return r, err
}
