package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"github.com/edgematrix/emc/pkg/beacon"
	"github.com/edgematrix/emc/x/poc/types"
)

type msgServer struct{ *Keeper }

// NewMsgServer serves the module's messages.
func NewMsgServer(k *Keeper) types.MsgServer { return msgServer{k} }

// RegisterBeaconKey implements types.MsgServer.
func (k msgServer) RegisterBeaconKey(ctx context.Context, m *types.MsgRegisterBeaconKey) (*types.MsgRegisterBeaconKeyResponse, error) {
	validator, err := m.Validate()
	if err != nil {
		return nil, err
	}
	if _, err := k.staking.GetValidator(ctx, validator); errors.Is(err, stakingtypes.ErrNoValidatorFound) {
		return nil, errorsmod.Wrapf(types.ErrNotValidator, "%s: create the validator first", m.Validator)
	} else if err != nil {
		return nil, err
	}
	sdkCtx := sdk.UnwrapSDKContext(ctx)
	if _, err := beacon.Verify(m.Pubkey, m.Proof, beacon.OwnerInput(sdkCtx.ChainID(), validator)); err != nil {
		return nil, errorsmod.Wrapf(types.ErrInvalidKey, "it is not shown to be %s's on chain %s: %s", m.Validator, sdkCtx.ChainID(), err)
	}
	key, err := k.BeaconKeys.Get(ctx, validator)
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		return nil, err
	}
	now := sdkCtx.BlockHeight()
	if key.Has(m.Pubkey, now) {
		return nil, errorsmod.Wrapf(types.ErrKeyTaken, "by %s itself; to replace it, make another", m.Validator)
	}
	params, err := k.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	key.Validator = m.Validator
	from := now + int64(params.KeyDelayBlocks)
	if err := k.setKey(ctx, key.Register(m.Pubkey, now, from)); err != nil {
		return nil, err
	}
	return &types.MsgRegisterBeaconKeyResponse{ActiveFrom: from},
		emit(ctx, &types.EventBeaconKeyRegistered{Validator: m.Validator, Pubkey: m.Pubkey, ActiveFrom: from})
}

// UpdateParams implements types.MsgServer.
func (k msgServer) UpdateParams(ctx context.Context, m *types.MsgUpdateParams) (*types.MsgUpdateParamsResponse, error) {
	if m.Authority != k.authority {
		return nil, errorsmod.Wrapf(govtypes.ErrInvalidSigner, "only %s may change the parameters, got %s", k.authority, m.Authority)
	}
	if err := m.Params.Validate(); err != nil {
		return nil, err
	}
	return &types.MsgUpdateParamsResponse{}, k.Params.Set(ctx, m.Params)
}
