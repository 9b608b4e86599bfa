package app

import (
	"github.com/spf13/cast"

	"cosmossdk.io/core/store"
	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/codec/address"
	"github.com/cosmos/cosmos-sdk/contrib/x/nft"
	nftkeeper "github.com/cosmos/cosmos-sdk/contrib/x/nft/keeper"
	"github.com/cosmos/cosmos-sdk/runtime"
	"github.com/cosmos/cosmos-sdk/server"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	authkeeper "github.com/cosmos/cosmos-sdk/x/auth/keeper"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	authzkeeper "github.com/cosmos/cosmos-sdk/x/authz/keeper"
	bankkeeper "github.com/cosmos/cosmos-sdk/x/bank/keeper"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	consensuskeeper "github.com/cosmos/cosmos-sdk/x/consensus/keeper"
	consensustypes "github.com/cosmos/cosmos-sdk/x/consensus/types"
	distrkeeper "github.com/cosmos/cosmos-sdk/x/distribution/keeper"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	epochskeeper "github.com/cosmos/cosmos-sdk/x/epochs/keeper"
	epochstypes "github.com/cosmos/cosmos-sdk/x/epochs/types"
	evidencekeeper "github.com/cosmos/cosmos-sdk/x/evidence/keeper"
	evidencetypes "github.com/cosmos/cosmos-sdk/x/evidence/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"
	feegrantkeeper "github.com/cosmos/cosmos-sdk/x/feegrant/keeper"
	govkeeper "github.com/cosmos/cosmos-sdk/x/gov/keeper"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	govv1beta1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1beta1"
	slashingkeeper "github.com/cosmos/cosmos-sdk/x/slashing/keeper"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingkeeper "github.com/cosmos/cosmos-sdk/x/staking/keeper"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
	upgradekeeper "github.com/cosmos/cosmos-sdk/x/upgrade/keeper"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"

	ibctransferkeeper "github.com/cosmos/ibc-go/v11/modules/apps/transfer/keeper"
	ibctransfertypes "github.com/cosmos/ibc-go/v11/modules/apps/transfer/types"
	ibcexported "github.com/cosmos/ibc-go/v11/modules/core/exported"
	ibckeeper "github.com/cosmos/ibc-go/v11/modules/core/keeper"

	"github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/pkg/escrow"
	computekeeper "github.com/edgematrix/emc/x/compute/keeper"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	marketkeeper "github.com/edgematrix/emc/x/market/keeper"
	markettypes "github.com/edgematrix/emc/x/market/types"
	pockeeper "github.com/edgematrix/emc/x/poc/keeper"
	poctypes "github.com/edgematrix/emc/x/poc/types"
	socketkeeper "github.com/edgematrix/emc/x/socket/keeper"
	sockettypes "github.com/edgematrix/emc/x/socket/types"
)

type storeService = store.KVStoreService

// Keepers are the modules' keepers. They are exported for tests and for the
// genesis export; programs outside the chain never see them.
type Keepers struct {
	AccountKeeper   authkeeper.AccountKeeper
	BankKeeper      bankkeeper.BaseKeeper
	StakingKeeper   *stakingkeeper.Keeper
	SlashingKeeper  slashingkeeper.Keeper
	DistrKeeper     distrkeeper.Keeper
	GovKeeper       *govkeeper.Keeper
	UpgradeKeeper   *upgradekeeper.Keeper
	EvidenceKeeper  *evidencekeeper.Keeper
	FeeGrantKeeper  feegrantkeeper.Keeper
	AuthzKeeper     authzkeeper.Keeper
	EpochsKeeper    *epochskeeper.Keeper
	ConsensusKeeper consensuskeeper.Keeper
	NFTKeeper       nftkeeper.Keeper
	IBCKeeper       *ibckeeper.Keeper
	TransferKeeper  *ibctransferkeeper.Keeper
	ComputeKeeper   *computekeeper.Keeper
	PocKeeper       *pockeeper.Keeper
	MarketKeeper    *marketkeeper.Keeper
	SocketKeeper    *socketkeeper.Keeper
}

// storeKeys names every persistent store.
func storeKeys() []string {
	return append([]string{
		authtypes.StoreKey, banktypes.StoreKey, stakingtypes.StoreKey, slashingtypes.StoreKey,
		distrtypes.StoreKey, govtypes.StoreKey, upgradetypes.StoreKey, evidencetypes.StoreKey,
		feegrant.StoreKey, authzkeeper.StoreKey, epochstypes.StoreKey, consensustypes.StoreKey,
		nftkeeper.StoreKey, ibcexported.StoreKey, ibctransfertypes.StoreKey, computetypes.StoreKey, poctypes.StoreKey, markettypes.StoreKey, sockettypes.StoreKey,
	}, rehearsalStores()...)
}

// objectStoreKeys names the stores that live for one block only.
func objectStoreKeys() []string { return []string{banktypes.ObjectStoreKey} }

// authority may change parameters and run upgrades: governance alone.
func authority() string { return authtypes.NewModuleAddress(govtypes.ModuleName).String() }

// setKeepers builds the keepers in the order of their dependencies.
func (app *App) setKeepers(appOpts servertypes.AppOptions, logger log.Logger) {
	accountCodec := address.NewBech32Codec(params.AddressPrefix)

	app.ConsensusKeeper = consensuskeeper.NewKeeper(
		app.appCodec, app.storeService(consensustypes.StoreKey), authority(), runtime.EventService{})
	app.SetParamStore(app.ConsensusKeeper.ParamsStore)

	app.AccountKeeper = authkeeper.NewAccountKeeper(
		app.appCodec, app.storeService(authtypes.StoreKey), authtypes.ProtoBaseAccount, ModuleAccounts(),
		accountCodec, params.AddressPrefix, authority())
	// The object store collects each transaction's fee apart and credits the
	// sum once a block: otherwise every transaction writes the fee collector,
	// and no two can run in parallel.
	app.BankKeeper = bankkeeper.NewBaseKeeper(
		app.appCodec, app.storeService(banktypes.StoreKey), escrow.Accounts{AccountKeeper: app.AccountKeeper}, BlockedAddresses(), authority(), logger,
	).WithObjStoreKey(app.objKeys[banktypes.ObjectStoreKey])
	app.setStakingKeepers()

	app.FeeGrantKeeper = feegrantkeeper.NewKeeper(app.appCodec, app.storeService(feegrant.StoreKey), app.AccountKeeper).
		SetBankKeeper(app.BankKeeper)
	app.AuthzKeeper = authzkeeper.NewKeeper(
		app.storeService(authzkeeper.StoreKey), app.appCodec, app.MsgServiceRouter(), app.AccountKeeper).
		SetBankKeeper(app.BankKeeper)
	epochs := epochskeeper.NewKeeper(app.storeService(epochstypes.StoreKey), app.appCodec)
	epochs.SetHooks(epochstypes.NewMultiEpochHooks())
	app.EpochsKeeper = &epochs
	app.NFTKeeper = nftkeeper.NewKeeper(app.storeService(nft.StoreKey), app.appCodec, app.AccountKeeper, app.BankKeeper)

	skip := map[int64]bool{}
	for _, height := range cast.ToIntSlice(appOpts.Get(server.FlagUnsafeSkipUpgrades)) {
		skip[int64(height)] = true
	}
	app.UpgradeKeeper = upgradekeeper.NewKeeper(skip, app.storeService(upgradetypes.StoreKey), app.appCodec,
		cast.ToString(appOpts.Get(flags.FlagHome)), app.BaseApp, authority())

	app.GovKeeper = govkeeper.NewKeeper(
		app.appCodec, app.storeService(govtypes.StoreKey), app.AccountKeeper, app.BankKeeper, app.DistrKeeper,
		app.MsgServiceRouter(), govtypes.DefaultConfig(), authority(),
		govkeeper.NewDefaultCalculateVoteResultsAndVotingPower(app.StakingKeeper))
	// Submitting a legacy proposal dereferences the router; text is all that is left of them.
	app.GovKeeper.SetLegacyRouter(govv1beta1.NewRouter().AddRoute(govtypes.RouterKey, govv1beta1.ProposalHandler))

	app.setIBCKeepers()
	app.ComputeKeeper = computekeeper.NewKeeper(
		app.appCodec, app.storeService(computetypes.StoreKey), app.AccountKeeper, app.BankKeeper, app.DistrKeeper, authority())
	app.PocKeeper = pockeeper.NewKeeper(app.appCodec, app.storeService(poctypes.StoreKey),
		app.StakingKeeper, app.ComputeKeeper, app.BankKeeper, app.AccountKeeper, authority())
	app.MarketKeeper = marketkeeper.NewKeeper(app.appCodec, app.storeService(markettypes.StoreKey),
		app.ComputeKeeper, app.BankKeeper, app.AccountKeeper, app.DistrKeeper, authority())
	app.SocketKeeper = socketkeeper.NewKeeper(app.appCodec, app.storeService(sockettypes.StoreKey), app.ComputeKeeper, app.MarketKeeper,
		socketkeeper.Tokens{Keeper: app.NFTKeeper}, app.BankKeeper, app.AccountKeeper, app.DistrKeeper, authority())
	app.MarketKeeper.SetHooks(app.SocketKeeper.Hooks())
	app.ComputeKeeper.SetHooks(computetypes.MultiHooks{app.PocKeeper.Hooks(), app.MarketKeeper.Hooks()})
}

// setStakingKeepers builds the validators' keepers and links their hooks.
func (app *App) setStakingKeepers() {
	app.StakingKeeper = stakingkeeper.NewKeeper(
		app.appCodec, app.storeService(stakingtypes.StoreKey), app.AccountKeeper, app.BankKeeper, authority(),
		address.NewBech32Codec(params.ValidatorPrefix), address.NewBech32Codec(params.ConsensusPrefix))
	app.DistrKeeper = distrkeeper.NewKeeper(
		app.appCodec, app.storeService(distrtypes.StoreKey), app.AccountKeeper, app.BankKeeper, app.StakingKeeper,
		authtypes.FeeCollectorName, authority())
	app.SlashingKeeper = slashingkeeper.NewKeeper(
		app.appCodec, app.legacyAmino, app.storeService(slashingtypes.StoreKey), app.StakingKeeper, authority())
	app.StakingKeeper.SetHooks(stakingtypes.NewMultiStakingHooks(app.DistrKeeper.Hooks(), app.SlashingKeeper.Hooks()))
	app.EvidenceKeeper = evidencekeeper.NewKeeper(
		app.appCodec, app.storeService(evidencetypes.StoreKey), app.StakingKeeper, app.SlashingKeeper,
		app.AccountKeeper.AddressCodec(), runtime.ProvideCometInfoService())
	app.EvidenceKeeper.SetRouter(evidencetypes.NewRouter())
}
