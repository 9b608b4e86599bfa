package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/socket/types"
)

// Mint implements types.MsgServer.
func (s msgServer) Mint(ctx context.Context, m *types.MsgMint) (*types.MsgMintResponse, error) {
	operator, err := types.Address("operator", m.Operator)
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
	if err := s.mayMint(ctx, m); err != nil {
		return nil, err
	}
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.purse.Gift(ctx, operator, params.MintFee.Amount); err != nil {
		return nil, errorsmod.Wrapf(err, "fee of %s for a socket", params.MintFee)
	}
	power := m.SlotPower * uint64(m.Slots)
	none := math.ZeroInt()
	socket := types.Socket{
		Minter: m.Operator, Node: m.Node, App: m.App, Slots: m.Slots, Power: power, Royalty: m.Royalty,
		Collateral: params.CollateralPerE.Amount.Mul(math.NewIntFromUint64(power)).AddRaw(types.MicroE - 1).QuoRaw(types.MicroE),
		Status:     types.SOCKET_STATUS_MINTED, Ask: none, Price: none, Used: none, Failed: none, Held: none, Refunded: none, Paid: none,
		MintedAt: blockTime(ctx), ExpiresAt: now + int64(m.Seconds), Deadline: now + int64(m.Seconds),
	}
	if socket, err = s.add(ctx, operator, socket, ""); err != nil {
		return nil, err
	}
	if m.Ask.IsPositive() {
		if err := s.list(ctx, operator, socket, m.Ask.Amount); err != nil {
			return nil, err
		}
	}
	clock, err := s.compute.NetworkClock(ctx)
	return &types.MsgMintResponse{Socket: socket.Id, ClassId: types.ClassID(m.Operator), ExpiresAt: clock.Outside(socket.ExpiresAt)}, err
}

// mayMint checks the node, and that it serves the app. What is free of it, the
// ledger of promises checks.
func (k *Keeper) mayMint(ctx context.Context, m *types.MsgMint) error {
	addr, err := types.Address("node", m.Node)
	if err != nil {
		return err
	}
	n, err := k.compute.Node(ctx, addr)
	if err != nil {
		return err
	}
	app, err := k.compute.App(ctx, m.App)
	if err != nil {
		return err
	}
	switch {
	case n.Operator != m.Operator:
		return errorsmod.Wrapf(types.ErrNotOperator, "node %s is operated by %s, not by %s", m.Node, n.Operator, m.Operator)
	case n.Role != computetypes.ROLE_COMPUTING:
		return errorsmod.Wrapf(types.ErrNode, "%s is a router; sockets are made of computing nodes", m.Node)
	case n.Jailed:
		return errorsmod.Wrapf(types.ErrNode, "%s is jailed", m.Node)
	case !n.Offer.Serves(app):
		return errorsmod.Wrapf(types.ErrNode, "%s does not serve app %q; add it to its offer first", m.Node, m.App)
	}
	return nil
}

// add makes a socket with its NFT and its promise; from is the one that it is
// split off, empty for none.
func (k *Keeper) add(ctx context.Context, owner sdk.AccAddress, s types.Socket, from string) (types.Socket, error) {
	minter, err := types.Address("minter", s.Minter)
	if err != nil {
		return s, err
	}
	if s.Sequence, err = k.nextSequence(ctx, minter); err != nil {
		return s, err
	}
	s.Id = types.SocketID(minter, s.Sequence)
	if err := k.reserve(ctx, s); err != nil {
		return s, err
	}
	clock, err := k.compute.NetworkClock(ctx)
	if err != nil {
		return s, err
	}
	shown := outside(clock, s)
	token := types.Token{Class: types.ClassID(s.Minter), Minter: s.Minter, ID: s.Id, Metadata: shown.Describe(blockTime(ctx))}
	if err := k.nft.Mint(ctx, token, owner); err != nil {
		return s, err
	}
	if err := k.setSocket(ctx, nil, s); err != nil {
		return s, err
	}
	return s, emit(ctx, &types.EventSocketMinted{
		Socket: s.Id, ClassId: token.Class, Minter: s.Minter, Node: s.Node, App: s.App, Power: s.Power, ExpiresAt: shown.ExpiresAt, SplitFrom: from,
	})
}

func (k *Keeper) nextSequence(ctx context.Context, minter sdk.AccAddress) (uint64, error) {
	next, err := k.SocketSequences.Get(ctx, minter)
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		return 0, err
	}
	return next, k.SocketSequences.Set(ctx, minter, next+1)
}

// Split implements types.MsgServer.
func (s msgServer) Split(ctx context.Context, m *types.MsgSplit) (*types.MsgSplitResponse, error) {
	holder, socket, err := s.owned(ctx, m.Holder, m.Socket)
	if err != nil {
		return nil, err
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case socket.Status != types.SOCKET_STATUS_MINTED && socket.Status != types.SOCKET_STATUS_IDLE || socket.Listed():
		return nil, errorsmod.Wrapf(types.ErrWrongStatus, "%s: delist or unplug it first", socket.Words(now))
	case now >= socket.ExpiresAt:
		return nil, errorsmod.Wrapf(types.ErrExpired, "socket %s", m.Socket)
	case socket.Held.IsPositive():
		return nil, errorsmod.Wrapf(types.ErrWrongStatus, "jobs of socket %s go on, and hold %s of it: split it when they have ended", m.Socket, types.Uemc(socket.Held))
	case m.Slots >= socket.Slots:
		return nil, errorsmod.Wrapf(types.ErrInvalidSocket, "it has %d slots: at most %d go into another", socket.Slots, socket.Slots-1)
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.purse.Gift(ctx, holder, params.MintFee.Amount); err != nil {
		return nil, errorsmod.Wrapf(err, "fee of %s for a socket", params.MintFee)
	}
	rest, part := socket.Split(m.Slots)
	if err := s.reserve(ctx, rest); err != nil { // first: what it gives up, the other takes
		return nil, err
	}
	if part, err = s.add(ctx, holder, part, socket.Id); err != nil {
		return nil, err
	}
	if err := s.purse.PayInto(ctx, types.SocketEscrow(socket.Id), types.SocketEscrow(part.Id), part.Owed()); err != nil {
		return nil, err
	}
	return &types.MsgSplitResponse{Socket: part.Id}, s.setSocket(ctx, &socket, rest)
}
