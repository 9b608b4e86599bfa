// Package params holds the names that make a Cosmos chain EMC: its address
// prefixes, its denomination and the defaults that depend on them.
//
// Importing it is enough: the SDK keeps these names in process-wide settings
// that have to be in place before the first address is printed, so they are set
// once, when the package is loaded.
package params

import (
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
)

const (
	// AppName is the name of the chain's binary and of its application.
	AppName = "emcd"

	// BaseDenom is the smallest unit; every amount in the state is counted in it.
	BaseDenom = amount.BaseDenom
	// DisplayDenom is the unit that people read and type: 1 emc = 10^6 uemc.
	DisplayDenom = amount.DisplayDenom
	// Symbol is the ticker.
	Symbol = amount.Symbol
	// DisplayExponent is the power of ten between BaseDenom and DisplayDenom.
	DisplayExponent = amount.Exponent

	// CoinType is the BIP-44 coin type of the chain's keys: Cosmos's own, so
	// that every wallet that knows Cosmos finds the same accounts.
	CoinType = 118

	// AddressPrefix starts every account address.
	AddressPrefix = "emc"
	// ValidatorPrefix starts every validator operator address.
	ValidatorPrefix = "emcvaloper"
	// ConsensusPrefix starts every validator consensus address.
	ConsensusPrefix = "emcvalcons"

	// MinGasPrice is the default price of one unit of gas, for validators the
	// least they accept and for the command line what it offers: an ordinary
	// transfer costs about 0.001 EMC.
	MinGasPrice = "0.01uemc"

	// BlockMaxGas bounds the work of one block; a block full of transfers
	// executes in well under a second on two cores.
	BlockMaxGas = 100_000_000
	// BlockMaxBytes bounds the size of one block.
	BlockMaxBytes = 2 << 20
	// MempoolTxs is how many transactions wait at a node before it refuses more,
	// where its config.toml says nothing else.
	MempoolTxs = 20_000
	// MempoolBytes is how many bytes of them.
	MempoolBytes = 256 << 20
	// QueryGasLimit bounds the work of one query, so that a stranger cannot
	// keep a public node busy with one request.
	QueryGasLimit = 50_000_000
)

func init() {
	cfg := sdk.GetConfig()
	cfg.SetBech32PrefixForAccount(AddressPrefix, AddressPrefix+"pub")
	cfg.SetBech32PrefixForValidator(ValidatorPrefix, ValidatorPrefix+"pub")
	cfg.SetBech32PrefixForConsensusNode(ConsensusPrefix, ConsensusPrefix+"pub")
	cfg.SetCoinType(CoinType)

	// Every default genesis of the SDK's modules names its fees and bonds by this variable.
	sdk.DefaultBondDenom = BaseDenom

	// The SDK's own parsers (JSON files of proposals, validators, allowances)
	// convert between registered units.
	micro := math.LegacyNewDecWithPrec(1, DisplayExponent)
	for denom, unit := range map[string]math.LegacyDec{
		BaseDenom: micro, DisplayDenom: math.LegacyOneDec(), Symbol: math.LegacyOneDec(),
	} {
		if err := sdk.RegisterDenom(denom, unit); err != nil {
			panic(err)
		}
	}
}
