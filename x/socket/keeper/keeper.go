// Package keeper holds the state of x/socket and everything that changes it.
package keeper

import (
	"context"

	"cosmossdk.io/collections"
	"cosmossdk.io/core/store"

	"github.com/cosmos/cosmos-sdk/codec"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/internal/agenda"
	"github.com/edgematrix/emc/x/internal/purse"
	"github.com/edgematrix/emc/x/socket/types"
)

// listingKey is (app, price of an E-hour, socket).
type listingKey = collections.Triple[string, uint64, string]

// Keeper is the only writer of x/socket's store.
type Keeper struct {
	compute   types.ComputeKeeper
	market    types.MarketKeeper
	nft       types.NFTKeeper
	bank      types.BankKeeper
	purse     purse.Purse
	authority string

	Schema collections.Schema
	// Params of the module.
	Params collections.Item[types.Params]
	// Sockets: id → Socket
	Sockets collections.Map[string, types.Socket]
	// SocketSequences: minter → sequence of the next socket
	SocketSequences collections.Map[sdk.AccAddress, uint64]
	// Listings: (app, price of an E-hour, socket), what is for sale, the cheapest first
	Listings collections.KeySet[listingKey]
	// SocketsByNode: (node, socket)
	SocketsByNode collections.KeySet[collections.Pair[sdk.AccAddress, string]]
	// SocketsByHolder: (holder, socket), those whose NFT the module holds
	SocketsByHolder collections.KeySet[collections.Pair[sdk.AccAddress, string]]
	// SocketsBySession: session → socket
	SocketsBySession collections.Map[string, string]
	// Agenda: (time by the network's clock, kind, reference) of what happens by itself
	Agenda agenda.Queue
}

// NewKeeper wires the module to its store and to the keepers it needs.
// Authority is the address that may change the parameters (governance).
func NewKeeper(
	cdc codec.BinaryCodec, storeService store.KVStoreService, compute types.ComputeKeeper, market types.MarketKeeper, nft types.NFTKeeper,
	bank types.BankKeeper, accounts types.AccountKeeper, pool types.CommunityPool, authority string,
) *Keeper {
	sb := collections.NewSchemaBuilder(storeService)
	addr, text := sdk.AccAddressKey, collections.StringKey
	k := &Keeper{
		compute: compute, market: market, nft: nft, bank: bank, purse: purse.Purse{Bank: bank, Accounts: accounts, Pool: pool}, authority: authority,

		Params:           collections.NewItem(sb, types.ParamsKey, "params", codec.CollValue[types.Params](cdc)),
		Sockets:          collections.NewMap(sb, types.SocketsKey, "sockets", text, codec.CollValue[types.Socket](cdc)),
		SocketSequences:  collections.NewMap(sb, types.SocketSequencesKey, "socket_sequences", addr, collections.Uint64Value),
		Listings:         collections.NewKeySet(sb, types.ListingsKey, "listings", collections.TripleKeyCodec(text, collections.Uint64Key, text)),
		SocketsByNode:    collections.NewKeySet(sb, types.SocketsByNodeKey, "sockets_by_node", collections.PairKeyCodec(addr, text)),
		SocketsByHolder:  collections.NewKeySet(sb, types.SocketsByHolderKey, "sockets_by_holder", collections.PairKeyCodec(addr, text)),
		SocketsBySession: collections.NewMap(sb, types.SocketsBySessionKey, "sockets_by_session", text, collections.StringValue),
		Agenda:           agenda.New(sb, types.AgendaKey),
	}
	schema, err := sb.Build()
	if err != nil {
		panic(err)
	}
	k.Schema = schema
	return k
}

// Compute is x/compute as the module sees it, for a simulation that plays its nodes.
func (k *Keeper) Compute() types.ComputeKeeper { return k.compute }

// Market is x/market as the module sees it, for a simulation that plays the sessions.
func (k *Keeper) Market() types.MarketKeeper { return k.market }

// clock is the network's clock now, and block time less its standstills.
func (k *Keeper) now(ctx context.Context) (int64, error) {
	clock, err := k.compute.NetworkClock(ctx)
	return clock.Now(blockTime(ctx)), err
}

func blockTime(ctx context.Context) int64 { return sdk.UnwrapSDKContext(ctx).BlockTime().Unix() }
