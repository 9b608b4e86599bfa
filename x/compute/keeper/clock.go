package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// Two clocks. What happened is recorded in block time: bills and histories are
// about the real time of the day. What is to happen is counted by the network's
// clock, which leaves out standstills.

// blockTime is the block's time in Unix seconds.
func blockTime(ctx context.Context) int64 { return sdk.UnwrapSDKContext(ctx).BlockTime().Unix() }

// clock reads the network's clock. Before the first block nothing was lost yet.
func (k *Keeper) clock(ctx context.Context) (types.Clock, error) {
	c, err := k.Clock.Get(ctx)
	if errors.Is(err, collections.ErrNotFound) {
		return types.Clock{}, nil
	}
	return c, err
}

// now is the network's time, by which everything is counted that ends by itself.
func (k *Keeper) now(ctx context.Context) (int64, error) {
	c, err := k.clock(ctx)
	return c.Now(blockTime(ctx)), err
}

// Now is the network's time in Unix seconds, for modules that count by it.
func (k *Keeper) Now(ctx context.Context) (int64, error) { return k.now(ctx) }

// NetworkClock is the clock itself, for modules that tell its times to people.
func (k *Keeper) NetworkClock(ctx context.Context) (types.Clock, error) { return k.clock(ctx) }

// BeginBlock moves the network's clock.
func (k *Keeper) BeginBlock(ctx context.Context) error {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return err
	}
	before, err := k.clock(ctx)
	if err != nil {
		return err
	}
	after := before.Next(blockTime(ctx), params.AcknowledgeSeconds)
	if lost := after.Standstill - before.Standstill; lost > 0 {
		sdk.UnwrapSDKContext(ctx).Logger().Info("compute: the network stood still; no deadline ran on", "seconds", lost)
		if err := emit(ctx, &types.EventStandstill{Seconds: lost}); err != nil {
			return err
		}
	}
	return k.Clock.Set(ctx, after)
}
