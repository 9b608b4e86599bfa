package keeper

import (
	"context"

	"github.com/cosmos/cosmos-sdk/types/query"

	"github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/internal/answers"
)

type queryServer struct{ *Keeper }

// NewQueryServer returns the module's query server.
func NewQueryServer(k *Keeper) types.QueryServer { return queryServer{k} }

// queryError gives an error the gRPC code that clients act on.
func queryError(err error) error {
	return answers.Error(err,
		[]error{types.ErrNodeNotFound, types.ErrAppNotFound, types.ErrJobNotFound},
		[]error{types.ErrInvalidNode, types.ErrInvalidApp, types.ErrInvalidJob, types.ErrInvalidAmount})
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
	app, err := q.Keeper.App(ctx, r.App)
	return &types.QueryAppResponse{App: app}, queryError(err)
}

// Apps implements types.QueryServer.
func (q queryServer) Apps(ctx context.Context, r *types.QueryAppsRequest) (*types.QueryAppsResponse, error) {
	req, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	apps, next, err := query.CollectionPaginate(ctx, q.Keeper.Apps, req,
		func(_ string, app types.App) (types.App, error) { return app, nil })
	return &types.QueryAppsResponse{Apps: apps, Pagination: next}, queryError(err)
}
