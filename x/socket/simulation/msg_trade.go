package simulation

import (
	"context"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/contrib/x/nft"
	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"

	"github.com/edgematrix/emc/x/socket/keeper"
	"github.com/edgematrix/emc/x/socket/types"
)

// list offers a socket, or changes its price.
func list(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgList](func(ctx context.Context, data source, reporter report) (signers, *types.MsgList, handler) {
		s := newScene(ctx, k, data, reporter)
		one, ok := pick(s, "socket that can be sold", s.sockets(func(one types.Socket) bool { return free(one) || one.Listed() }))
		if !ok {
			return nil, nil, nil
		}
		owner := s.owner(one)
		return signers{owner}, &types.MsgList{Holder: owner.AddressBech32, Socket: one.Id, Ask: s.price()}, s.fresh(one)
	})
}

func delist(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgDelist](func(ctx context.Context, data source, reporter report) (signers, *types.MsgDelist, handler) {
		s := newScene(ctx, k, data, reporter)
		one, ok := pick(s, "listed socket", s.sockets(types.Socket.Listed))
		if !ok {
			return nil, nil, nil
		}
		owner := s.owner(one)
		return signers{owner}, &types.MsgDelist{Holder: owner.AddressBech32, Socket: one.Id}, nil
	})
}

// buy buys for the first time, or a resale.
func buy(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgBuy](func(ctx context.Context, data source, reporter report) (signers, *types.MsgBuy, handler) {
		s := newScene(ctx, k, data, reporter)
		one, ok := pick(s, "listed socket", s.sockets(types.Socket.Listed))
		if !ok {
			return nil, nil, nil
		}
		buyer := data.AnyAccountN(10, reporter, simsx.ExcludeAccounts(s.owner(one)))
		if reporter.IsSkipped() || !s.rich(buyer, types.Uemc(one.Ask)) {
			return nil, nil, nil
		}
		result := s.fresh(one)
		if result == nil && !one.Sold() {
			n, err := k.Compute().Node(ctx, sdk.MustAccAddressFromBech32(one.Node))
			if err != nil {
				panic(err) // it has promised the socket, and cannot leave
			}
			if n.OutageSince > 0 {
				result = refused(types.ErrNode)
			}
		}
		return signers{buyer}, &types.MsgBuy{Buyer: buyer.AddressBech32, Socket: one.Id, MaxPrice: types.Uemc(one.Ask.AddRaw(s.r.Int63n(3)))}, result
	})
}

// buyTooDear buys for less than is asked.
func buyTooDear(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgBuy](func(ctx context.Context, data source, reporter report) (signers, *types.MsgBuy, handler) {
		s := newScene(ctx, k, data, reporter)
		one, ok := pick(s, "listed socket that costs something", s.sockets(func(one types.Socket) bool { return one.Ask.GT(math.OneInt()) && s.now < one.ExpiresAt }))
		if !ok {
			return nil, nil, nil
		}
		buyer := data.AnyAccountN(10, reporter, simsx.ExcludeAccounts(s.owner(one)))
		if reporter.IsSkipped() {
			return nil, nil, nil
		}
		return signers{buyer}, &types.MsgBuy{Buyer: buyer.AddressBech32, Socket: one.Id, MaxPrice: types.Uemc(one.Ask.SubRaw(1))}, refused(types.ErrPrice)
	})
}

// sending is the message of x/nft that gives a socket away.
func sending(one types.Socket, from, to string) *nft.MsgSend {
	return &nft.MsgSend{ClassId: types.ClassID(one.Minter), Id: one.Id, Sender: from, Receiver: to}
}

// send gives a socket to somebody; a settled one, too.
func send(k *keeper.Keeper) simsx.SimMsgFactoryFn[*nft.MsgSend] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *nft.MsgSend) {
		s := newScene(ctx, k, data, reporter)
		one, ok := pick(s, "socket in its owner's hands", s.sockets(func(one types.Socket) bool { return one.Holder == "" }))
		if !ok {
			return nil, nil
		}
		owner := s.owner(one)
		return []simsx.SimAccount{owner}, sending(one, owner.AddressBech32, data.AnyAccount(reporter).AddressBech32)
	}
}

// sendAway gives a socket to an address that nobody has a key to: its own, a
// module's, or one that no account is at. It ends by itself all the same.
func sendAway(k *keeper.Keeper) simsx.SimMsgFactoryFn[*nft.MsgSend] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *nft.MsgSend) {
		s := newScene(ctx, k, data, reporter)
		one, ok := pick(s, "socket in its owner's hands", s.sockets(func(one types.Socket) bool { return one.Holder == "" }))
		if !ok {
			return nil, nil
		}
		owner := s.owner(one)
		nowhere := make([]byte, 20)
		s.r.Read(nowhere)
		// Not governance: what a socket refunds to it would be more than its deposits, which x/gov's genesis refuses.
		to := []string{types.SocketEscrow(one.Id).String(), data.ModuleAccountAddress(reporter, "nft"), sdk.AccAddress(nowhere).String()}
		return []simsx.SimAccount{owner}, sending(one, owner.AddressBech32, to[s.r.Intn(len(to))])
	}
}

// sendHeld gives away what is for sale or plugged in: the module has the NFT.
func sendHeld(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*nft.MsgSend](func(ctx context.Context, data source, reporter report) (signers, *nft.MsgSend, handler) {
		s := newScene(ctx, k, data, reporter)
		one, ok := pick(s, "socket that the module holds", s.sockets(func(one types.Socket) bool { return one.Holder != "" }))
		if !ok {
			return nil, nil, nil
		}
		owner := s.owner(one)
		return signers{owner}, sending(one, owner.AddressBech32, data.AnyAccount(reporter).AddressBech32), refused(sdkerrors.ErrUnauthorized)
	})
}
