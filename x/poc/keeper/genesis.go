package keeper

import (
	"context"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/poc/types"
)

// InitGenesis fills the store.
func (k *Keeper) InitGenesis(ctx context.Context, g *types.GenesisState) error {
	if err := g.Validate(); err != nil {
		return err
	}
	if err := k.Params.Set(ctx, g.Params); err != nil {
		return err
	}
	for _, key := range g.BeaconKeys {
		if err := k.setKey(ctx, key); err != nil {
			return err
		}
	}
	for i, b := range g.Beacons {
		if err := k.Beacons.Set(ctx, b.Height, b); err != nil {
			return err
		}
		if i == len(g.Beacons)-1 {
			if err := k.Newest.Set(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// ExportGenesis reads the store.
func (k *Keeper) ExportGenesis(ctx context.Context) (*types.GenesisState, error) {
	g := &types.GenesisState{}
	var err error
	if g.Params, err = k.Params.Get(ctx); err != nil {
		return nil, err
	}
	if g.BeaconKeys, err = values(ctx, k.BeaconKeys); err != nil {
		return nil, err
	}
	g.Beacons, err = values(ctx, k.Beacons)
	return g, err
}

// RestartAtZero makes heights mean what they do on a chain that begins anew: keys
// that count go on, one that does not yet waits for what is left of its delay,
// and the newest beacon is the one on which the first block builds.
func (k *Keeper) RestartAtZero(ctx context.Context) error {
	height := sdk.UnwrapSDKContext(ctx).BlockHeight()
	newest, err := k.newest(ctx)
	if err != nil {
		return err
	}
	keys, err := values(ctx, k.BeaconKeys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := k.setKey(ctx, key.Since(height)); err != nil {
			return err
		}
	}
	if err := k.Beacons.Clear(ctx, nil); err != nil {
		return err
	}
	newest.Height = 0
	if err := k.Newest.Set(ctx, newest); err != nil {
		return err
	}
	return k.Beacons.Set(ctx, 0, newest)
}

func values[K, V any](ctx context.Context, m collections.Map[K, V]) ([]V, error) {
	iter, err := m.Iterate(ctx, nil)
	if err != nil {
		return nil, err
	}
	return iter.Values()
}
