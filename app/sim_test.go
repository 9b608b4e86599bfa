//go:build sims

package app_test

import (
	"encoding/json"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/stretchr/testify/require"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	simtypes "github.com/cosmos/cosmos-sdk/types/simulation"
	simcli "github.com/cosmos/cosmos-sdk/x/simulation/client/cli"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/app/ante"
	"github.com/edgematrix/emc/app/apptest"
)

func init() { simcli.GetSimulatorFlags() }

// simApp has the methods that only the simulator asks for.
type simApp struct{ *app.App }

func (a simApp) GetBaseApp() *baseapp.BaseApp { return a.BaseApp }

func (a simApp) BeginBlocker(ctx sdk.Context) (sdk.BeginBlock, error) {
	return a.ModuleManager().BeginBlock(ctx)
}

func (a simApp) EndBlocker(ctx sdk.Context) (sdk.EndBlock, error) {
	return a.ModuleManager().EndBlock(ctx)
}

func newSimApp(logger log.Logger, db dbm.DB, loadLatest bool, appOpts servertypes.AppOptions, options ...func(*baseapp.BaseApp)) simApp {
	a := app.New(logger, db, false, appOpts, options...)
	checks := a.AnteOptions()
	checks.FeesAtOnce = true
	handler, err := ante.New(checks)
	if err != nil {
		panic(err)
	}
	a.SetAnteHandler(handler)
	if loadLatest {
		if err := a.LoadLatestVersion(); err != nil {
			panic(err)
		}
	}
	return simApp{a}
}

func simState(a simApp) simsx.SimStateFactory {
	return simsx.SimStateFactory{
		Codec:         a.AppCodec(),
		AppStateFn:    simtestutil.AppStateFn(a.AppCodec(), a.SimulationManager(), a.DefaultGenesis()),
		BlockedAddr:   app.BlockedAddresses(),
		AccountSource: a.AccountKeeper,
		BalanceSource: a.BankKeeper,
	}
}

// Random transactions for many blocks neither stop the chain nor break what its
// modules promise, and what is left can be exported and started again.
func TestFullAppSimulation(t *testing.T) {
	simsx.RunWithSeeds(t, newSimApp, simState, []int64{1, 7}, nil,
		func(t testing.TB, run simsx.TestInstance[simApp], _ []simtypes.Account) {
			exported, err := run.App.ExportAppStateAndValidators(false, nil, nil)
			require.NoError(t, err)
			again := apptest.NewApp(t, nil)
			_, err = again.InitChain(&abci.RequestInitChain{
				ChainId: apptest.ChainID, InitialHeight: exported.Height, AppStateBytes: exported.AppState,
				ConsensusParams: &exported.ConsensusParams,
			})
			require.NoError(t, err)
			var state map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(exported.AppState, &state))
			require.Contains(t, state, "compute")
		})
}
