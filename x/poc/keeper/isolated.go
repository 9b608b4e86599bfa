package keeper

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/internal/isolate"
	"github.com/edgematrix/emc/x/poc/types"
)

// isolated settles one node: one that fails changes nothing, the window
// included, is reported and left behind.
func (k *Keeper) isolated(ctx context.Context, w *types.Window, node sdk.AccAddress, run func(context.Context, *types.Window) error) {
	next := *w
	err := isolate.Run(ctx, func(ctx context.Context) error { return run(ctx, &next) })
	if err == nil {
		*w = next
		return
	}
	logger := sdk.UnwrapSDKContext(ctx).Logger()
	logger.Error("poc: a node could not be settled", "node", node, "window", w.Height, "error", err)
	if err := emit(ctx, &types.EventSettleError{Node: node.String(), Error: err.Error()}); err != nil {
		logger.Error("poc: no event", "error", err)
	}
}
