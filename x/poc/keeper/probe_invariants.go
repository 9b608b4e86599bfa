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

// checkProbes: targets and reports are those of an epoch under way, the routers that
// are paid weigh what the epoch says, and exactly the routers and the nodes that do
// not answer are drawn first.
func (k *Keeper) checkProbes(ctx context.Context, e types.ProbeEpoch) error {
	first, weight := uint32(0), math.ZeroInt()
	if e.Phase == types.PROBE_PHASE_PAYING {
		first = e.Next
	}
	next := first
	if err := k.Targets.Walk(ctx, nil, func(index uint32, t types.ProbeTarget) (bool, error) {
		if index != next || t.Index != index {
			return true, fmt.Errorf("target %d of epoch %d stands at %d, expected %d", t.Index, e.Number, index, next)
		}
		weight, next = weight.Add(t.Weight), next+1
		return false, nil
	}); err != nil {
		return err
	}
	if want := e.Targets; (e.Active() && next != want) || (!e.Active() && next != 0) {
		return fmt.Errorf("epoch %d in %s has %d targets, there are those from %d to %d", e.Number, e.Phase, want, first, next)
	}
	if (first == 0 && e.Active() && !weight.Equal(e.Weight)) || weight.GT(e.Weight) {
		return fmt.Errorf("the routers of epoch %d weigh %s, it says %s", e.Number, weight, e.Weight)
	}
	if err := k.Reports.Walk(ctx, nil, func(_ sdk.ValAddress, r types.ProbeReport) (bool, error) {
		if !e.Active() || !e.Member(r.Validator) {
			return true, fmt.Errorf("a report of %s, and epoch %d is in %s", r.Validator, e.Number, e.Phase)
		}
		err := types.CheckReport(e.Targets, r.Probed, r.Passed)
		return err != nil, err
	}); err != nil {
		return err
	}
	return k.checkWatched(ctx)
}

func (k *Keeper) checkWatched(ctx context.Context) error {
	watched, wanted := 0, 0
	if err := k.Watched.Walk(ctx, nil, func(collections.Pair[uint32, sdk.AccAddress]) (bool, error) {
		watched++
		return false, nil
	}); err != nil {
		return err
	}
	var last sdk.AccAddress
	for {
		some, err := k.compute.NodesAfter(ctx, last, 1_000)
		if err != nil {
			return err
		}
		for _, addr := range some {
			last = addr
			n, err := k.compute.Node(ctx, addr)
			if err != nil {
				return err
			}
			class := classOf(n)
			if class == types.ClassNode {
				continue
			}
			wanted++
			if has, err := k.Watched.Has(ctx, collections.Join(uint32(class), addr)); err != nil || !has {
				return errors.Join(fmt.Errorf("%s is not among the nodes of class %d", addr, class), err)
			}
		}
		if len(some) == 0 {
			return notNil(watched != wanted, "%d routers and nodes that do not answer are drawn first, %d are there", watched, wanted)
		}
	}
}
