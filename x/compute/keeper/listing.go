package keeper

import (
	"context"
	"slices"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// list puts a node's place in the price index and on the agenda where
// its state says it belongs, and writes only what differs; the caller writes
// the node. An outage begins and ends here, too. Among equal prices the index is a queue: a node joins at the back
// when it becomes available, and again when a job of it ends (served). No address
// can be mined that always comes first, and the cheapest fit is found without
// reading the rest. Moving it when the job begins would be fairer by a hair, but
// a block of submissions would then skip over all the entries it has deleted.
func (k *Keeper) list(ctx context.Context, params types.Params, addr sdk.AccAddress, n *types.Node, served bool) error {
	clock, err := k.clock(ctx)
	if err != nil {
		return err
	}
	now := clock.Now(blockTime(ctx))
	n.NoteOutage(params, clock, now)
	old := n.Listing
	fresh := types.Listing{Price: n.Offer.SlotHourPrice.Amount.Uint64(), WakeAt: n.NextWake(params, clock, now), Since: old.Since}
	if n.Unavailable(params, now) == "" {
		fresh.Keys = n.Offer.IndexKeys()
	}
	if served || len(old.Keys) == 0 || old.Price != fresh.Price {
		fresh.Since = sdk.UnwrapSDKContext(ctx).BlockHeight()
	}
	n.Listing = fresh
	return k.moveListing(ctx, addr, old, fresh)
}

// unlist takes a node out of the index and off the agenda.
func (k *Keeper) unlist(ctx context.Context, addr sdk.AccAddress, n types.Node) error {
	return k.moveListing(ctx, addr, n.Listing, types.Listing{})
}

func (k *Keeper) moveListing(ctx context.Context, addr sdk.AccAddress, old, fresh types.Listing) error {
	if old.Price != fresh.Price || old.Since != fresh.Since || !slices.Equal(old.Keys, fresh.Keys) {
		for _, key := range old.Keys {
			if err := k.removeEntry(ctx, collections.Join4(key, old.Price, old.Since, addr)); err != nil {
				return err
			}
		}
		for _, key := range fresh.Keys {
			if err := k.addEntry(ctx, collections.Join4(key, fresh.Price, fresh.Since, addr)); err != nil {
				return err
			}
		}
	}
	if old.WakeAt == fresh.WakeAt {
		return nil
	}
	if old.WakeAt != 0 {
		if err := k.Agenda.Remove(ctx, nodeEntry(old.WakeAt, addr)); err != nil {
			return err
		}
	}
	if fresh.WakeAt == 0 {
		return nil
	}
	return k.Agenda.Set(ctx, nodeEntry(fresh.WakeAt, addr))
}
