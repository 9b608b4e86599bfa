package keeper

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"github.com/edgematrix/emc/x/internal/answers"
	"github.com/edgematrix/emc/x/poc/types"
)

type queryServer struct{ *Keeper }

// NewQueryServer serves the module's queries.
func NewQueryServer(k *Keeper) types.QueryServer { return queryServer{k} }

// Params implements types.QueryServer.
func (q queryServer) Params(ctx context.Context, _ *types.QueryParamsRequest) (*types.QueryParamsResponse, error) {
	params, err := q.Keeper.Params.Get(ctx)
	return &types.QueryParamsResponse{Params: params}, err
}

// Beacon implements types.QueryServer.
func (q queryServer) Beacon(ctx context.Context, r *types.QueryBeaconRequest) (*types.QueryBeaconResponse, error) {
	if r.Height == 0 {
		b, err := q.newest(ctx)
		return &types.QueryBeaconResponse{Beacon: b}, err
	}
	b, err := q.Beacons.Get(ctx, r.Height)
	if errors.Is(err, collections.ErrNotFound) {
		return nil, status.Errorf(codes.NotFound, "no beacon of height %d is kept", r.Height)
	}
	return &types.QueryBeaconResponse{Beacon: b}, err
}

// Draw implements types.QueryServer.
func (q queryServer) Draw(ctx context.Context, r *types.QueryDrawRequest) (*types.QueryDrawResponse, error) {
	d, err := q.DrawSince(ctx, r.Height)
	if errors.Is(err, types.ErrNotFound) {
		return nil, status.Error(codes.NotFound, err.Error())
	}
	return &types.QueryDrawResponse{Ready: d.Ready, Beacon: d.Beacon, Contributed: d.Contributed, Needed: d.Needed}, err
}

// BeaconKey implements types.QueryServer.
func (q queryServer) BeaconKey(ctx context.Context, r *types.QueryBeaconKeyRequest) (*types.QueryBeaconKeyResponse, error) {
	validator, err := sdk.ValAddressFromBech32(r.Validator)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "validator %q: %s", r.Validator, err)
	}
	key, err := q.Keeper.BeaconKeys.Get(ctx, validator)
	if errors.Is(err, collections.ErrNotFound) {
		return nil, status.Errorf(codes.NotFound, "%s has no beacon key; `emcd beacon-key register` registers one", r.Validator)
	}
	return &types.QueryBeaconKeyResponse{BeaconKey: key}, err
}

// BeaconKeys implements types.QueryServer.
func (q queryServer) BeaconKeys(ctx context.Context, r *types.QueryBeaconKeysRequest) (*types.QueryBeaconKeysResponse, error) {
	page, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	keys, next, err := query.CollectionPaginate(ctx, q.Keeper.BeaconKeys, page,
		func(_ sdk.ValAddress, key types.BeaconKey) (types.BeaconKey, error) { return key, nil })
	return &types.QueryBeaconKeysResponse{BeaconKeys: keys, Pagination: next}, err
}
