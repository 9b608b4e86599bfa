package app

import (
	"encoding/json"
	"fmt"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmttypes "github.com/cometbft/cometbft/types"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	"github.com/cosmos/cosmos-sdk/x/bank"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	"github.com/cosmos/cosmos-sdk/x/genutil"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"
	"github.com/cosmos/cosmos-sdk/x/gov"
	govclient "github.com/cosmos/cosmos-sdk/x/gov/client"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	govv1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1"
	"github.com/cosmos/cosmos-sdk/x/slashing"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"github.com/edgematrix/emc/app/params"
)

// GenesisState maps each module to its genesis.
type GenesisState map[string]json.RawMessage

// DefaultGenesis returns the genesis of a new EMC chain without accounts.
func (app *App) DefaultGenesis() map[string]json.RawMessage {
	return app.basicManager.DefaultGenesis(app.appCodec)
}

// DefaultConsensusParams bounds the size and the work of a block.
func DefaultConsensusParams() *cmttypes.ConsensusParams {
	cp := cmttypes.DefaultConsensusParams()
	cp.Block.MaxBytes = params.BlockMaxBytes
	cp.Block.MaxGas = params.BlockMaxGas
	// Evidence counts for as long as the stake that it could slash is still
	// unbonding, both in time and in one-second blocks.
	cp.Evidence.MaxAgeDuration = stakingtypes.DefaultUnbondingTime
	cp.Evidence.MaxAgeNumBlocks = int64(stakingtypes.DefaultUnbondingTime / time.Second)
	cp.Evidence.MaxBytes = params.BlockMaxBytes / 4
	return cp
}

// InitChainer starts the chain from a genesis file.
func (app *App) InitChainer(ctx sdk.Context, req *abci.RequestInitChain) (*abci.ResponseInitChain, error) {
	var state GenesisState
	if err := json.Unmarshal(req.AppStateBytes, &state); err != nil {
		return nil, fmt.Errorf("read the genesis file's app_state: %w", err)
	}
	if err := app.UpgradeKeeper.SetModuleVersionMap(ctx, app.moduleManager.GetVersionMap()); err != nil {
		return nil, err
	}
	return app.moduleManager.InitGenesis(ctx, app.appCodec, state)
}

// genesisBasics replaces the modules' basics whose default genesis EMC changes.
func genesisBasics(app *App) map[string]module.AppModuleBasic {
	basics := map[string]module.AppModuleBasic{
		genutiltypes.ModuleName: genutil.NewAppModuleBasic(genutiltypes.DefaultMessageValidator),
	}
	if basic, ok := app.moduleManager.Modules[banktypes.ModuleName].(bank.AppModule); ok {
		basics[banktypes.ModuleName] = bankBasic{basic.AppModuleBasic}
	}
	if basic, ok := app.moduleManager.Modules[slashingtypes.ModuleName].(slashing.AppModule); ok {
		basics[slashingtypes.ModuleName] = slashingBasic{basic.AppModuleBasic}
	}
	basics[govtypes.ModuleName] = govBasic{gov.NewAppModuleBasic([]govclient.ProposalHandler{})}
	return basics
}

// bankBasic adds the denomination's metadata, so that wallets show EMC.
type bankBasic struct{ bank.AppModuleBasic }

func (bankBasic) DefaultGenesis(cdc codec.JSONCodec) json.RawMessage {
	genesis := banktypes.DefaultGenesisState()
	genesis.DenomMetadata = []banktypes.Metadata{DenomMetadata()}
	return cdc.MustMarshalJSON(genesis)
}

// DenomMetadata describes uemc, emc and EMC to wallets and explorers.
func DenomMetadata() banktypes.Metadata {
	return banktypes.Metadata{
		Description: "The coin of EMC, the network of provable computing power.",
		DenomUnits: []*banktypes.DenomUnit{
			{Denom: params.BaseDenom, Exponent: 0, Aliases: []string{"microemc"}},
			{Denom: params.DisplayDenom, Exponent: params.DisplayExponent, Aliases: []string{params.Symbol}},
		},
		Base: params.BaseDenom, Display: params.DisplayDenom, Name: "EMC", Symbol: params.Symbol,
	}
}

// slashingBasic measures a validator's presence over some hours: the SDK's
// hundred blocks would, at one second each, jail whoever restarts his node.
type slashingBasic struct{ slashing.AppModuleBasic }

func (slashingBasic) DefaultGenesis(cdc codec.JSONCodec) json.RawMessage {
	genesis := slashingtypes.DefaultGenesisState()
	genesis.Params.SignedBlocksWindow = 30_000
	genesis.Params.MinSignedPerWindow = math.LegacyNewDecWithPrec(5, 2)
	genesis.Params.SlashFractionDowntime = math.LegacyNewDecWithPrec(1, 4)
	return cdc.MustMarshalJSON(genesis)
}

// govBasic prices proposals in EMC.
type govBasic struct{ gov.AppModuleBasic }

func (govBasic) DefaultGenesis(cdc codec.JSONCodec) json.RawMessage {
	genesis := govv1.DefaultGenesisState()
	deposit := func(emc int64) sdk.Coins {
		return sdk.NewCoins(sdk.NewCoin(params.BaseDenom, math.NewInt(emc).MulRaw(1_000_000)))
	}
	genesis.Params.MinDeposit = deposit(1_000)
	genesis.Params.ExpeditedMinDeposit = deposit(5_000)
	return cdc.MustMarshalJSON(genesis)
}
