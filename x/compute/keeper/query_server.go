package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/edgematrix/emc/x/compute/types"
)

// MaxPage caps every list.
const MaxPage = 200

type queryServer struct{ *Keeper }

// NewQueryServer returns the module's query server.
func NewQueryServer(k *Keeper) types.QueryServer { return queryServer{k} }

// queryError gives an error the gRPC code that clients act on.
func queryError(err error) error {
	switch {
	case err == nil:
		return nil
	case errorsmod.IsOf(err, types.ErrNodeNotFound, types.ErrAppNotFound, types.ErrJobNotFound) || errors.Is(err, collections.ErrNotFound):
		return status.Error(codes.NotFound, err.Error())
	case errorsmod.IsOf(err, types.ErrInvalidNode, types.ErrInvalidApp, types.ErrInvalidJob, types.ErrInvalidAmount):
		return status.Error(codes.InvalidArgument, err.Error())
	}
	return err
}

// page caps a page request and refuses what would be unbounded work.
func page(p *query.PageRequest) (*query.PageRequest, error) {
	if p == nil {
		return &query.PageRequest{Limit: query.DefaultLimit}, nil
	}
	if p.Offset > MaxPage || p.CountTotal {
		return nil, status.Errorf(codes.InvalidArgument, "page on with key: an offset is at most %d, and totals are not counted", MaxPage)
	}
	capped := *p
	if capped.Limit == 0 {
		capped.Limit = query.DefaultLimit
	}
	capped.Limit = min(capped.Limit, MaxPage)
	return &capped, nil
}

// Params implements types.QueryServer.
func (q queryServer) Params(ctx context.Context, _ *types.QueryParamsRequest) (*types.QueryParamsResponse, error) {
	params, err := q.Keeper.Params.Get(ctx)
	return &types.QueryParamsResponse{Params: params}, queryError(err)
}

// Clock implements types.QueryServer.
func (q queryServer) Clock(ctx context.Context, _ *types.QueryClockRequest) (*types.QueryClockResponse, error) {
	clock, err := q.clock(ctx)
	return &types.QueryClockResponse{Clock: clock}, queryError(err)
}

// App implements types.QueryServer.
func (q queryServer) App(ctx context.Context, r *types.QueryAppRequest) (*types.QueryAppResponse, error) {
	app, err := q.app(ctx, r.App)
	return &types.QueryAppResponse{App: app}, queryError(err)
}

// Apps implements types.QueryServer.
func (q queryServer) Apps(ctx context.Context, r *types.QueryAppsRequest) (*types.QueryAppsResponse, error) {
	req, err := page(r.Pagination)
	if err != nil {
		return nil, err
	}
	apps, next, err := query.CollectionPaginate(ctx, q.Keeper.Apps, req,
		func(_ string, app types.App) (types.App, error) { return app, nil })
	return &types.QueryAppsResponse{Apps: apps, Pagination: next}, queryError(err)
}

// addressArgument parses an address of a request.
func addressArgument(name, bech32 string) (sdk.AccAddress, error) {
	addr, err := sdk.AccAddressFromBech32(bech32)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "%s: %s", name, err)
	}
	return addr, nil
}
