package keeper

import (
	"context"

	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	markettypes "github.com/edgematrix/emc/x/market/types"
	"github.com/edgematrix/emc/x/socket/types"
)

// Plug implements types.MsgServer.
func (s msgServer) Plug(ctx context.Context, m *types.MsgPlug) (*types.MsgPlugResponse, error) {
	holder, socket, err := s.owned(ctx, m.Holder, m.Socket)
	if err != nil {
		return nil, err
	}
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case socket.Status == types.SOCKET_STATUS_MINTED:
		return nil, errorsmod.Wrapf(types.ErrWrongStatus, "%s: it holds no money for calls and jobs before somebody buys it", socket.Words(now))
	case socket.Status != types.SOCKET_STATUS_IDLE || socket.Listed():
		return nil, errorsmod.Wrapf(types.ErrWrongStatus, "%s: delist or unplug it first", socket.Words(now))
	case now >= socket.ExpiresAt:
		return nil, errorsmod.Wrapf(types.ErrExpired, "socket %s", m.Socket)
	case !socket.Unused().IsPositive():
		return nil, errorsmod.Wrap(types.ErrWrongStatus, "all of its money is used")
	}
	node, err := types.Address("node", socket.Node)
	if err != nil {
		return nil, err
	}
	longest, err := s.market.MaxSeconds(ctx)
	if err != nil {
		return nil, err
	}
	session, expires, err := s.market.OpenFunded(ctx, markettypes.Funding{
		Funder: types.SocketEscrow(socket.Id), Source: types.SocketPromise(socket.Id), SlotHourPrice: types.Uemc(socket.SlotHourPrice()), Node: node,
	}, &markettypes.MsgOpenSession{
		Owner: m.Holder, Deposit: types.Uemc(socket.Unused()), Key: m.Key, Allotments: m.Allotments, Seconds: min(longest, uint64(socket.ExpiresAt-now)),
	})
	if err != nil {
		return nil, err
	}
	next := socket
	next.Status, next.Session = types.SOCKET_STATUS_PLUGGED, session
	if err := s.take(ctx, &next, holder); err != nil {
		return nil, err
	}
	if err := s.setSocket(ctx, &socket, next); err != nil {
		return nil, err
	}
	return &types.MsgPlugResponse{Session: session, ExpiresAt: expires}, emitStatus(ctx, next, m.Holder)
}

// Unplug implements types.MsgServer.
func (s msgServer) Unplug(ctx context.Context, m *types.MsgUnplug) (*types.MsgUnplugResponse, error) {
	_, socket, err := s.owned(ctx, m.Holder, m.Socket)
	if err != nil {
		return nil, err
	}
	if socket.Status != types.SOCKET_STATUS_PLUGGED {
		now, err := s.now(ctx)
		if err != nil {
			return nil, err
		}
		return nil, errorsmod.Wrapf(types.ErrWrongStatus, "%s", socket.Words(now))
	}
	return &types.MsgUnplugResponse{}, s.unplug(ctx, socket, socket, "unplugged by its holder")
}

// unplug closes the session; AfterSessionSettled goes on. was is what is stored.
func (k *Keeper) unplug(ctx context.Context, was, s types.Socket, reason string) error {
	if err := k.market.CloseFor(ctx, s.Session, reason); err != nil {
		return err
	}
	s.Status = types.SOCKET_STATUS_UNPLUGGING
	if err := k.setSocket(ctx, &was, s); err != nil {
		return err
	}
	return emitStatus(ctx, s, s.Holder)
}

// Burn implements types.MsgServer.
func (s msgServer) Burn(ctx context.Context, m *types.MsgBurn) (*types.MsgBurnResponse, error) {
	_, socket, err := s.owned(ctx, m.Holder, m.Socket)
	if err != nil {
		return nil, err
	}
	if socket.Status != types.SOCKET_STATUS_MINTED && socket.Status != types.SOCKET_STATUS_IDLE || socket.Listed() {
		now, err := s.now(ctx)
		if err != nil {
			return nil, err
		}
		return nil, errorsmod.Wrapf(types.ErrWrongStatus, "%s: delist or unplug it first", socket.Words(now))
	}
	ended, err := s.settle(ctx, socket, socket, "burned by its holder")
	return &types.MsgBurnResponse{Refunded: types.Uemc(ended.Refunded), Paid: types.Uemc(ended.Paid)}, err
}

func emitStatus(ctx context.Context, s types.Socket, holder string) error {
	return emit(ctx, &types.EventSocketStatus{Socket: s.Id, Holder: holder, Status: s.Status, Session: s.Session, Used: types.Uemc(s.Used).String()})
}

// escrowOf is a socket's address.
func escrowOf(s types.Socket) sdk.AccAddress { return types.SocketEscrow(s.Id) }
