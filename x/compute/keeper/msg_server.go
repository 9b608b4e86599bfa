package keeper

import (
	"context"

	errorsmod "cosmossdk.io/errors"

	"github.com/edgematrix/emc/x/compute/types"
)

// msgServer handles the module's messages, each in one order: authority,
// stateless validation, load, check, move money, write, emit.
type msgServer struct{ *Keeper }

// NewMsgServer returns the module's message server.
func NewMsgServer(k *Keeper) types.MsgServer { return msgServer{k} }

// UpdateParams implements types.MsgServer.
func (s msgServer) UpdateParams(ctx context.Context, m *types.MsgUpdateParams) (*types.MsgUpdateParamsResponse, error) {
	if m.Authority != s.authority {
		return nil, errorsmod.Wrapf(types.ErrInvalidAuthority, "expected %s, got %s", s.authority, m.Authority)
	}
	if err := m.Params.Validate(); err != nil {
		return nil, err
	}
	return &types.MsgUpdateParamsResponse{}, s.Params.Set(ctx, m.Params)
}
