package keeper

import (
	"context"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"github.com/edgematrix/emc/pkg/power"
	"github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/internal/answers"
)

// Node implements types.QueryServer.
func (q queryServer) Node(ctx context.Context, r *types.QueryNodeRequest) (*types.QueryNodeResponse, error) {
	_, n, err := q.node(ctx, r.Node)
	if err != nil {
		return nil, queryError(err)
	}
	view, err := q.viewer(ctx)
	if err != nil {
		return nil, err
	}
	return &types.QueryNodeResponse{Node: view(n)}, nil
}

// Nodes implements types.QueryServer.
func (q queryServer) Nodes(ctx context.Context, r *types.QueryNodesRequest) (*types.QueryNodesResponse, error) {
	req, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	view, err := q.viewer(ctx)
	if err != nil {
		return nil, err
	}
	if r.Operator == "" {
		views, next, err := query.CollectionPaginate(ctx, q.Keeper.Nodes, req,
			func(_ sdk.AccAddress, n types.Node) (types.NodeView, error) { return view(n), nil })
		return &types.QueryNodesResponse{Nodes: views, Pagination: next}, queryError(err)
	}
	operator, err := answers.Address("operator", r.Operator)
	if err != nil {
		return nil, err
	}
	views, next, err := query.CollectionPaginate(ctx, q.NodesByOperator, req,
		func(key collections.Pair[sdk.AccAddress, sdk.AccAddress], _ collections.NoValue) (types.NodeView, error) {
			n, err := q.Keeper.Node(ctx, key.K2())
			return view(n), err
		},
		query.WithCollectionPaginationPairPrefix[sdk.AccAddress, sdk.AccAddress](operator))
	return &types.QueryNodesResponse{Nodes: views, Pagination: next}, queryError(err)
}

// viewer returns what adds to a node what follows from its state at this height.
func (q queryServer) viewer(ctx context.Context) (func(types.Node) types.NodeView, error) {
	params, err := q.Keeper.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	clock, err := q.clock(ctx)
	now := clock.Now(blockTime(ctx))
	return func(n types.Node) types.NodeView {
		v := types.NodeView{
			Node: clock.Node(n), Online: now < n.OnlineUntil(params) && n.UnreachableSince == 0, FreeSlots: n.FreeSlots(), Unavailable: n.Unavailable(params, now),
			EHourPrice: types.EHourPriceWord(n), SlotPower: n.SlotPower(),
		}
		if n.Power > 0 {
			v.Power = power.Format(n.Power)
		}
		return v
	}, err
}

// Reservations implements types.QueryServer.
func (q queryServer) Reservations(ctx context.Context, r *types.QueryReservationsRequest) (*types.QueryReservationsResponse, error) {
	req, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	node, err := answers.Address("node", r.Node)
	if err != nil {
		return nil, err
	}
	list, next, err := query.CollectionPaginate(ctx, q.Keeper.Reservations, req,
		func(_ collections.Pair[sdk.AccAddress, string], v types.Reservation) (types.Reservation, error) {
			return v, nil
		},
		query.WithCollectionPaginationPairPrefix[sdk.AccAddress, string](node))
	return &types.QueryReservationsResponse{Reservations: list, Pagination: next}, queryError(err)
}

// Unbondings implements types.QueryServer.
func (q queryServer) Unbondings(ctx context.Context, r *types.QueryUnbondingsRequest) (*types.QueryUnbondingsResponse, error) {
	req, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	node, err := answers.Address("node", r.Node)
	if err != nil {
		return nil, err
	}
	clock, err := q.clock(ctx)
	if err != nil {
		return nil, err
	}
	list, next, err := query.CollectionPaginate(ctx, q.Keeper.Unbondings, req,
		func(_ collections.Pair[sdk.AccAddress, uint64], v types.Unbonding) (types.Unbonding, error) {
			return clock.Unbonding(v), nil
		},
		query.WithCollectionPaginationPairPrefix[sdk.AccAddress, uint64](node))
	return &types.QueryUnbondingsResponse{Unbondings: list, Pagination: next}, queryError(err)
}

// Slashes implements types.QueryServer.
func (q queryServer) Slashes(ctx context.Context, r *types.QuerySlashesRequest) (*types.QuerySlashesResponse, error) {
	req, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	node, err := answers.Address("node", r.Node)
	if err != nil {
		return nil, err
	}
	list, next, err := query.CollectionPaginate(ctx, q.Keeper.Slashes, req,
		func(_ collections.Pair[sdk.AccAddress, uint64], v types.Slash) (types.Slash, error) { return v, nil },
		query.WithCollectionPaginationPairPrefix[sdk.AccAddress, uint64](node))
	return &types.QuerySlashesResponse{Slashes: list, Pagination: next}, queryError(err)
}
