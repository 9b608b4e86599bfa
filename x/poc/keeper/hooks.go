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

// AfterNodeRetired forgets what the node proved.
func (h hooks) AfterNodeRetired(ctx context.Context, node sdk.AccAddress) error {
	return h.forget(ctx, node)
}
