package types

import "cosmossdk.io/collections"

const (
	// ModuleName names the module and its store.
	ModuleName = "poc"
	// StoreKey of the module's store.
	StoreKey = ModuleName
)

// Store prefixes. One byte each; never reused.
var (
	ParamsKey     = collections.NewPrefix(0)
	BeaconKeysKey = collections.NewPrefix(1)
	BeaconsKey    = collections.NewPrefix(2)
	NewestKey     = collections.NewPrefix(3)
)
