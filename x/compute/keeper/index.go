package keeper

import (
	"bytes"
	"cmp"
	"context"
	"errors"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// The price index is one ordered list for each app and each runtime. The first
// entry of a list is kept beside it: opening an iterator costs more than all
// the rest of a submission's reads.

// indexKey is (app or runtime, slot-hour price, height of the listing, node).
type indexKey = collections.Quad[string, uint64, int64, sdk.AccAddress]

// before orders entries by price, then waiting time, also across lists.
func before(a, b indexKey) bool {
	return cmp.Or(cmp.Compare(a.K2(), b.K2()), cmp.Compare(a.K3(), b.K3()), bytes.Compare(a.K4(), b.K4())) < 0
}

// head returns the first entry of a list.
func (k *Keeper) head(ctx context.Context, list string) (first indexKey, found bool, err error) {
	h, err := k.IndexHeads.Get(ctx, list)
	if errors.Is(err, collections.ErrNotFound) {
		return first, false, nil
	}
	return collections.Join4(list, h.Price, h.Since, sdk.AccAddress(h.Node)), err == nil, err
}

func (k *Keeper) setHead(ctx context.Context, first indexKey) error {
	return k.IndexHeads.Set(ctx, first.K1(), types.IndexHead{Price: first.K2(), Since: first.K3(), Node: first.K4()})
}

func (k *Keeper) addEntry(ctx context.Context, entry indexKey) error {
	if err := k.PriceIndex.Set(ctx, entry); err != nil {
		return err
	}
	first, found, err := k.head(ctx, entry.K1())
	if err != nil || (found && before(first, entry)) {
		return err
	}
	return k.setHead(ctx, entry)
}

func (k *Keeper) removeEntry(ctx context.Context, entry indexKey) error {
	if err := k.PriceIndex.Remove(ctx, entry); err != nil {
		return err
	}
	first, found, err := k.head(ctx, entry.K1())
	if err != nil || !found || before(first, entry) {
		return err
	}
	// Nothing stands before the head, so the next one stands after it: a search
	// from the list's beginning would skip over all that the block has removed.
	after := new(collections.Range[indexKey]).StartExclusive(entry).
		EndExclusive(collections.Join4(entry.K1(), uint64(1<<63), int64(0), sdk.AccAddress{}))
	iter, err := k.PriceIndex.Iterate(ctx, after)
	if err != nil {
		return err
	}
	defer iter.Close()
	if !iter.Valid() {
		return k.IndexHeads.Remove(ctx, entry.K1())
	}
	next, err := iter.Key()
	if err != nil {
		return err
	}
	return k.setHead(ctx, next)
}

// cheapest returns the first entry of the two lists that serve an app.
func (k *Keeper) cheapest(ctx context.Context, app types.App) (sdk.AccAddress, bool, error) {
	byName, named, err := k.head(ctx, types.AppIndexKey(app.Id))
	if err != nil {
		return nil, false, err
	}
	byRuntime, general, err := k.head(ctx, types.RuntimeIndexKey(app.Runtime))
	if err != nil {
		return nil, false, err
	}
	if named && (!general || before(byName, byRuntime)) {
		return byName.K4(), true, nil
	}
	return byRuntime.K4(), general, nil
}
