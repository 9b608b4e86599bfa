package app

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/spf13/cast"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/client/flags"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/beacon"
)

// What a block's proposer adds to the beacon stands first among the block's
// transactions. It is none: it pays nothing, is not executed, and cannot enter a
// mempool.

// wireOverhead is what a contribution takes in a block besides its bytes.
const wireOverhead = 8

// setProposals installs the handlers that add and check the contribution.
func (app *App) setProposals(appOpts servertypes.AppOptions, logger log.Logger) {
	key := app.loadBeaconKey(cast.ToString(appOpts.Get(flags.FlagHome)), logger)

	app.SetPrepareProposal(func(ctx sdk.Context, req *abci.RequestPrepareProposal) (*abci.ResponsePrepareProposal, error) {
		contribution := app.contribution(ctx, key, req)
		if contribution == nil || req.MaxTxBytes < int64(len(contribution)+wireOverhead) {
			return &abci.ResponsePrepareProposal{Txs: app.selectTxs(ctx, req.Txs, req.MaxTxBytes)}, nil
		}
		txs := app.selectTxs(ctx, req.Txs, req.MaxTxBytes-int64(len(contribution)+wireOverhead))
		return &abci.ResponsePrepareProposal{Txs: append([][]byte{contribution}, txs...)}, nil
	})
	app.SetProcessProposal(func(ctx sdk.Context, req *abci.RequestProcessProposal) (*abci.ResponseProcessProposal, error) {
		first, txs := firstTx(req.Txs), req.Txs
		if _, ok := beacon.ParseContribution(first); ok {
			txs = txs[1:]
		}
		err := app.PocKeeper.CheckProposal(ctx, req.ProposerAddress, req.Height, first)
		if err == nil {
			err = app.checkTxs(ctx, txs)
		}
		if err != nil {
			ctx.Logger().Error("a proposal is refused", "height", req.Height, "error", err)
			return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_REJECT}, nil
		}
		return &abci.ResponseProcessProposal{Status: abci.ResponseProcessProposal_ACCEPT}, nil
	})
}

// contributionRunner leaves the contribution out of what is executed.
type contributionRunner struct{ sdk.TxRunner }

// Unwrap lets baseapp see what executes.
func (r contributionRunner) Unwrap() sdk.TxRunner { return r.TxRunner }

// Run implements sdk.TxRunner.
func (r contributionRunner) Run(ctx context.Context, ms storetypes.MultiStore, txs [][]byte, deliver sdk.DeliverTxFunc) ([]*abci.ExecTxResult, error) {
	if _, ok := beacon.ParseContribution(firstTx(txs)); !ok {
		return r.TxRunner.Run(ctx, ms, txs, deliver)
	}
	results, err := r.TxRunner.Run(ctx, ms, txs[1:], deliver)
	return append([]*abci.ExecTxResult{{Log: "the proposer's contribution to the beacon"}}, results...), err
}

// PreBlocker makes the block's beacon before anything may ask for it. What the
// block holds waits no longer.
func (app *App) PreBlocker(ctx sdk.Context, req *abci.RequestFinalizeBlock) (*sdk.ResponsePreBlock, error) {
	app.pool.Executed(req.Height, req.Txs)
	res, err := app.moduleManager.PreBlock(ctx)
	if err != nil {
		return nil, err
	}
	return res, app.PocKeeper.Advance(ctx, firstTx(req.Txs))
}

func firstTx(txs [][]byte) []byte {
	if len(txs) == 0 {
		return nil
	}
	return txs[0]
}

// contribution is what this node adds to a block that it proposes; nil if it has
// no key, or not the one that is registered. A proposal is never given up for it.
func (app *App) contribution(ctx sdk.Context, key *beacon.Key, req *abci.RequestPrepareProposal) []byte {
	if key == nil {
		return nil
	}
	registered, err := app.PocKeeper.ProposerKey(ctx, req.ProposerAddress, req.Height)
	if err != nil {
		ctx.Logger().Error("no contribution to the beacon", "error", err)
		return nil
	}
	if !bytes.Equal(registered, key.PubKey()) {
		ctx.Logger().Info("no contribution to the beacon: the key in this home is not the one that counts; `emcd beacon-key register` registers it, and after a change of keys the node has to be started again")
		return nil
	}
	return beacon.Contribution(proveHeight(key, beacon.HeightInput(ctx.ChainID(), req.Height)))
}

// loadBeaconKey reads the key from a node's home. A node without one works as
// well; it contributes nothing.
func (app *App) loadBeaconKey(home string, logger log.Logger) *beacon.Key {
	if home == "" {
		return nil
	}
	key, err := beacon.Load(filepath.Join(home, filepath.FromSlash(beacon.KeyFile)))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		logger.Error("the beacon key cannot be used; blocks that this node proposes go without a contribution", "error", err)
		return nil
	}
	return &key
}
