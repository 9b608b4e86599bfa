//go:build sims

package app_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/stretchr/testify/require"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/server"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	simtypes "github.com/cosmos/cosmos-sdk/types/simulation"
	simcli "github.com/cosmos/cosmos-sdk/x/simulation/client/cli"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/app/ante"
	"github.com/edgematrix/emc/app/apptest"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

func init() { simcli.GetSimulatorFlags() }

// simApp has the methods that only the SDK's simulator asks for.
type simApp struct{ *app.App }

func (a simApp) GetBaseApp() *baseapp.BaseApp { return a.BaseApp }

func (a simApp) BeginBlocker(ctx sdk.Context) (sdk.BeginBlock, error) {
	return a.ModuleManager().BeginBlock(ctx)
}

func (a simApp) EndBlocker(ctx sdk.Context) (sdk.EndBlock, error) {
	return a.ModuleManager().EndBlock(ctx)
}

// newSimApp is the chain's application that holds its modules' invariants at the
// end of every fifth block.
func newSimApp(logger log.Logger, db dbm.DB, loadLatest bool, appOpts servertypes.AppOptions, options ...func(*baseapp.BaseApp)) simApp {
	a := app.New(logger, db, false, appOpts, options...)
	checks := a.AnteOptions()
	checks.FeesAtOnce = true
	handler, err := ante.New(checks)
	if err != nil {
		panic(err)
	}
	a.SetAnteHandler(handler)
	a.SetEndBlocker(func(ctx sdk.Context) (sdk.EndBlock, error) {
		end, err := a.ModuleManager().EndBlock(ctx)
		if err != nil || ctx.BlockHeight()%5 != 0 {
			return end, err
		}
		return end, errors.Join(a.ComputeKeeper.CheckInvariants(ctx), a.PocKeeper.CheckInvariants(ctx), a.MarketKeeper.CheckInvariants(ctx), a.SocketKeeper.CheckInvariants(ctx))
	})
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

// The SDK's own simulator, with validators that miss blocks and sign twice, and
// two hours between blocks: for many blocks random transactions neither stop the
// chain nor break what its modules promise, and what is left can be exported and
// started again.
func TestFullAppSimulation(t *testing.T) {
	simsx.RunWithSeeds(t, newSimApp, simState, []int64{1, 7}, nil,
		func(t testing.TB, run simsx.TestInstance[simApp], _ []simtypes.Account) {
			ctx := run.App.NewContext(true) // without a time, and no chain began before 1970
			clock, err := run.App.ComputeKeeper.NetworkClock(ctx)
			require.NoError(t, err)
			last := time.Unix(clock.BlockTime, 0)
			ctx = ctx.WithBlockTime(last)
			require.NoError(t, run.App.ComputeKeeper.CheckInvariants(ctx))
			require.NoError(t, run.App.PocKeeper.CheckInvariants(ctx))
			require.NoError(t, run.App.MarketKeeper.CheckInvariants(ctx))
			require.NoError(t, run.App.SocketKeeper.CheckInvariants(ctx))
			exported, err := run.App.ExportAppStateAndValidators(false, nil, nil)
			require.NoError(t, err)
			again := apptest.NewApp(t, nil)
			_, err = again.InitChain(&abci.RequestInitChain{
				ChainId: apptest.ChainID, InitialHeight: exported.Height, AppStateBytes: exported.AppState,
				ConsensusParams: &exported.ConsensusParams, Time: last,
			})
			require.NoError(t, err)
			var state map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(exported.AppState, &state))
			require.Contains(t, state, "compute")
			require.Contains(t, state, "poc")
			require.Contains(t, state, "market")
			require.Contains(t, state, "socket")
		})
}

// seeds are long plays.
func seeds(t *testing.T, test func(t *testing.T, seed int64)) {
	t.Helper()
	for _, seed := range []int64{4, 6, 8} {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			test(t, seed)
		})
	}
}

// What is exported in the middle of running jobs, in each phase of a window, and imported again is the same
// state, key by key.
func TestAppImportExport(t *testing.T) {
	seeds(t, func(t *testing.T, seed int64) {
		p := newPlay(t, seed, nil)
		reached := 0
		for phase := poctypes.PHASE_OPEN; phase <= poctypes.PHASE_PAYING; phase++ {
			p.run(20, 30)
			if p.into(phase, 60, 30) { // with little to do a window may pass through one within a block
				reached++
			}
			p.requireInvariants()
			requireSameAfterImport(t, p)
		}
		require.GreaterOrEqual(t, reached, 2)
		p.live(0, 600, 30)
		p.requireLife()
	})
}

// A chain that begins with an export goes on: people finish what they had begun,
// and every invariant holds.
func TestAppSimulationAfterImport(t *testing.T) {
	seeds(t, func(t *testing.T, seed int64) {
		p := newPlay(t, seed, nil)
		for range 3 {
			p.run(50, 30)
			p = p.continued(simulatedApp(t, dbm.NewMemDB(), nil), exported(t, p))
			p.onBlock = func(request *abci.RequestFinalizeBlock, _ *abci.ResponseFinalizeBlock) {
				if request.Height%5 == 0 {
					p.requireInvariants()
				}
			}
		}
		p.live(50, 600, 30)
		p.requireLife()
	})
}

// One seed is one history: twice the same hashes block by block, and the same
// whether a block is executed one transaction after the other or in parallel.
func TestAppStateDeterminism(t *testing.T) {
	seeds(t, func(t *testing.T, seed int64) {
		var first *play
		for _, options := range []map[string]any{
			{server.FlagBlockExecutor: serverconfig.BlockExecutorSequential},
			{server.FlagBlockExecutor: serverconfig.BlockExecutorSequential},
			{server.FlagBlockExecutor: serverconfig.BlockExecutorBlockSTM, server.FlagBlockSTMWorkers: 4},
			{server.FlagBlockExecutor: serverconfig.BlockExecutorBlockSTM, server.FlagBlockSTMWorkers: 1},
		} {
			p := newPlay(t, seed, options)
			p.run(60, 40)
			p.requireInvariants()
			if first == nil {
				first = p
			}
			require.Equal(t, first.hashes, p.hashes, "%v", options)
			require.Equal(t, first.count, p.count)
		}
	})
}

// continued goes on with the same people, and counts on, on another application.
func (p *play) continued(a *app.App, genesis *abci.RequestInitChain) *play {
	p.t.Helper()
	next := &play{t: p.t, app: a, accounts: p.accounts, r: p.r, time: p.time, plugged: p.plugged, count: p.count}
	next.begin(genesis)
	return next
}
