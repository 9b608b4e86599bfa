// Package bech32 sets the address prefix of EMC in the SDK's process-wide
// configuration for programs that do not link the chain's application, such as
// the worker. Importing it is enough: the prefix has to be in place before the
// first address is printed.
package bech32

import sdk "github.com/cosmos/cosmos-sdk/types"

// Prefixes of addresses.
const (
	Account   = "emc"
	Validator = "emcvaloper"
	Consensus = "emcvalcons"
)

func init() {
	cfg := sdk.GetConfig()
	cfg.SetBech32PrefixForAccount(Account, Account+"pub")
	cfg.SetBech32PrefixForValidator(Validator, Validator+"pub")
	cfg.SetBech32PrefixForConsensusNode(Consensus, Consensus+"pub")
}
