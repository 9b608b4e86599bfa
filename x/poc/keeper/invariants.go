package keeper

import (
	"context"
	"errors"
	"fmt"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// CheckInvariants says what is wrong with the state, or nil. It looks at all of
// it: for tests, simulations and the start of a chain.
func (k *Keeper) CheckInvariants(ctx context.Context) error {
	w, err := k.window(ctx)
	if err != nil {
		return err
	}
	e, err := k.epoch(ctx)
	if err != nil {
		return err
	}
	return errors.Join(k.checkMoney(ctx, w, e), k.checkCommits(ctx, w), k.checkRecords(ctx), k.checkProbes(ctx, e))
}

// checkMoney: what the module holds is what it owes, to the last uemc, and no more
// was issued than the schedule allows.
func (k *Keeper) checkMoney(ctx context.Context, w types.Window, epoch types.ProbeEpoch) error {
	e, err := k.emission(ctx)
	if err != nil {
		return err
	}
	owed, claimed := e.Owed(), math.ZeroInt()
	if epoch.Phase == types.PROBE_PHASE_PAYING {
		owed = owed.Add(epoch.Minted).Sub(epoch.Paid)
	}
	if w.Phase == types.PHASE_PAYING {
		owed = owed.Add(w.Minted).Sub(w.Paid)
	}
	if err := k.Rewards.Walk(ctx, nil, func(_ sdk.AccAddress, r types.Reward) (bool, error) {
		owed, claimed = owed.Add(r.Claimable.Amount), claimed.Add(r.Claimed.Amount)
		return false, nil
	}); err != nil {
		return err
	}
	held := k.bank.GetBalance(ctx, k.accounts.GetModuleAddress(types.ModuleName), types.Denom).Amount
	if !held.Equal(owed) {
		return fmt.Errorf("x/poc holds %s and owes %s", held, owed)
	}
	if owed.Add(claimed).GT(e.Minted) {
		return fmt.Errorf("x/poc owes %s and paid %s of %s minted", owed, claimed, e.Minted)
	}
	if e.Minted.Add(e.RoutersDue).GT(e.Accounted) || e.Accounted.GT(math.NewIntFromUint64(types.EmissionCap)) {
		return fmt.Errorf("x/poc minted %s, and owes routers %s, of %s accounted for, at most %d are ever", e.Minted, e.RoutersDue, e.Accounted, types.EmissionCap)
	}
	return nil
}

// checkCommits: there are commitments in a window under way alone.
func (k *Keeper) checkCommits(ctx context.Context, w types.Window) error {
	return k.Commits.Walk(ctx, nil, func(node sdk.AccAddress, c types.Commit) (bool, error) {
		if !w.Active() || c.Window != w.Height || !node.Equals(sdk.AccAddress(c.Node)) {
			return true, fmt.Errorf("commitment of %s in window %d, the last is %d in %s", node, c.Window, w.Height, w.Phase)
		}
		return false, nil
	})
}

// checkRecords: market power is what x/compute has, and falls when the queue says.
func (k *Keeper) checkRecords(ctx context.Context) error {
	queued := 0
	if err := k.Records.Walk(ctx, nil, func(node sdk.AccAddress, r types.Record) (bool, error) {
		n, err := k.compute.Node(ctx, node)
		if errors.Is(err, computetypes.ErrNodeNotFound) {
			return true, fmt.Errorf("a record of %s, which is not registered", node)
		}
		if err != nil {
			return true, err
		}
		if n.Power != r.Power {
			return true, fmt.Errorf("the market power of %s is %d, x/compute has %d", node, r.Power, n.Power)
		}
		if r.ChangesAt == 0 {
			return r.Power != 0, notNil(r.Power != 0, "%s has power %d and no time at which it falls", node, r.Power)
		}
		queued++
		has, err := k.Changes.Has(ctx, collections.Join(r.ChangesAt, node))
		return !has, errors.Join(err, notNil(!has, "%s is not in the queue for window %d", node, r.ChangesAt))
	}); err != nil {
		return err
	}
	entries := 0
	if err := k.Changes.Walk(ctx, nil, func(collections.Pair[uint64, sdk.AccAddress]) (bool, error) {
		entries++
		return false, nil
	}); err != nil {
		return err
	}
	return notNil(entries != queued, "%d entries in the queue of changes, %d records want one", entries, queued)
}

func notNil(wrong bool, format string, args ...any) error {
	if !wrong {
		return nil
	}
	return fmt.Errorf(format, args...)
}
