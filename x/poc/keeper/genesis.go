package keeper

import (
	"context"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/internal/answers"
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
	return k.initProofs(ctx, g)
}

// initProofs fills the store with windows, records and money. The queue of changes
// is built from the records.
func (k *Keeper) initProofs(ctx context.Context, g *types.GenesisState) error {
	for _, w := range g.Windows {
		if err := k.setWindow(ctx, w); err != nil {
			return err
		}
		if err := k.Last.Set(ctx, w.Height); err != nil {
			return err
		}
	}
	for _, c := range g.Commits {
		if err := k.Commits.Set(ctx, c.Node, c); err != nil {
			return err
		}
	}
	for _, r := range g.Records {
		addr, err := sdk.AccAddressFromBech32(r.Node)
		if err != nil {
			return err
		}
		if err := k.Records.Set(ctx, addr, r); err != nil {
			return err
		}
		if r.ChangesAt == 0 {
			continue
		}
		if err := k.Changes.Set(ctx, collections.Join(r.ChangesAt, addr)); err != nil {
			return err
		}
	}
	for _, r := range g.Rewards {
		addr, err := sdk.AccAddressFromBech32(r.Operator)
		if err != nil {
			return err
		}
		if err := k.Rewards.Set(ctx, addr, r); err != nil {
			return err
		}
	}
	if err := k.Emission.Set(ctx, g.Emission); err != nil {
		return err
	}
	if err := k.Number.Set(ctx, g.Number); err != nil {
		return err
	}
	if err := k.initProbes(ctx, g); err != nil {
		return err
	}
	return k.CheckInvariants(ctx)
}

// ExportGenesis reads the store.
func (k *Keeper) ExportGenesis(ctx context.Context) (*types.GenesisState, error) {
	g := &types.GenesisState{}
	var err error
	if g.Params, err = k.Params.Get(ctx); err != nil {
		return nil, err
	}
	if g.BeaconKeys, err = answers.All(ctx, k.BeaconKeys); err != nil {
		return nil, err
	}
	if g.Beacons, err = answers.All(ctx, k.Beacons); err != nil {
		return nil, err
	}
	if g.Windows, err = answers.All(ctx, k.Windows); err != nil {
		return nil, err
	}
	if g.Commits, err = answers.All(ctx, k.Commits); err != nil {
		return nil, err
	}
	if g.Records, err = answers.All(ctx, k.Records); err != nil {
		return nil, err
	}
	if g.Rewards, err = answers.All(ctx, k.Rewards); err != nil {
		return nil, err
	}
	if g.Emission, err = k.emission(ctx); err != nil {
		return nil, err
	}
	if g.Number, err = k.number(ctx); err != nil {
		return nil, err
	}
	return g, k.exportProbes(ctx, g)
}

// RestartAtZero makes heights mean what they do on a chain that begins anew: keys
// that count go on, one that does not yet waits for what is left of its delay,
// and the newest beacon is the one on which the first block builds. Windows are
// named by heights and are forgotten; one under way is void, unless it has begun
// to pay: then what it still owes is left for the next. So are epochs of probes.
func (k *Keeper) RestartAtZero(ctx context.Context) error {
	height := sdk.UnwrapSDKContext(ctx).BlockHeight()
	newest, err := k.newest(ctx)
	if err != nil {
		return err
	}
	keys, err := answers.All(ctx, k.BeaconKeys)
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
	if err := k.forgetWindows(ctx); err != nil {
		return err
	}
	if err := k.forgetEpochs(ctx); err != nil {
		return err
	}
	newest.Height = 0
	if err := k.Newest.Set(ctx, newest); err != nil {
		return err
	}
	return k.Beacons.Set(ctx, 0, newest)
}

func (k *Keeper) forgetWindows(ctx context.Context) error {
	w, err := k.window(ctx)
	if err != nil {
		return err
	}
	if w.Phase == types.PHASE_PAYING {
		e, err := k.emission(ctx)
		if err != nil {
			return err
		}
		e.Undivided = e.Undivided.Add(w.Minted).Sub(w.Paid)
		if err := k.Emission.Set(ctx, e); err != nil {
			return err
		}
	}
	if err := k.Windows.Clear(ctx, nil); err != nil {
		return err
	}
	if err := k.Last.Remove(ctx); err != nil {
		return err
	}
	return k.Commits.Clear(ctx, nil)
}
