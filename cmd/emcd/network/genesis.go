package network

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"github.com/edgematrix/emc/app"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// Codecs are the parts of the application that writing a genesis needs.
type Codecs struct {
	Codec    codec.Codec
	TxConfig client.TxConfig
	Modules  module.BasicManager
}

// CodecsOf takes the codecs from an application.
func CodecsOf(chain *app.App) Codecs {
	return Codecs{Codec: chain.AppCodec(), TxConfig: chain.TxConfig(), Modules: chain.BasicManager()}
}

// Account is an account of the genesis.
type Account struct {
	Name    string
	Address sdk.AccAddress
	Coins   sdk.Coins
}

// NewGenesis returns a genesis of the chain with the accounts, the genesis
// transactions (signed MsgCreateValidator in JSON), the validators' beacon keys,
// which count from the first block on, and the given time.
func NewGenesis(
	c Codecs, chainID string, at time.Time, accounts []Account, genTxs []json.RawMessage, beaconKeys []poctypes.BeaconKey,
) (*genutiltypes.AppGenesis, error) {
	state := c.Modules.DefaultGenesis(c.Codec)

	var auth authtypes.GenesisState
	var bank banktypes.GenesisState
	if err := c.Codec.UnmarshalJSON(state[authtypes.ModuleName], &auth); err != nil {
		return nil, err
	}
	if err := c.Codec.UnmarshalJSON(state[banktypes.ModuleName], &bank); err != nil {
		return nil, err
	}
	seen := map[string]string{}
	var bases []authtypes.GenesisAccount
	for i, account := range accounts {
		address := account.Address.String()
		if other, twice := seen[address]; twice {
			return nil, fmt.Errorf("accounts %s and %s are the same address %s: give each its own mnemonic", other, account.Name, address)
		}
		seen[address] = account.Name
		bases = append(bases, authtypes.NewBaseAccount(account.Address, nil, uint64(i), 0))
		bank.Balances = append(bank.Balances, banktypes.Balance{Address: address, Coins: account.Coins.Sort()})
		bank.Supply = bank.Supply.Add(account.Coins...)
	}
	packed, err := authtypes.PackAccounts(bases)
	if err != nil {
		return nil, err
	}
	auth.Accounts = packed
	bank.Balances = banktypes.SanitizeGenesisBalances(bank.Balances)

	state[authtypes.ModuleName] = c.Codec.MustMarshalJSON(&auth)
	state[banktypes.ModuleName] = c.Codec.MustMarshalJSON(&bank)
	poc := poctypes.DefaultGenesis()
	poc.BeaconKeys = beaconKeys
	state[poctypes.ModuleName] = c.Codec.MustMarshalJSON(poc)
	state[genutiltypes.ModuleName] = c.Codec.MustMarshalJSON(genutiltypes.NewGenesisState(genTxs))
	raw, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return nil, err
	}
	genesis := genutiltypes.NewAppGenesisWithVersion(chainID, raw)
	genesis.AppName = app.Name
	genesis.GenesisTime = at
	genesis.InitialHeight = 1
	genesis.Consensus.Params = app.DefaultConsensusParams()
	return genesis, nil
}

// Validate checks a genesis as `emcd genesis validate` does.
func Validate(c Codecs, genesis *genutiltypes.AppGenesis) error {
	if err := genesis.ValidateAndComplete(); err != nil {
		return err
	}
	var state map[string]json.RawMessage
	if err := json.Unmarshal(genesis.AppState, &state); err != nil {
		return fmt.Errorf("app_state: %w", err)
	}
	return c.Modules.ValidateGenesis(c.Codec, c.TxConfig, state)
}
