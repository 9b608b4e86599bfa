package keeper

import (
	"context"
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/poc/types"
)

// isolated settles one node in a cache of its own: one that fails changes
// nothing, is reported and left behind. No record may stop a block.
func (k *Keeper) isolated(ctx context.Context, w *types.Window, node sdk.AccAddress, run func(context.Context, *types.Window) error) {
	sdkCtx := sdk.UnwrapSDKContext(ctx)
	cached, write := sdkCtx.CacheContext()
	next := *w
	err := func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
		}()
		return run(cached, &next)
	}()
	if err == nil {
		write()
		*w = next
		return
	}
	sdkCtx.Logger().Error("poc: a node could not be settled", "node", node, "window", w.Height, "error", err)
	if err := emit(ctx, &types.EventSettleError{Node: node.String(), Error: err.Error()}); err != nil {
		sdkCtx.Logger().Error("poc: no event", "error", err)
	}
}
