package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"cosmossdk.io/collections"
	sdkmath "cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/socket/keeper"
	"github.com/edgematrix/emc/x/socket/types"
)

const (
	// Every socket is one slot of its node, with 0.25 E.
	socketsPerNode   = 100
	socketPower      = types.MicroE / 4
	socketCollateral = 250_000
	// together is how many entries are written before the next block: their nodes
	// stand in memory until then.
	together = 500_000
)

// bourse is a chain on which sockets are listed, none of them sold.
type bourse struct {
	*chain
	nodes []party
	// minters are the senders: each operates every 400th node.
	minters []party
	all     []offered // in the order of their ids
	// forSale are the sockets that will be bought, and have NFTs.
	forSale []offered
}

// party is an address in both forms: making either from a key takes longer than
// writing a socket.
type party struct {
	addr   sdk.AccAddress
	bech32 string
	class  string // of a minter's NFTs
}

func partyOf(kind string, i int) party {
	addr := addressOf(key(kind, i))
	return party{addr: addr, bech32: addr.String(), class: types.ClassID(addr.String())}
}

// offered is what tells one socket from the others.
type offered struct {
	id        string
	node      int // its operator is the sender of this number, modulo senders
	sequence  uint64
	ask, perE uint64
	expires   int64
}

func (b *bourse) minter(o offered) party { return b.minters[o.node%senders] }

// newBourse starts a chain with as many nodes, and sockets of all of their slots.
// 10^6 sockets through messages would take an hour: the entries are written as the
// keeper writes them, each index in its own order, which takes a quarter of the
// time that it takes in any other.
func newBourse(nodes, forSale int) (*bourse, error) {
	begin := time.Now()
	s := setup{}
	b := &bourse{}
	for i := range senders {
		b.minters = append(b.minters, partyOf("sender", i))
	}
	for i := range nodes {
		n := benchNode(i, socketsPerNode, b.minters[i%senders].bech32, chainStart())
		n.Power, n.Stake = socketsPerNode*socketPower, sdkmath.NewInt(socketsPerNode*socketCollateral)
		s.nodes = append(s.nodes, n)
		b.nodes = append(b.nodes, partyOf("node", i))
	}
	var err error
	if b.chain, err = startChain(s); err != nil {
		return nil, err
	}
	b.untidy = true
	b.offer(forSale)
	if err := b.fill(); err != nil {
		b.close()
		return nil, err
	}
	fmt.Printf("  %d sockets written in %.0f s\n", len(b.all), time.Since(begin).Seconds())
	return b, nil
}

// offer makes the list of sockets: prices and expiries spread, nodes in turns.
func (b *bourse) offer(forSale int) {
	next := make([]uint64, senders)
	for i := range len(b.nodes) * socketsPerNode {
		o := offered{node: i % len(b.nodes), ask: 1_000_000 + uint64(i*7919%1_000_000), expires: b.time.Unix() + 86_400 + int64(i*104_729%(300*86_400))}
		minter := o.node % senders
		o.sequence = next[minter]
		next[minter]++
		o.id = types.SocketID(b.minter(o).addr, o.sequence)
		o.perE = b.socket(o).PerEHour(sdkmath.NewIntFromUint64(o.ask), b.time.Unix())
		b.all = append(b.all, o)
	}
	for i := range forSale { // one further each time than its buyer, who does not buy his own
		b.forSale = append(b.forSale, b.all[(i*(len(b.all)/forSale)+1)%len(b.all)])
	}
	slices.SortFunc(b.all, func(x, y offered) int { return cmp.Compare(x.id, y.id) })
}

// socket is an offered one as minting and listing leave it.
func (b *bourse) socket(o offered) types.Socket {
	none, minter := sdkmath.ZeroInt(), b.minter(o).bech32
	return types.Socket{
		Id: o.id, Minter: minter, Sequence: o.sequence, Node: b.nodes[o.node].bech32, App: "charlm", Slots: 1, Power: socketPower,
		Collateral: sdkmath.NewInt(socketCollateral), Status: types.SOCKET_STATUS_MINTED, Holder: minter,
		Ask: sdkmath.NewIntFromUint64(o.ask), AskPerEHour: o.perE, Price: none, Used: none, Failed: none, Held: none, Refunded: none, Paid: none,
		MintedAt: chainStart().Unix(), ExpiresAt: o.expires, Deadline: o.expires,
	}
}

// fill writes the sockets, their promises and their NFTs.
func (b *bourse) fill() error {
	if err := b.promise(); err != nil {
		return err
	}
	if err := b.mint(); err != nil {
		return err
	}
	k := b.app.SocketKeeper
	byNode := func(x, y offered) int { return bytes.Compare(b.nodes[x.node].addr, b.nodes[y.node].addr) }
	byMinter := func(x, y offered) int { return bytes.Compare(b.minter(x).addr, b.minter(y).addr) }
	for _, w := range []struct {
		order func(x, y offered) int
		write func(ctx sdk.Context, o offered) error
	}{
		{nil, func(ctx sdk.Context, o offered) error { return k.Sockets.Set(ctx, o.id, b.socket(o)) }},
		{
			func(x, y offered) int { return cmp.Compare(x.perE, y.perE) },
			func(ctx sdk.Context, o offered) error {
				return k.Listings.Set(ctx, collections.Join3("charlm", o.perE, o.id))
			},
		},
		{byNode, func(ctx sdk.Context, o offered) error {
			return k.SocketsByNode.Set(ctx, collections.Join(b.nodes[o.node].addr, o.id))
		}},
		{byMinter, func(ctx sdk.Context, o offered) error {
			return k.SocketsByHolder.Set(ctx, collections.Join(b.minter(o).addr, o.id))
		}},
		{
			func(x, y offered) int { return cmp.Compare(x.expires, y.expires) },
			func(ctx sdk.Context, o offered) error {
				return k.Agenda.Set(ctx, collections.Join3(o.expires, "socket", []byte(o.id)))
			},
		},
		{byNode, func(ctx sdk.Context, o offered) error {
			return b.app.ComputeKeeper.Reservations.Set(ctx, collections.Join(b.nodes[o.node].addr, types.SocketPromise(o.id)), b.promised(o, 1))
		}},
	} {
		if err := b.write(w.order, w.write); err != nil {
			return err
		}
	}
	return b.sequences()
}

// write writes something of each socket, in an order, and then by id.
func (b *bourse) write(order func(x, y offered) int, write func(ctx sdk.Context, o offered) error) error {
	list := b.all
	if order != nil {
		list = slices.Clone(list)
		slices.SortStableFunc(list, order)
	}
	for part := range slices.Chunk(list, together) {
		ctx := b.writable()
		for _, o := range part {
			if err := write(ctx, o); err != nil {
				return err
			}
		}
		if _, _, err := b.block(nil); err != nil {
			return err
		}
	}
	return nil
}

// promise reserves all of every node through x/compute, so that its index knows;
// each socket's own promise then replaces a part of that one.
func (b *bourse) promise() error {
	ctx, first := b.writable(), map[int]offered{}
	for _, o := range b.all {
		if _, ok := first[o.node]; !ok {
			first[o.node] = o
		}
	}
	for i := range b.nodes {
		if err := b.app.ComputeKeeper.SetReservation(ctx, b.nodes[i].addr, b.promised(first[i], socketsPerNode)); err != nil {
			return err
		}
	}
	_, _, err := b.block(nil)
	return err
}

func (b *bourse) promised(o offered, sockets int64) computetypes.Reservation {
	return computetypes.Reservation{
		Node: b.nodes[o.node].bech32, Promise: types.SocketPromise(o.id), App: "charlm",
		Slots: uint32(sockets), Power: socketPower * uint64(sockets), Stake: sdkmath.NewInt(socketCollateral * sockets),
	}
}

// mint makes the NFTs of the sockets that will be bought: those of a million
// would be 6 GB, mostly of pictures, and nothing else reads them while they are
// listed.
func (b *bourse) mint() error {
	ctx := b.writable()
	for _, o := range b.forSale {
		minter := b.minter(o)
		t := types.Token{Class: minter.class, Minter: minter.bech32, ID: o.id, Metadata: b.socket(o).Describe(chainStart().Unix())}
		if err := (keeper.Tokens{Keeper: b.app.NFTKeeper}).Mint(ctx, t, types.SocketEscrow(o.id)); err != nil {
			return err
		}
	}
	return nil
}

// sequences are the minters' next ones.
func (b *bourse) sequences() error {
	next := make([]uint64, senders)
	for _, o := range b.all {
		next[o.node%senders]++
	}
	ctx := b.writable()
	for i, n := range next {
		if n == 0 {
			continue
		}
		if err := b.app.SocketKeeper.SocketSequences.Set(ctx, b.minters[i].addr, n); err != nil {
			return err
		}
	}
	_, _, err := b.block(nil)
	return err
}

// check holds all rules of the modules: what was written past the messages is what
// they would have written. It reads everything, and is for a small chain.
func (b *bourse) check() error {
	ctx := b.writable()
	if err := b.app.ComputeKeeper.CheckInvariants(ctx); err != nil {
		return err
	}
	if err := b.app.SocketKeeper.CheckInvariants(ctx); err != nil {
		return err
	}
	g, err := b.app.SocketKeeper.ExportGenesis(ctx)
	if err != nil {
		return err
	}
	return g.Validate()
}
