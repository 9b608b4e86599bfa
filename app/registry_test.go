package app_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/app/params"
)

func readRegistry(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "chain-registry", name))
	require.NoError(t, err)
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(into))
}

// What wallets read in the chain registry is what the chain does.
func TestChainRegistry(t *testing.T) {
	type token struct {
		Denom    string  `json:"denom"`
		FixedMin float64 `json:"fixed_min_gas_price"`
		Low      float64 `json:"low_gas_price"`
		Average  float64 `json:"average_gas_price"`
		High     float64 `json:"high_gas_price"`
	}
	type part struct {
		Type    string   `json:"type"`
		Version string   `json:"version"`
		Repo    string   `json:"repo"`
		Enabled any      `json:"enabled"`
		ICS     []string `json:"ics_enabled"`
	}
	var chain struct {
		Schema      string            `json:"$schema"`
		ChainName   string            `json:"chain_name"`
		ChainType   string            `json:"chain_type"`
		ChainID     string            `json:"chain_id"`
		PrettyName  string            `json:"pretty_name"`
		Status      string            `json:"status"`
		NetworkType string            `json:"network_type"`
		Prefix      string            `json:"bech32_prefix"`
		Prefixes    map[string]string `json:"bech32_config"`
		DaemonName  string            `json:"daemon_name"`
		NodeHome    string            `json:"node_home"`
		KeyAlgos    []string          `json:"key_algos"`
		Slip44      int               `json:"slip44"`
		Fees        struct {
			Tokens []token `json:"fee_tokens"`
		} `json:"fees"`
		Staking struct {
			Tokens []token `json:"staking_tokens"`
			Lock   struct {
				Time string `json:"time"`
			} `json:"lock_duration"`
		} `json:"staking"`
		Codebase struct {
			Repo      string `json:"git_repo"`
			Language  part   `json:"language"`
			SDK       part   `json:"sdk"`
			Consensus part   `json:"consensus"`
			IBC       part   `json:"ibc"`
			CosmWasm  part   `json:"cosmwasm"`
		} `json:"codebase"`
		Description string   `json:"description"`
		Keywords    []string `json:"keywords"`
	}
	readRegistry(t, "chain.json", &chain)
	require.Equal(t, params.AddressPrefix, chain.Prefix)
	require.Equal(t, params.ValidatorPrefix, chain.Prefixes["bech32PrefixValAddr"])
	require.Equal(t, params.ConsensusPrefix, chain.Prefixes["bech32PrefixConsAddr"])
	require.Equal(t, params.AppName, chain.DaemonName)
	require.Equal(t, params.CoinType, chain.Slip44)
	require.Equal(t, params.BaseDenom, chain.Staking.Tokens[0].Denom)
	require.Equal(t, strconv.Itoa(int(stakingtypes.DefaultUnbondingTime.Seconds()))+"s", chain.Staking.Lock.Time)

	fee := chain.Fees.Tokens[0]
	require.Equal(t, params.MinGasPrice, strconv.FormatFloat(fee.FixedMin, 'f', -1, 64)+fee.Denom)
	require.True(t, fee.FixedMin <= fee.Low && fee.Low < fee.Average && fee.Average < fee.High)

	modules, err := os.ReadFile(filepath.Join("..", "go.mod"))
	require.NoError(t, err)
	for module, version := range map[string]string{
		"cosmos/cosmos-sdk": chain.Codebase.SDK.Version, "cometbft/cometbft": chain.Codebase.Consensus.Version,
		"cosmos/ibc-go/v11": chain.Codebase.IBC.Version,
	} {
		require.True(t, strings.Contains(string(modules), "github.com/"+module+" "+version+"\n"), "%s is not %s in go.mod", module, version)
	}
}

func TestAssetList(t *testing.T) {
	var list struct {
		Schema    string `json:"$schema"`
		ChainName string `json:"chain_name"`
		Assets    []struct {
			banktypes.Metadata
			Units []struct {
				Denom    string   `json:"denom"`
				Exponent uint32   `json:"exponent"`
				Aliases  []string `json:"aliases"`
			} `json:"denom_units"`
			Type     string   `json:"type_asset"`
			Keywords []string `json:"keywords"`
		} `json:"assets"`
	}
	readRegistry(t, "assetlist.json", &list)
	require.Len(t, list.Assets, 1)
	asset, want := list.Assets[0], app.DenomMetadata()
	require.Equal(t, []string{want.Base, want.Display, want.Name, want.Symbol, want.Description},
		[]string{asset.Base, asset.Display, asset.Name, asset.Symbol, asset.Description})
	for i, unit := range want.DenomUnits {
		require.Equal(t, unit.Denom, asset.Units[i].Denom)
		require.Equal(t, unit.Exponent, asset.Units[i].Exponent)
		require.Equal(t, unit.Aliases, asset.Units[i].Aliases)
	}
}
