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
}

// NewKeeper wires the module to its store and to the keepers it needs.
// Authority is the address that may change the parameters (governance).
func NewKeeper(cdc codec.BinaryCodec, storeService store.KVStoreService, staking types.StakingKeeper, authority string) *Keeper {
	sb := collections.NewSchemaBuilder(storeService)
	k := &Keeper{
		staking: staking, authority: authority,

		Params:     collections.NewItem(sb, types.ParamsKey, "params", codec.CollValue[types.Params](cdc)),
		BeaconKeys: collections.NewMap(sb, types.BeaconKeysKey, "beacon_keys", sdk.ValAddressKey, codec.CollValue[types.BeaconKey](cdc)),
		Beacons:    collections.NewMap(sb, types.BeaconsKey, "beacons", collections.Int64Key, codec.CollValue[types.Beacon](cdc)),
		Newest:     collections.NewItem(sb, types.NewestKey, "newest", codec.CollValue[types.Beacon](cdc)),
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
