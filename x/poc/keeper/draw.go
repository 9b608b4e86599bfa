package keeper

import (
	"context"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	"github.com/edgematrix/emc/x/poc/types"
)

// Draw is the randomness of a draw: of the first block, from a height on, by
// which as many different keys as it needed have contributed. Until then nobody
// knows it who does not hold all of those keys.
type Draw struct {
	Ready       bool
	Beacon      types.Beacon
	Contributed uint32
	Needed      uint32
}

// DrawSince looks for a draw. It is not ready while too few have contributed, and
// never where no validator has a key.
func (k *Keeper) DrawSince(ctx context.Context, height int64) (Draw, error) {
	if height < 0 {
		return Draw{}, errorsmod.Wrapf(types.ErrNotFound, "no draw begins at height %d", height)
	}
	newest, err := k.newest(ctx)
	if err != nil || height > newest.Height { // not begun; nor does the range below overflow
		return Draw{}, err
	}
	var d Draw
	seen := map[string]bool{}
	from := new(collections.Range[int64]).StartInclusive(height).EndExclusive(height + types.MaxDrawBlocks)
	err = k.Beacons.Walk(ctx, from, func(h int64, b types.Beacon) (bool, error) {
		if d.Beacon.Value == nil && h != height {
			return true, errorsmod.Wrapf(types.ErrNotFound, "beacon %d is no longer kept, only those from %d on", height, h)
		}
		if b.Contributor != "" {
			seen[b.Contributor] = true
		}
		d = Draw{Beacon: b, Contributed: uint32(len(seen)), Needed: b.Needed}
		d.Ready = d.Needed > 0 && d.Contributed >= d.Needed
		return d.Ready, nil
	})
	return d, err
}
