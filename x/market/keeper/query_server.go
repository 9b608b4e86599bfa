package keeper

import (
	"context"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/internal/answers"
	"github.com/edgematrix/emc/x/market/types"
)

type queryServer struct{ *Keeper }

// NewQueryServer serves the module's queries.
func NewQueryServer(k *Keeper) types.QueryServer { return queryServer{k} }

// queryError gives an error the gRPC code that clients act on.
func queryError(err error) error {
	return answers.Error(err, []error{types.ErrSessionNotFound, types.ErrCoverNotFound, computetypes.ErrNodeNotFound},
		[]error{types.ErrInvalidSession, types.ErrInvalidRouter, types.ErrInvalidAmount})
}

// Params implements types.QueryServer.
func (q queryServer) Params(ctx context.Context, _ *types.QueryParamsRequest) (*types.QueryParamsResponse, error) {
	params, err := q.Keeper.Params.Get(ctx)
	return &types.QueryParamsResponse{Params: params}, queryError(err)
}

// Lanes implements types.QueryServer.
func (q queryServer) Lanes(ctx context.Context, r *types.QueryLanesRequest) (*types.QueryLanesResponse, error) {
	req, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	if err := types.ValidateSessionID(r.Session); err != nil {
		return nil, queryError(err)
	}
	lanes, next, err := query.CollectionPaginate(ctx, q.Keeper.Lanes, req,
		func(_ laneKey, l types.Lane) (types.Lane, error) { return l, nil },
		func(o *query.CollectionsPaginateOptions[laneKey]) {
			of := collections.TriplePrefix[string, sdk.AccAddress, sdk.AccAddress](r.Session)
			o.Prefix = &of
		})
	return &types.QueryLanesResponse{Lanes: lanes, Pagination: next}, queryError(err)
}

// Receipts implements types.QueryServer.
func (q queryServer) Receipts(ctx context.Context, r *types.QueryReceiptsRequest) (*types.QueryReceiptsResponse, error) {
	req, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	if err := types.ValidateSessionID(r.Session); err != nil {
		return nil, queryError(err)
	}
	receipts, next, err := query.CollectionPaginate(ctx, q.Evidence, req,
		func(_ receiptKey, e types.Evidence) (types.Evidence, error) { return e, nil },
		func(o *query.CollectionsPaginateOptions[receiptKey]) {
			of := collections.QuadPrefix[string, sdk.AccAddress, sdk.AccAddress, uint64](r.Session)
			o.Prefix = &of
		})
	return &types.QueryReceiptsResponse{Receipts: receipts, Pagination: next}, queryError(err)
}

// Cover implements types.QueryServer.
func (q queryServer) Cover(ctx context.Context, r *types.QueryCoverRequest) (*types.QueryCoverResponse, error) {
	router, err := answers.Address("router", r.Router)
	if err != nil {
		return nil, err
	}
	node, err := answers.Address("node", r.Node)
	if err != nil {
		return nil, err
	}
	c, err := q.cover(ctx, router, node)
	if err != nil {
		return nil, queryError(err)
	}
	counted := types.Uemc(c.Counted())
	c.LowersAt, err = q.outside(ctx, c.LowersAt)
	return &types.QueryCoverResponse{Cover: c, Counted: counted}, queryError(err)
}

// NodeCovers implements types.QueryServer.
func (q queryServer) NodeCovers(ctx context.Context, r *types.QueryNodeCoversRequest) (*types.QueryNodeCoversResponse, error) {
	req, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	node, err := answers.Address("node", r.Node)
	if err != nil {
		return nil, err
	}
	clock, err := q.compute.NetworkClock(ctx)
	if err != nil {
		return nil, err
	}
	covers, next, err := query.CollectionPaginate(ctx, q.CoversByNode, req,
		func(key collections.Pair[sdk.AccAddress, sdk.AccAddress], _ collections.NoValue) (types.Cover, error) {
			c, err := q.Covers.Get(ctx, collections.Join(key.K2(), key.K1()))
			c.LowersAt = clock.Outside(c.LowersAt)
			return c, err
		},
		query.WithCollectionPaginationPairPrefix[sdk.AccAddress, sdk.AccAddress](node))
	return &types.QueryNodeCoversResponse{Covers: covers, Pagination: next}, queryError(err)
}
