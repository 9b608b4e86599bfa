package keeper

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// hooks are what x/poc does when something happens in x/compute.
type hooks struct {
	computetypes.NoopHooks
	*Keeper
}

// Hooks returns what x/compute calls.
func (k *Keeper) Hooks() computetypes.ComputeHooks { return hooks{Keeper: k} }

// AfterNodeRegistered has a router probed.
func (h hooks) AfterNodeRegistered(ctx context.Context, node sdk.AccAddress) error {
	n, err := h.compute.Node(ctx, node)
	if err != nil {
		return err
	}
	return h.watch(ctx, node, n)
}

// AfterNodeRetired forgets what the node proved.
func (h hooks) AfterNodeRetired(ctx context.Context, node sdk.AccAddress) error {
	if err := h.unwatch(ctx, node); err != nil {
		return err
	}
	return h.forget(ctx, node)
}
