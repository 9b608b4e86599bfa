package keeper

import (
	"context"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// What x/poc's probes need of the nodes, and what they do to them.

// NodesAfter lists nodes in the order of their addresses, those after one of them
// (nil: from the first), at most limit.
func (k *Keeper) NodesAfter(ctx context.Context, after sdk.AccAddress, limit int) ([]sdk.AccAddress, error) {
	from := new(collections.Range[sdk.AccAddress])
	if after != nil {
		from.StartExclusive(after)
	}
	iter, err := k.Nodes.Iterate(ctx, from)
	if err != nil {
		return nil, err
	}
	defer iter.Close()
	var out []sdk.AccAddress
	for ; iter.Valid() && len(out) < limit; iter.Next() {
		addr, err := iter.Key()
		if err != nil {
			return nil, err
		}
		out = append(out, addr)
	}
	return out, nil
}

// Reports tells whether a node says that it is there: whether it should answer.
func (k *Keeper) Reports(ctx context.Context, n types.Node) (bool, error) {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return false, err
	}
	clock, err := k.clock(ctx)
	return n.Reports(params, clock, clock.Now(blockTime(ctx))), err
}

// SetUnreachable takes a node offline that does not answer probes, or ends that.
// Each time that it is found so is a mark in its reputation. Only x/poc calls it.
func (k *Keeper) SetUnreachable(ctx context.Context, addr sdk.AccAddress, unreachable bool) error {
	n, err := k.Node(ctx, addr)
	if err != nil {
		return err
	}
	if !unreachable {
		if n.UnreachableSince == 0 {
			return nil
		}
		n.UnreachableSince = 0
		if err := k.setNode(ctx, addr, n); err != nil {
			return err
		}
		return emit(ctx, &types.EventNodeReachable{Node: n.Address})
	}
	n.Reputation.ProbesFailed++
	if n.UnreachableSince == 0 {
		now, err := k.now(ctx)
		if err != nil {
			return err
		}
		n.UnreachableSince = max(now, 1)
	}
	if err := k.setNode(ctx, addr, n); err != nil {
		return err
	}
	return emit(ctx, &types.EventNodeUnreachable{Node: n.Address, Times: n.Reputation.ProbesFailed})
}
