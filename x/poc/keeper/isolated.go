package keeper

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/internal/isolate"
	"github.com/edgematrix/emc/x/poc/types"
)

// isolated settles one node of a window or of an epoch of probes: one that fails
// changes nothing, the window included, is reported and left behind.
func isolated[State any](ctx context.Context, state *State, node sdk.AccAddress, run func(context.Context, *State) error) {
	next := *state
	err := isolate.Run(ctx, func(ctx context.Context) error { return run(ctx, &next) })
	if err == nil {
		*state = next
		return
	}
	logger := sdk.UnwrapSDKContext(ctx).Logger()
	logger.Error("poc: a node could not be settled", "node", node, "error", err)
	if err := emit(ctx, &types.EventSettleError{Node: node.String(), Error: err.Error()}); err != nil {
		logger.Error("poc: no event", "error", err)
	}
}
