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
	ParamsKey      = collections.NewPrefix(0)
	BeaconKeysKey  = collections.NewPrefix(1)
	BeaconsKey     = collections.NewPrefix(2)
	NewestKey      = collections.NewPrefix(3)
	WindowsKey     = collections.NewPrefix(4)
	LastKey        = collections.NewPrefix(5)
	CommitsKey     = collections.NewPrefix(6)
	RecordsKey     = collections.NewPrefix(7)
	ChangesKey     = collections.NewPrefix(8)
	RewardsKey     = collections.NewPrefix(9)
	EmissionKey    = collections.NewPrefix(10)
	NumberKey      = collections.NewPrefix(11)
	ProbersKey     = collections.NewPrefix(12)
	EpochsKey      = collections.NewPrefix(13)
	TargetsKey     = collections.NewPrefix(14)
	ReportsKey     = collections.NewPrefix(15)
	WatchedKey     = collections.NewPrefix(16)
	EpochNumberKey = collections.NewPrefix(17)
)
