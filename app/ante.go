package app

import (
	"github.com/cosmos/cosmos-sdk/baseapp/blockexec"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/app/ante"
	"github.com/edgematrix/emc/app/params"
)

// setExecutor installs the executor that app.toml names: sequential or block-stm.
// Nodes with either have to give the same results, so what the two treat
// differently never reaches them: a block's gas is bounded in setProposals
// instead of by a meter that block-stm cannot have, and neither are transactions
// executed that cannot be decoded.
func (app *App) setExecutor(appOpts servertypes.AppOptions) {
	stores := make([]storetypes.StoreKey, 0, len(app.keys)+len(app.objKeys))
	for _, key := range app.keys {
		stores = append(stores, key)
	}
	for _, key := range app.objKeys {
		stores = append(stores, key)
	}
	app.SetDisableBlockGasMeter(true)
	blockexec.Apply(app.BaseApp, appOpts, stores, app.txConfig.TxDecoder(),
		func(storetypes.MultiStore) string { return params.BaseDenom },
		blockexec.WithRunnerWrap(func(inner sdk.TxRunner) sdk.TxRunner { return contributionRunner{inner} }))
}

// AnteOptions returns what the checks of a transaction use.
func (app *App) AnteOptions() ante.Options {
	return ante.Options{
		Accounts:  app.AccountKeeper,
		Bank:      app.BankKeeper,
		FeeGrants: app.FeeGrantKeeper,
		IBC:       app.IBCKeeper,
		Pool:      app.pool,
		Proofs:    app.PocKeeper,
		SignModes: app.txConfig.SignModeHandler(),
	}
}

// setAnteHandler installs the checks that every transaction passes.
func (app *App) setAnteHandler() {
	handler, err := ante.New(app.AnteOptions())
	if err != nil {
		panic(err)
	}
	app.SetAnteHandler(handler)
}
