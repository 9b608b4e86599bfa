package keeper

import (
	"context"

	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/socket/types"
)

// List implements types.MsgServer.
func (s msgServer) List(ctx context.Context, m *types.MsgList) (*types.MsgListResponse, error) {
	holder, socket, err := s.owned(ctx, m.Holder, m.Socket)
	if err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.Validate(params); err != nil {
		return nil, err
	}
	return &types.MsgListResponse{}, s.list(ctx, holder, socket, m.Ask.Amount)
}

// list offers a socket, or changes the price.
func (k *Keeper) list(ctx context.Context, holder sdk.AccAddress, socket types.Socket, ask math.Int) error {
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	switch {
	case socket.Status != types.SOCKET_STATUS_MINTED && socket.Status != types.SOCKET_STATUS_IDLE:
		return errorsmod.Wrapf(types.ErrWrongStatus, "%s", socket.Words(now))
	case now >= socket.ExpiresAt:
		return errorsmod.Wrapf(types.ErrExpired, "socket %s", socket.Id)
	}
	next := socket
	next.Ask, next.AskPerEHour = ask, socket.PerEHour(ask, now)
	if err := k.take(ctx, &next, holder); err != nil {
		return err
	}
	if err := k.setSocket(ctx, &socket, next); err != nil {
		return err
	}
	return emit(ctx, &types.EventSocketListed{Socket: socket.Id, Holder: holder.String(), Ask: types.Uemc(ask).String(), AskPerEHour: next.AskPerEHour})
}

// Delist implements types.MsgServer.
func (s msgServer) Delist(ctx context.Context, m *types.MsgDelist) (*types.MsgDelistResponse, error) {
	holder, socket, err := s.owned(ctx, m.Holder, m.Socket)
	if err != nil {
		return nil, err
	}
	if !socket.Listed() {
		return nil, errorsmod.Wrapf(types.ErrNotListed, "socket %s", m.Socket)
	}
	next := delisted(socket)
	if err := s.give(ctx, &next, holder); err != nil {
		return nil, err
	}
	if err := s.setSocket(ctx, &socket, next); err != nil {
		return nil, err
	}
	return &types.MsgDelistResponse{}, emit(ctx, &types.EventSocketDelisted{Socket: socket.Id, Holder: holder.String()})
}

func delisted(s types.Socket) types.Socket {
	s.Ask, s.AskPerEHour = math.ZeroInt(), 0
	return s
}

// Buy implements types.MsgServer. The money of a first sale stays in the socket's
// escrow, until it is used or the socket ends; that of a resale goes to the seller
// at once.
func (s msgServer) Buy(ctx context.Context, m *types.MsgBuy) (*types.MsgBuyResponse, error) {
	buyer, err := types.Address("buyer", m.Buyer)
	if err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	socket, err := s.Socket(ctx, m.Socket)
	if err != nil {
		return nil, err
	}
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	seller := s.owner(ctx, socket)
	if err := mayBuy(socket, m, now); err != nil {
		return nil, err
	}
	next, royalty := delisted(socket), math.ZeroInt()
	if socket.Sold() {
		royalty, err = s.resell(ctx, socket, buyer, seller)
	} else {
		next, err = s.sell(ctx, next, socket.Ask, buyer, now)
	}
	if err != nil {
		return nil, errorsmod.Wrapf(err, "price of %s", types.Uemc(socket.Ask))
	}
	if err := s.give(ctx, &next, buyer); err != nil {
		return nil, err
	}
	if err := s.setSocket(ctx, &socket, next); err != nil {
		return nil, err
	}
	paid := types.Uemc(socket.Ask)
	return &types.MsgBuyResponse{Paid: paid, Royalty: types.Uemc(royalty)}, emit(ctx, &types.EventSocketSold{
		Socket: socket.Id, Seller: seller.String(), Buyer: m.Buyer, Price: paid.String(), Royalty: types.Uemc(royalty).String(), First: !socket.Sold(),
	})
}

func mayBuy(s types.Socket, m *types.MsgBuy, now int64) error {
	switch {
	case !s.Listed():
		return errorsmod.Wrapf(types.ErrNotListed, "socket %s: %s", s.Id, s.Words(now))
	case s.Holder == m.Buyer:
		return errorsmod.Wrapf(types.ErrOwnListing, "socket %s; delist it to have it back", s.Id)
	case now >= s.ExpiresAt:
		return errorsmod.Wrapf(types.ErrExpired, "socket %s", s.Id)
	case s.Ask.GT(m.MaxPrice.Amount):
		return errorsmod.Wrapf(types.ErrPrice, "socket %s costs %s, at most %s were allowed", s.Id, types.Uemc(s.Ask), m.MaxPrice)
	}
	return nil
}

// sell is the first sale. A node that the chain sees out now sells nothing.
func (k *Keeper) sell(ctx context.Context, s types.Socket, price math.Int, buyer sdk.AccAddress, now int64) (types.Socket, error) {
	node, err := types.Address("node", s.Node)
	if err != nil {
		return s, err
	}
	n, err := k.compute.Node(ctx, node)
	if err != nil {
		return s, err
	}
	if n.OutageSince > 0 {
		return s, errorsmod.Wrapf(types.ErrNode, "%s is offline, jailed, or has less power than it promised", s.Node)
	}
	if s.OutageAtSale, err = k.compute.Outage(ctx, node); err != nil {
		return s, err
	}
	s.Status, s.Price, s.SoldAt = types.SOCKET_STATUS_IDLE, price, now
	return s, k.purse.PayInto(ctx, buyer, types.SocketEscrow(s.Id), price)
}

// resell pays the seller, and the minter his royalty.
func (k *Keeper) resell(ctx context.Context, s types.Socket, buyer, seller sdk.AccAddress) (royalty math.Int, err error) {
	minter, err := types.Address("minter", s.Minter)
	if err != nil {
		return royalty, err
	}
	royalty = s.Ask.MulRaw(int64(s.Royalty)).QuoRaw(types.ShareScale)
	if err := k.purse.Pay(ctx, buyer, minter, royalty); err != nil {
		return royalty, err
	}
	return royalty, k.purse.Pay(ctx, buyer, seller, s.Ask.Sub(royalty))
}
