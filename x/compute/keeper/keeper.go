// Package keeper holds the state of x/compute and everything that changes it.
package keeper

import (
	"context"

	"cosmossdk.io/collections"
	"cosmossdk.io/core/store"
	errorsmod "cosmossdk.io/errors"

	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// Keeper is the only writer of x/compute's store.
type Keeper struct {
	accounts  types.AccountKeeper
	bank      types.BankKeeper
	pool      types.CommunityPool
	authority string
	hooks     types.ComputeHooks

	Schema collections.Schema
	// Params of the module.
	Params collections.Item[types.Params]
	// Clock of the network.
	Clock collections.Item[types.Clock]
	// Nodes: node → Node
	Nodes collections.Map[sdk.AccAddress, types.Node]
	// NodesByOperator: (operator, node)
	NodesByOperator collections.KeySet[collections.Pair[sdk.AccAddress, sdk.AccAddress]]
	// PriceIndex: (app or runtime, slot-hour price, height of the listing, node), eligible nodes only
	PriceIndex collections.KeySet[indexKey]
	// IndexHeads: app or runtime → its first entry in PriceIndex
	IndexHeads collections.Map[string, types.IndexHead]
	// Agenda: (time by the network's clock, kind, reference) of what happens by itself
	Agenda collections.KeySet[agendaEntry]
	// Reservations: (node, promise) → Reservation
	Reservations collections.Map[collections.Pair[sdk.AccAddress, string], types.Reservation]
	// Unbondings: (node, sequence) → Unbonding
	Unbondings collections.Map[collections.Pair[sdk.AccAddress, uint64], types.Unbonding]
	// Slashes: (node, sequence) → Slash
	Slashes collections.Map[collections.Pair[sdk.AccAddress, uint64], types.Slash]
	// Apps: id → App
	Apps collections.Map[string, types.App]
	// JobSequences: customer → sequence of the next job. With it a customer's job ids are known without an index.
	JobSequences collections.Map[sdk.AccAddress, uint64]
	// Jobs: id → Job
	Jobs collections.Map[string, types.Job]
}

// NewKeeper wires the module to its store and to the keepers it needs.
// Authority is the address that may change the parameters (governance).
func NewKeeper(
	cdc codec.BinaryCodec, storeService store.KVStoreService,
	accounts types.AccountKeeper, bank types.BankKeeper, pool types.CommunityPool, authority string,
) *Keeper {
	if accounts.GetModuleAddress(types.ModuleName) == nil {
		panic("x/compute: the module account is missing; add it to maccPerms with Burner")
	}
	sb := collections.NewSchemaBuilder(storeService)
	addr := sdk.AccAddressKey
	k := &Keeper{
		accounts: accounts, bank: bank, pool: pool, authority: authority, hooks: types.NoopHooks{},

		Params:          collections.NewItem(sb, types.ParamsKey, "params", codec.CollValue[types.Params](cdc)),
		Clock:           collections.NewItem(sb, types.ClockKey, "clock", codec.CollValue[types.Clock](cdc)),
		Nodes:           collections.NewMap(sb, types.NodesKey, "nodes", addr, codec.CollValue[types.Node](cdc)),
		NodesByOperator: collections.NewKeySet(sb, types.NodesByOperatorKey, "nodes_by_operator", collections.PairKeyCodec(addr, addr)),
		PriceIndex:      collections.NewKeySet(sb, types.PriceIndexKey, "price_index", collections.QuadKeyCodec(collections.StringKey, collections.Uint64Key, collections.Int64Key, addr)),
		IndexHeads:      collections.NewMap(sb, types.IndexHeadsKey, "index_heads", collections.StringKey, codec.CollValue[types.IndexHead](cdc)),
		Agenda:          collections.NewKeySet(sb, types.AgendaKey, "agenda", collections.TripleKeyCodec(collections.Int64Key, collections.StringKey, collections.BytesKey)),
		Reservations:    collections.NewMap(sb, types.ReservationsKey, "reservations", collections.PairKeyCodec(addr, collections.StringKey), codec.CollValue[types.Reservation](cdc)),
		Unbondings:      collections.NewMap(sb, types.UnbondingsKey, "unbondings", collections.PairKeyCodec(addr, collections.Uint64Key), codec.CollValue[types.Unbonding](cdc)),
		Slashes:         collections.NewMap(sb, types.SlashesKey, "slashes", collections.PairKeyCodec(addr, collections.Uint64Key), codec.CollValue[types.Slash](cdc)),
		Apps:            collections.NewMap(sb, types.AppsKey, "apps", collections.StringKey, codec.CollValue[types.App](cdc)),
		JobSequences:    collections.NewMap(sb, types.JobSequencesKey, "job_sequences", addr, collections.Uint64Value),
		Jobs:            collections.NewMap(sb, types.JobsKey, "jobs", collections.StringKey, codec.CollValue[types.Job](cdc)),
	}
	schema, err := sb.Build()
	if err != nil {
		panic(err)
	}
	k.Schema = schema
	return k
}

// SetHooks sets the hooks once, while the app is wired.
func (k *Keeper) SetHooks(hooks types.ComputeHooks) *Keeper {
	if _, unset := k.hooks.(types.NoopHooks); !unset {
		panic("x/compute: hooks are set already")
	}
	k.hooks = hooks
	return k
}

// Authority is the address that may change the parameters.
func (k *Keeper) Authority() string { return k.authority }

func emit(ctx context.Context, event interface {
	Reset()
	String() string
	ProtoMessage()
}) error {
	return sdk.UnwrapSDKContext(ctx).EventManager().EmitTypedEvent(event)
}

// address parses an address of a message. Name is what the person calls it.
func address(name, bech32 string, sentinel error) (sdk.AccAddress, error) {
	addr, err := sdk.AccAddressFromBech32(bech32)
	if err != nil {
		return nil, errorsmod.Wrapf(sentinel, "%s: %s", name, err)
	}
	return addr, nil
}
