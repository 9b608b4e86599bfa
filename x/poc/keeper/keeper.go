// Package keeper holds the state of x/poc and everything that changes it.
package keeper

import (
	"context"

	"cosmossdk.io/collections"
	"cosmossdk.io/core/store"

	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/poc/types"
)

// Keeper is the only writer of x/poc's store.
type Keeper struct {
	staking   types.StakingKeeper
	compute   types.ComputeKeeper
	bank      types.BankKeeper
	accounts  types.AccountKeeper
	authority string

	Schema collections.Schema
	// Params of the module.
	Params collections.Item[types.Params]
	// BeaconKeys: validator → BeaconKey
	BeaconKeys collections.Map[sdk.ValAddress, types.BeaconKey]
	// Beacons: height → Beacon, of the last history_blocks
	Beacons collections.Map[int64, types.Beacon]
	// Newest is the beacon on which the next one builds.
	Newest collections.Item[types.Beacon]
	// Windows: height → Window, of the last types.KeptWindowBlocks
	Windows collections.Map[int64, types.Window]
	// Last is the height of the newest window.
	Last collections.Item[int64]
	// Number of the last window that was not void.
	Number collections.Item[uint64]
	// Commits: node → Commit, of the window under way
	Commits collections.Map[sdk.AccAddress, types.Commit]
	// Records: node → Record
	Records collections.Map[sdk.AccAddress, types.Record]
	// Changes: (window number, node) at which a node's market power falls by itself if it stays away
	Changes collections.KeySet[collections.Pair[uint64, sdk.AccAddress]]
	// Rewards: operator → Reward
	Rewards collections.Map[sdk.AccAddress, types.Reward]
	// Emission so far.
	Emission collections.Item[types.Emission]
	// Probers: validator → the hot key that reports his probes
	Probers collections.Map[sdk.ValAddress, types.Prober]
	// Epochs: number → ProbeEpoch, the last types.KeptEpochs
	Epochs collections.Map[uint64, types.ProbeEpoch]
	// EpochNumber of the newest epoch.
	EpochNumber collections.Item[uint64]
	// Targets: index → ProbeTarget, of the epoch under way
	Targets collections.Map[uint32, types.ProbeTarget]
	// Reports: validator → ProbeReport, of the epoch under way
	Reports collections.Map[sdk.ValAddress, types.ProbeReport]
	// Watched: (class, node) of routers and of nodes that did not answer: they are drawn before the others
	Watched collections.KeySet[collections.Pair[uint32, sdk.AccAddress]]
}

// NewKeeper wires the module to its store and to the keepers it needs.
// Authority is the address that may change the parameters (governance).
func NewKeeper(
	cdc codec.BinaryCodec, storeService store.KVStoreService,
	staking types.StakingKeeper, compute types.ComputeKeeper, bank types.BankKeeper, accounts types.AccountKeeper, authority string,
) *Keeper {
	if accounts.GetModuleAddress(types.ModuleName) == nil {
		panic("x/poc: the module account is missing; add it to maccPerms with Minter")
	}
	sb := collections.NewSchemaBuilder(storeService)
	k := &Keeper{
		staking: staking, compute: compute, bank: bank, accounts: accounts, authority: authority,

		Params:      collections.NewItem(sb, types.ParamsKey, "params", codec.CollValue[types.Params](cdc)),
		BeaconKeys:  collections.NewMap(sb, types.BeaconKeysKey, "beacon_keys", sdk.ValAddressKey, codec.CollValue[types.BeaconKey](cdc)),
		Beacons:     collections.NewMap(sb, types.BeaconsKey, "beacons", collections.Int64Key, codec.CollValue[types.Beacon](cdc)),
		Newest:      collections.NewItem(sb, types.NewestKey, "newest", codec.CollValue[types.Beacon](cdc)),
		Windows:     collections.NewMap(sb, types.WindowsKey, "windows", collections.Int64Key, codec.CollValue[types.Window](cdc)),
		Last:        collections.NewItem(sb, types.LastKey, "last", collections.Int64Value),
		Number:      collections.NewItem(sb, types.NumberKey, "number", collections.Uint64Value),
		Commits:     collections.NewMap(sb, types.CommitsKey, "commits", sdk.AccAddressKey, codec.CollValue[types.Commit](cdc)),
		Records:     collections.NewMap(sb, types.RecordsKey, "records", sdk.AccAddressKey, codec.CollValue[types.Record](cdc)),
		Changes:     collections.NewKeySet(sb, types.ChangesKey, "changes", collections.PairKeyCodec(collections.Uint64Key, sdk.AccAddressKey)),
		Rewards:     collections.NewMap(sb, types.RewardsKey, "rewards", sdk.AccAddressKey, codec.CollValue[types.Reward](cdc)),
		Emission:    collections.NewItem(sb, types.EmissionKey, "emission", codec.CollValue[types.Emission](cdc)),
		Probers:     collections.NewMap(sb, types.ProbersKey, "probers", sdk.ValAddressKey, codec.CollValue[types.Prober](cdc)),
		Epochs:      collections.NewMap(sb, types.EpochsKey, "epochs", collections.Uint64Key, codec.CollValue[types.ProbeEpoch](cdc)),
		EpochNumber: collections.NewItem(sb, types.EpochNumberKey, "epoch_number", collections.Uint64Value),
		Targets:     collections.NewMap(sb, types.TargetsKey, "targets", collections.Uint32Key, codec.CollValue[types.ProbeTarget](cdc)),
		Reports:     collections.NewMap(sb, types.ReportsKey, "reports", sdk.ValAddressKey, codec.CollValue[types.ProbeReport](cdc)),
		Watched:     collections.NewKeySet(sb, types.WatchedKey, "watched", collections.PairKeyCodec(collections.Uint32Key, sdk.AccAddressKey)),
	}
	schema, err := sb.Build()
	if err != nil {
		panic(err)
	}
	k.Schema = schema
	return k
}

func emit(ctx context.Context, event interface {
	Reset()
	String() string
	ProtoMessage()
}) error {
	return sdk.UnwrapSDKContext(ctx).EventManager().EmitTypedEvent(event)
}
