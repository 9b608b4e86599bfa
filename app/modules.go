package app

import (
	"maps"
	"slices"

	"github.com/cosmos/cosmos-sdk/contrib/x/nft"
	nftmodule "github.com/cosmos/cosmos-sdk/contrib/x/nft/module"
	"github.com/cosmos/cosmos-sdk/types/module"
	"github.com/cosmos/cosmos-sdk/x/auth"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	"github.com/cosmos/cosmos-sdk/x/authz"
	authzmodule "github.com/cosmos/cosmos-sdk/x/authz/module"
	"github.com/cosmos/cosmos-sdk/x/bank"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	"github.com/cosmos/cosmos-sdk/x/consensus"
	consensustypes "github.com/cosmos/cosmos-sdk/x/consensus/types"
	distr "github.com/cosmos/cosmos-sdk/x/distribution"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	"github.com/cosmos/cosmos-sdk/x/epochs"
	epochstypes "github.com/cosmos/cosmos-sdk/x/epochs/types"
	"github.com/cosmos/cosmos-sdk/x/evidence"
	evidencetypes "github.com/cosmos/cosmos-sdk/x/evidence/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"
	feegrantmodule "github.com/cosmos/cosmos-sdk/x/feegrant/module"
	"github.com/cosmos/cosmos-sdk/x/genutil"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	"github.com/cosmos/cosmos-sdk/x/gov"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	"github.com/cosmos/cosmos-sdk/x/slashing"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	"github.com/cosmos/cosmos-sdk/x/staking"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
	"github.com/cosmos/cosmos-sdk/x/upgrade"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"

	"github.com/cosmos/ibc-go/v11/modules/apps/transfer"
	ibctransfertypes "github.com/cosmos/ibc-go/v11/modules/apps/transfer/types"
	ibc "github.com/cosmos/ibc-go/v11/modules/core"
	ibcexported "github.com/cosmos/ibc-go/v11/modules/core/exported"
	ibctm "github.com/cosmos/ibc-go/v11/modules/light-clients/07-tendermint"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market"
	markettypes "github.com/edgematrix/emc/x/market/types"
	"github.com/edgematrix/emc/x/poc"
	poctypes "github.com/edgematrix/emc/x/poc/types"
	"github.com/edgematrix/emc/x/socket"
	sockettypes "github.com/edgematrix/emc/x/socket/types"
)

// setModules builds the module, basic and simulation managers. Vesting messages
// are left out on purpose: creating a vesting account would let a stranger
// occupy the address of a deal's escrow before the deal exists.
func (app *App) setModules() {
	app.moduleManager = module.NewManager(
		genutil.NewAppModule(app.AccountKeeper, app.StakingKeeper, app, app.txConfig),
		auth.NewAppModule(app.appCodec, app.AccountKeeper, randomAccounts),
		bank.NewAppModule(app.appCodec, app.BankKeeper, app.AccountKeeper),
		staking.NewAppModule(app.appCodec, app.StakingKeeper, app.AccountKeeper, app.BankKeeper),
		slashing.NewAppModule(app.appCodec, app.SlashingKeeper, app.AccountKeeper, app.BankKeeper, app.StakingKeeper, app.interfaceRegistry),
		distr.NewAppModule(app.appCodec, app.DistrKeeper, app.AccountKeeper, app.BankKeeper, app.StakingKeeper),
		gov.NewAppModule(app.appCodec, app.GovKeeper, app.AccountKeeper, app.BankKeeper),
		upgrade.NewAppModule(app.UpgradeKeeper, app.AccountKeeper.AddressCodec()),
		evidence.NewAppModule(*app.EvidenceKeeper),
		feegrantmodule.NewAppModule(app.appCodec, app.AccountKeeper, app.BankKeeper, app.FeeGrantKeeper, app.interfaceRegistry),
		authzmodule.NewAppModule(app.appCodec, app.AuthzKeeper, app.AccountKeeper, app.BankKeeper, app.interfaceRegistry),
		epochs.NewAppModule(app.EpochsKeeper),
		consensus.NewAppModule(app.appCodec, app.ConsensusKeeper),
		nftmodule.NewAppModule(app.appCodec, app.NFTKeeper, app.AccountKeeper, app.BankKeeper, app.interfaceRegistry),
		ibc.NewAppModule(app.IBCKeeper),
		transfer.NewAppModule(app.TransferKeeper),
		ibctm.NewAppModule(app.lightClient()),
		app.computeModule(),
		poc.NewAppModule(app.appCodec, app.PocKeeper),
		market.NewAppModule(app.appCodec, app.MarketKeeper),
		socket.NewAppModule(app.appCodec, app.SocketKeeper),
	)
	app.basicManager = module.NewBasicManagerFromManager(app.moduleManager, genesisBasics(app))
	app.basicManager.RegisterLegacyAminoCodec(app.legacyAmino)
	app.basicManager.RegisterInterfaces(app.interfaceRegistry)
	app.setOrders()

	// The order of the simulated modules is the order of a map otherwise, and a
	// seed would not repeat its run.
	modules := app.moduleManager.Modules
	var simulated []module.AppModuleSimulation
	for _, name := range slices.Sorted(maps.Keys(modules)) {
		if sim, ok := modules[name].(module.AppModuleSimulation); ok {
			simulated = append(simulated, sim)
		}
	}
	app.simulationManager = module.NewSimulationManager(simulated...)
	app.simulationManager.RegisterStoreDecoders()
}

// setOrders fixes the order of the modules within a block and in genesis.
func (app *App) setOrders() {
	m := app.moduleManager
	// An upgrade may change what every other module expects to find.
	m.SetOrderPreBlockers(upgradetypes.ModuleName, authtypes.ModuleName)
	m.SetOrderBeginBlockers(
		// Distribution pays out before slashing, so that a validator's last
		// rewards are not slashed with its stake.
		distrtypes.ModuleName, slashingtypes.ModuleName, evidencetypes.ModuleName, stakingtypes.ModuleName,
		ibcexported.ModuleName, ibctransfertypes.ModuleName,
		epochstypes.ModuleName, genutiltypes.ModuleName, authz.ModuleName, feegrant.ModuleName,
		computetypes.ModuleName,
		poctypes.ModuleName, // after x/compute, whose clock it reads
	)
	m.SetOrderEndBlockers(
		// Bank credits the block's collected fees before anyone reads the fee collector.
		banktypes.ModuleName, govtypes.ModuleName, stakingtypes.ModuleName,
		ibcexported.ModuleName, ibctransfertypes.ModuleName,
		feegrant.ModuleName, genutiltypes.ModuleName, computetypes.ModuleName,
		poctypes.ModuleName, markettypes.ModuleName, sockettypes.ModuleName,
	)
	// Genesis transactions run last of those that they touch: they need
	// accounts, balances and pools.
	genesis := []string{
		authtypes.ModuleName, banktypes.ModuleName, distrtypes.ModuleName, stakingtypes.ModuleName,
		slashingtypes.ModuleName, govtypes.ModuleName, ibcexported.ModuleName,
		nft.ModuleName, computetypes.ModuleName, poctypes.ModuleName, markettypes.ModuleName, sockettypes.ModuleName, genutiltypes.ModuleName,
		evidencetypes.ModuleName, authz.ModuleName, ibctransfertypes.ModuleName, feegrant.ModuleName,
		upgradetypes.ModuleName, epochstypes.ModuleName, consensustypes.ModuleName, ibctm.ModuleName,
	}
	m.SetOrderInitGenesis(genesis...)
	m.SetOrderExportGenesis(genesis...)
}

// randomAccounts are the accounts of a simulation: plain ones, because the
// simulator's own would include the vesting accounts that the chain lacks.
func randomAccounts(state *module.SimulationState) authtypes.GenesisAccounts {
	accounts := make(authtypes.GenesisAccounts, len(state.Accounts))
	for i, account := range state.Accounts {
		accounts[i] = authtypes.NewBaseAccountWithAddress(account.Address)
	}
	return accounts
}
