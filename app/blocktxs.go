package app

import (
	"context"
	"fmt"

	"github.com/spf13/cast"

	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authsigning "github.com/cosmos/cosmos-sdk/x/auth/signing"

	"github.com/edgematrix/emc/app/mempool"
	"github.com/edgematrix/emc/app/params"
)

// Settings of config.toml that the application reads, too: how much CometBFT's
// mempool holds.
const (
	MempoolTxsKey   = "mempool.size"
	MempoolBytesKey = "mempool.max_txs_bytes"
)

// setMempool puts the application's side of the mempool in the place of the SDK's
// (app.toml's mempool.max-txs): that one would have every transaction's signature
// verified twice more for each block.
func (app *App) setMempool(appOpts servertypes.AppOptions) {
	limits := mempool.Limits{Txs: cast.ToInt(appOpts.Get(MempoolTxsKey)), Bytes: cast.ToInt64(appOpts.Get(MempoolBytesKey))}
	if limits.Txs <= 0 {
		limits.Txs = params.MempoolTxs
	}
	if limits.Bytes <= 0 {
		limits.Bytes = params.MempoolBytes
	}
	isNode := func(ctx context.Context, address sdk.AccAddress) bool {
		known, err := app.ComputeKeeper.Nodes.Has(ctx, address)
		return err == nil && known
	}
	app.pool = mempool.New(limits, isNode, app.txConfig.TxEncoder())
	app.SetMempool(app.pool)
}

// selectTxs chooses a proposal's transactions: proofs and the nodes' own messages
// first, up to their share of the block, then what CometBFT hands over, in its
// order. Nothing requires this order of a proposal: what a proposer has not
// received he cannot be blamed for.
func (app *App) selectTxs(ctx sdk.Context, txs [][]byte, maxBytes int64) [][]byte {
	var maxGas int64
	if b := ctx.ConsensusParams().Block; b != nil {
		maxGas = b.MaxGas
	}
	block := mempool.NewBlock(maxBytes, maxGas)
	if p, err := app.PocKeeper.Params.Get(ctx); err != nil {
		ctx.Logger().Error("a block without proofs ahead: x/poc has no parameters", "error", err)
	} else {
		block.Ahead(p.ProofBlockBps, func(signer string) (uint64, bool) {
			account := app.AccountKeeper.GetAccount(ctx, sdk.AccAddress(signer))
			if account == nil {
				return 0, false
			}
			return account.GetSequence(), true
		}, app.pool.Urgent(mempool.Proof), app.pool.Urgent(mempool.Work))
	}
	block.Rest(txs, mempool.Details{
		Gas: func(raw []byte) (uint64, bool) {
			gas, err := app.gasOf(raw)
			return gas, err == nil
		},
		Signers: app.signersOf,
	})
	return block.Txs()
}

// checkTxs refuses a block that the two executors would not treat alike: one with
// bytes that are no transaction, or with more gas than a block may have.
func (app *App) checkTxs(ctx sdk.Context, txs [][]byte) error {
	var limit, gas uint64
	if b := ctx.ConsensusParams().Block; b != nil && b.MaxGas > 0 {
		limit = uint64(b.MaxGas)
	}
	for i, raw := range txs {
		wanted, err := app.gasOf(raw)
		if err != nil {
			return fmt.Errorf("transaction %d: %w", i, err)
		}
		if limit == 0 {
			continue
		}
		if wanted > limit-gas {
			return fmt.Errorf("transactions up to %d want more than the block's %d gas", i, limit)
		}
		gas += wanted
	}
	return nil
}

// gasOf is a transaction's gas limit. What waits in the mempool was decoded when
// it came; only the rest is decoded for it.
func (app *App) gasOf(raw []byte) (uint64, error) {
	if gas, ok := app.pool.Gas(raw); ok {
		return gas, nil
	}
	tx, err := app.txConfig.TxDecoder()(raw)
	if err != nil {
		return 0, err
	}
	fee, ok := tx.(sdk.FeeTx)
	if !ok {
		return 0, fmt.Errorf("%T has no gas limit", tx)
	}
	return fee.GetGas(), nil
}

// signersOf are the addresses that signed a transaction; none if it is none.
func (app *App) signersOf(raw []byte) []string {
	tx, err := app.txConfig.TxDecoder()(raw)
	if err != nil {
		return nil
	}
	signed, ok := tx.(authsigning.SigVerifiableTx)
	if !ok {
		return nil
	}
	addresses, err := signed.GetSigners()
	if err != nil {
		return nil
	}
	signers := make([]string, len(addresses))
	for i, a := range addresses {
		signers[i] = string(a)
	}
	return signers
}
