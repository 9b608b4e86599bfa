package keeper

import (
	"context"

	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// RegisterApp implements types.MsgServer.
func (s msgServer) RegisterApp(ctx context.Context, m *types.MsgRegisterApp) (*types.MsgRegisterAppResponse, error) {
	owner, err := address("owner", m.Owner, types.ErrInvalidApp)
	if err != nil {
		return nil, err
	}
	app := m.App()
	if err := app.Validate(); err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	if known, err := s.Apps.Has(ctx, app.Id); err != nil {
		return nil, err
	} else if known {
		return nil, errorsmod.Wrapf(types.ErrAppExists, "%q; choose another id, or change your own app with update-app", app.Id)
	}
	if fee := params.AppRegistrationFee; fee.IsPositive() {
		if err := s.pool.FundCommunityPool(ctx, sdk.NewCoins(fee), owner); err != nil {
			return nil, errorsmod.Wrapf(err, "app registration fee of %s", fee)
		}
	}
	if err := s.Apps.Set(ctx, app.Id, app); err != nil {
		return nil, err
	}
	return &types.MsgRegisterAppResponse{}, emit(ctx, &types.EventAppRegistered{App: app.Id, Digest: app.Digest})
}

// UpdateApp implements types.MsgServer.
func (s msgServer) UpdateApp(ctx context.Context, m *types.MsgUpdateApp) (*types.MsgUpdateAppResponse, error) {
	app := m.App()
	if err := app.Validate(); err != nil {
		return nil, err
	}
	old, err := s.App(ctx, app.Id)
	if err != nil {
		return nil, err
	}
	if old.Owner != m.Owner {
		return nil, errorsmod.Wrapf(types.ErrNotOwner, "app %s belongs to %s, not to %s", app.Id, old.Owner, m.Owner)
	}
	if err := s.Apps.Set(ctx, app.Id, app); err != nil {
		return nil, err
	}
	return &types.MsgUpdateAppResponse{}, emit(ctx, &types.EventAppRegistered{App: app.Id, Digest: app.Digest})
}
