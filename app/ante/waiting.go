package ante

import (
	"context"

	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/app/mempool"
)

// What stands here is asked of transactions that want to wait, or go on waiting,
// for a block: when a node receives them, and again after each block. In a block
// it is never asked: what it says depends on what one node has received.

// Pool is what the checks need of the mempool.
type Pool interface {
	// Room refuses a transaction that would be one too many. The other checks go on with its context.
	Room(ctx sdk.Context, tx sdk.Tx) (sdk.Context, error)
	// Keep notes that a transaction waits on.
	Keep(ctx sdk.Context)
}

// ProofChecker says whether a proof can succeed in the next block.
type ProofChecker interface {
	Admit(ctx context.Context, msg sdk.Msg) error
}

func waits(ctx sdk.Context, simulate bool) bool { return ctx.IsCheckTx() && !simulate }

type poolDecorator struct{ pool Pool }

// AnteHandle implements sdk.AnteDecorator.
func (d poolDecorator) AnteHandle(ctx sdk.Context, tx sdk.Tx, simulate bool, next sdk.AnteHandler) (sdk.Context, error) {
	if !waits(ctx, simulate) {
		return next(ctx, tx, simulate)
	}
	if !ctx.IsReCheckTx() {
		roomCtx, err := d.pool.Room(ctx, tx)
		if err != nil {
			return ctx, err
		}
		return next(roomCtx, tx, simulate)
	}
	newCtx, err := next(ctx, tx, simulate)
	if err == nil {
		d.pool.Keep(ctx)
	}
	return newCtx, err
}

type proofDecorator struct{ proofs ProofChecker }

// AnteHandle implements sdk.AnteDecorator. The checker's reading costs the sender
// no gas: in a block nobody reads.
func (d proofDecorator) AnteHandle(ctx sdk.Context, tx sdk.Tx, simulate bool, next sdk.AnteHandler) (sdk.Context, error) {
	if waits(ctx, simulate) {
		free := ctx.WithGasMeter(storetypes.NewInfiniteGasMeter())
		for _, m := range tx.GetMsgs() {
			if !mempool.IsProof(m) {
				continue
			}
			if err := d.proofs.Admit(free, m); err != nil {
				return ctx, err
			}
		}
	}
	return next(ctx, tx, simulate)
}
