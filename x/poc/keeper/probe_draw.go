package keeper

import (
	"bytes"
	"context"
	"errors"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// An epoch of probes: nodes and routers are drawn, the validators probe all of them
// and report, the reports are counted, routers are paid. Like a window it moves at
// the end of a block, a bounded part of it in each.

// mostLooks bounds how many nodes a draw looks at for each that it wants: who does
// not report is passed over, and there may be any number of those.
const mostLooks = 16

// moveEpoch moves the epoch on, or begins one.
func (k *Keeper) moveEpoch(ctx context.Context, params types.Params) error {
	e, err := k.epoch(ctx)
	if err != nil {
		return err
	}
	height := sdk.UnwrapSDKContext(ctx).BlockHeight()
	switch {
	case !e.Active() && e.Number > 0 && height < e.ClosesAt:
		return nil
	case !e.Active():
		if e, err = k.beginEpoch(ctx, params, e.Number+1); err != nil {
			return err
		}
	case e.Phase == types.PROBE_PHASE_OPEN && height < e.ClosesAt:
		return nil
	}
	budget := int(params.BlockWork)
	if e.Phase == types.PROBE_PHASE_DRAWING {
		if budget, err = k.drawTargets(ctx, params, &e, budget); err != nil {
			return err
		}
	}
	if e.Phase == types.PROBE_PHASE_OPEN && height >= e.ClosesAt {
		e.Phase, e.Next = types.PROBE_PHASE_TALLYING, 0
	}
	if e.Phase == types.PROBE_PHASE_TALLYING {
		if budget, err = k.tally(ctx, params, &e, budget); err != nil {
			return err
		}
	}
	if e.Phase == types.PROBE_PHASE_PAYING {
		if err := k.payRouters(ctx, &e, budget); err != nil {
			return err
		}
	}
	return k.Epochs.Set(ctx, e.Number, e)
}

// epoch is the newest one; its number is 0 before the first.
func (k *Keeper) epoch(ctx context.Context) (types.ProbeEpoch, error) {
	number, err := k.EpochNumber.Get(ctx)
	if errors.Is(err, collections.ErrNotFound) {
		return types.NewProbeEpoch(0, 0, 0, nil), nil
	}
	if err != nil {
		return types.ProbeEpoch{}, err
	}
	return k.Epochs.Get(ctx, number)
}

// beginEpoch notes who may report, and with which power: what validators gain or
// lose meanwhile changes nothing.
func (k *Keeper) beginEpoch(ctx context.Context, params types.Params, number uint64) (types.ProbeEpoch, error) {
	b, err := k.newest(ctx)
	if err != nil {
		return types.ProbeEpoch{}, err
	}
	height := sdk.UnwrapSDKContext(ctx).BlockHeight()
	e := types.NewProbeEpoch(number, height, height+int64(params.ProbeEpochBlocks), b.Value)
	// At most max_validators of x/staking.
	validators, err := k.staking.GetBondedValidatorsByPower(ctx)
	if err != nil {
		return e, err
	}
	for _, v := range validators {
		power := v.GetConsensusPower(sdk.DefaultPowerReduction)
		if power <= 0 {
			continue
		}
		e.Bonded += uint64(power)
		addr, err := sdk.ValAddressFromBech32(v.GetOperator())
		if err != nil {
			return e, err
		}
		has, err := k.Probers.Has(ctx, addr)
		if err != nil {
			return e, err
		}
		if has {
			e.Members = append(e.Members, types.ProbeMember{Validator: v.GetOperator(), Power: uint64(power)})
		}
	}
	if number > types.KeptEpochs {
		if err := k.Epochs.Remove(ctx, number-types.KeptEpochs); err != nil {
			return e, err
		}
	}
	return e, k.EpochNumber.Set(ctx, number)
}

// drawTargets draws the nodes that follow a random address, class by class. It
// returns what is left of the budget.
func (k *Keeper) drawTargets(ctx context.Context, params types.Params, e *types.ProbeEpoch, budget int) (int, error) {
	decidable := e.Decidable(params)
	for types.Class(e.Class) < types.ClassDone && budget > 0 {
		class := types.Class(e.Class)
		// Where nothing can be concluded nobody is to be probed, and who was found
		// unreachable before is let off.
		over := !decidable && class == types.ClassNode
		places := class.Places(params.ProbeTargets)
		if !over && e.Targets < places && e.Looked < mostLooks*uint64(params.ProbeTargets) {
			found, err := k.after(ctx, class, e, min(budget, int(places-e.Targets)))
			if err != nil {
				return 0, err
			}
			for _, addr := range found {
				if over = e.Wrapped && bytes.Compare(addr, types.ProbeStart(e.Beacon, class)) > 0; over {
					break
				}
				e.Cursor = addr
				e.Looked++
				budget--
				isolated(ctx, e, addr, func(ctx context.Context, e *types.ProbeEpoch) error {
					return k.drawTarget(ctx, class, e, addr, decidable)
				})
			}
			switch {
			case len(found) > 0:
			case e.Wrapped:
				over = true
			default:
				e.Wrapped, e.Cursor = true, nil
			}
		} else {
			over = true
		}
		if over {
			e.Class, e.Cursor, e.Wrapped, e.Looked = e.Class+1, nil, false, 0
		}
	}
	late := sdk.UnwrapSDKContext(ctx).BlockHeight() >= e.ClosesAt
	switch {
	case types.Class(e.Class) < types.ClassDone && !late:
		return budget, nil
	case !decidable:
		e.Phase, e.Next = types.PROBE_PHASE_TALLYING, 0
		return budget, nil
	}
	e.Phase = types.PROBE_PHASE_OPEN
	return budget, emit(ctx, &types.EventProbeEpochOpened{Epoch: e.Number, Targets: e.Targets, ClosesAt: e.ClosesAt})
}

// after lists the nodes of a class that follow where the draw stands, at most so many.
func (k *Keeper) after(ctx context.Context, class types.Class, e *types.ProbeEpoch, limit int) ([]sdk.AccAddress, error) {
	from := sdk.AccAddress(e.Cursor)
	if from == nil && !e.Wrapped {
		from = types.ProbeStart(e.Beacon, class)
	}
	if class == types.ClassNode {
		return k.compute.NodesAfter(ctx, from, limit)
	}
	of := collections.NewPrefixedPairRange[uint32, sdk.AccAddress](uint32(class))
	if from != nil {
		of.StartExclusive(from)
	}
	var out []sdk.AccAddress
	err := k.Watched.Walk(ctx, of, func(key collections.Pair[uint32, sdk.AccAddress]) (bool, error) {
		out = append(out, key.K2())
		return len(out) == limit, nil
	})
	return out, err
}

// drawTarget draws a node if it is of the class, and should be there: who is jailed,
// or does not report, takes no work anyway.
func (k *Keeper) drawTarget(ctx context.Context, class types.Class, e *types.ProbeEpoch, addr sdk.AccAddress, decidable bool) error {
	n, err := k.compute.Node(ctx, addr)
	if errors.Is(err, computetypes.ErrNodeNotFound) {
		return nil
	}
	if err != nil || n.Jailed || classOf(n) != class || (!decidable && n.UnreachableSince == 0) {
		return err
	}
	reports, err := k.compute.Reports(ctx, n)
	if err != nil || !reports {
		return err
	}
	if err := k.Targets.Set(ctx, e.Targets, types.ProbeTarget{Index: e.Targets, Node: addr, Router: class == types.ClassRouter, Weight: math.ZeroInt()}); err != nil {
		return err
	}
	e.Targets++
	return nil
}

func classOf(n computetypes.Node) types.Class {
	switch {
	case n.Role == computetypes.ROLE_ROUTER:
		return types.ClassRouter
	case n.UnreachableSince != 0:
		return types.ClassUnreachable
	}
	return types.ClassNode
}

// watch keeps in mind that a node is a router, or does not answer.
func (k *Keeper) watch(ctx context.Context, addr sdk.AccAddress, n computetypes.Node) error {
	class := classOf(n)
	if class == types.ClassNode {
		return nil
	}
	return k.Watched.Set(ctx, collections.Join(uint32(class), addr))
}

func (k *Keeper) unwatch(ctx context.Context, addr sdk.AccAddress) error {
	return errors.Join(
		k.Watched.Remove(ctx, collections.Join(uint32(types.ClassRouter), addr)),
		k.Watched.Remove(ctx, collections.Join(uint32(types.ClassUnreachable), addr)))
}

// watchAll reads all nodes: at a genesis, and when probes come to a chain.
func (k *Keeper) watchAll(ctx context.Context) error {
	var last sdk.AccAddress
	for {
		some, err := k.compute.NodesAfter(ctx, last, 1_000)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, addr := range some {
			n, err := k.compute.Node(ctx, addr)
			if err != nil {
				return err
			}
			if err := k.watch(ctx, addr, n); err != nil {
				return err
			}
			last = addr
		}
	}
}
