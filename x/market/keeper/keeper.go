// Package keeper holds the state of x/market and everything that changes it.
package keeper

import (
	"context"

	"cosmossdk.io/collections"
	"cosmossdk.io/core/store"
	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/market/types"
)

// laneKey is (session, router, node); the router is empty without one.
type laneKey = collections.Triple[string, sdk.AccAddress, sdk.AccAddress]

// receiptKey is (session, router, node, sequence).
type receiptKey = collections.Quad[string, sdk.AccAddress, sdk.AccAddress, uint64]

// Keeper is the only writer of x/market's store.
type Keeper struct {
	compute   types.ComputeKeeper
	bank      types.BankKeeper
	accounts  types.AccountKeeper
	pool      types.CommunityPool
	authority string
	hooks     types.MarketHooks

	Schema collections.Schema
	// Params of the module.
	Params collections.Item[types.Params]
	// Sessions: id → Session
	Sessions collections.Map[string, types.Session]
	// SessionSequences: owner → sequence of the next session. With it an owner's ids are known without an index.
	SessionSequences collections.Map[sdk.AccAddress, uint64]
	// SessionsByRouter: (router, session), sessions that are not settled
	SessionsByRouter collections.KeySet[collections.Pair[sdk.AccAddress, string]]
	// Lanes: (session, router, node) → Lane
	Lanes collections.Map[laneKey, types.Lane]
	// Covers: (router, node) → Cover
	Covers collections.Map[collections.Pair[sdk.AccAddress, sdk.AccAddress], types.Cover]
	// CoversByNode: (node, router)
	CoversByNode collections.KeySet[collections.Pair[sdk.AccAddress, sdk.AccAddress]]
	// Evidence: (session, router, node, sequence) → Evidence
	Evidence collections.Map[receiptKey, types.Evidence]
	// SessionJobs: job → SessionJob, jobs that are not closed
	SessionJobs collections.Map[string, types.SessionJob]
	// Agenda: (time by the network's clock, kind, reference) of what happens by itself
	Agenda collections.KeySet[agendaEntry]
}

// NewKeeper wires the module to its store and to the keepers it needs.
// Authority is the address that may change the parameters (governance).
func NewKeeper(
	cdc codec.BinaryCodec, storeService store.KVStoreService,
	compute types.ComputeKeeper, bank types.BankKeeper, accounts types.AccountKeeper, pool types.CommunityPool, authority string,
) *Keeper {
	sb := collections.NewSchemaBuilder(storeService)
	addr := sdk.AccAddressKey
	k := &Keeper{
		compute: compute, bank: bank, accounts: accounts, pool: pool, authority: authority, hooks: types.NoopHooks{},

		Params:           collections.NewItem(sb, types.ParamsKey, "params", codec.CollValue[types.Params](cdc)),
		Sessions:         collections.NewMap(sb, types.SessionsKey, "sessions", collections.StringKey, codec.CollValue[types.Session](cdc)),
		SessionSequences: collections.NewMap(sb, types.SessionSequencesKey, "session_sequences", addr, collections.Uint64Value),
		SessionsByRouter: collections.NewKeySet(sb, types.SessionsByRouterKey, "sessions_by_router", collections.PairKeyCodec(addr, collections.StringKey)),
		Lanes:            collections.NewMap(sb, types.LanesKey, "lanes", collections.TripleKeyCodec(collections.StringKey, addr, addr), codec.CollValue[types.Lane](cdc)),
		Covers:           collections.NewMap(sb, types.CoversKey, "covers", collections.PairKeyCodec(addr, addr), codec.CollValue[types.Cover](cdc)),
		CoversByNode:     collections.NewKeySet(sb, types.CoversByNodeKey, "covers_by_node", collections.PairKeyCodec(addr, addr)),
		Evidence:         collections.NewMap(sb, types.EvidenceKey, "evidence", collections.QuadKeyCodec(collections.StringKey, addr, addr, collections.Uint64Key), codec.CollValue[types.Evidence](cdc)),
		SessionJobs:      collections.NewMap(sb, types.SessionJobsKey, "session_jobs", collections.StringKey, codec.CollValue[types.SessionJob](cdc)),
		Agenda:           collections.NewKeySet(sb, types.AgendaKey, "agenda", collections.TripleKeyCodec(collections.Int64Key, collections.StringKey, collections.BytesKey)),
	}
	schema, err := sb.Build()
	if err != nil {
		panic(err)
	}
	k.Schema = schema
	return k
}

// SetHooks sets the hooks once, while the app is wired.
func (k *Keeper) SetHooks(hooks types.MarketHooks) *Keeper {
	if _, unset := k.hooks.(types.NoopHooks); !unset {
		panic("x/market: hooks are set already")
	}
	k.hooks = hooks
	return k
}

// Authority is the address that may change the parameters.
func (k *Keeper) Authority() string { return k.authority }

// Compute is x/compute as the module sees it, for a simulation that plays its nodes.
func (k *Keeper) Compute() types.ComputeKeeper { return k.compute }

// blockTime is the block's time in Unix seconds.
func blockTime(ctx context.Context) int64 { return sdk.UnwrapSDKContext(ctx).BlockTime().Unix() }

// now is the network's time, by which everything is counted that ends by itself.
func (k *Keeper) now(ctx context.Context) (int64, error) {
	clock, err := k.compute.NetworkClock(ctx)
	return clock.Now(blockTime(ctx)), err
}

// outside is a time of the network's clock as people read it.
func (k *Keeper) outside(ctx context.Context, at int64) (int64, error) {
	clock, err := k.compute.NetworkClock(ctx)
	return clock.Outside(at), err
}

func emit(ctx context.Context, event interface {
	Reset()
	String() string
	ProtoMessage()
}) error {
	return sdk.UnwrapSDKContext(ctx).EventManager().EmitTypedEvent(event)
}

func zero() math.Int { return math.ZeroInt() }

func uint64Int(n uint64) math.Int { return math.NewIntFromUint64(n) }
