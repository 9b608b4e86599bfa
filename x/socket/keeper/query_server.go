package keeper

import (
	"context"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/internal/answers"
	"github.com/edgematrix/emc/x/socket/types"
)

type queryServer struct{ *Keeper }

// NewQueryServer serves the module's queries.
func NewQueryServer(k *Keeper) types.QueryServer { return queryServer{k} }

// queryError gives an error the gRPC code that clients act on.
func queryError(err error) error {
	return answers.Error(err, []error{types.ErrSocketNotFound}, []error{types.ErrInvalidSocket, types.ErrInvalidAddress, types.ErrInvalidAmount})
}

// Params implements types.QueryServer.
func (q queryServer) Params(ctx context.Context, _ *types.QueryParamsRequest) (*types.QueryParamsResponse, error) {
	params, err := q.Keeper.Params.Get(ctx)
	return &types.QueryParamsResponse{Params: params}, queryError(err)
}

// Socket implements types.QueryServer.
func (q queryServer) Socket(ctx context.Context, r *types.QuerySocketRequest) (*types.QuerySocketResponse, error) {
	s, err := q.Keeper.Socket(ctx, r.Socket)
	if err != nil {
		return nil, queryError(err)
	}
	view, err := q.view(ctx, s)
	if err != nil {
		return nil, err
	}
	return &types.QuerySocketResponse{
		View: view, Image: view.Socket.Picture(blockTime(ctx)), EscrowAddress: escrowOf(s).String(), EscrowBalance: q.bank.GetBalance(ctx, escrowOf(s), types.Denom),
	}, nil
}

// view is a socket and what follows from it now, with its times in block time.
func (q queryServer) view(ctx context.Context, s types.Socket) (types.View, error) {
	clock, err := q.compute.NetworkClock(ctx)
	if err != nil {
		return types.View{}, err
	}
	now := clock.Now(blockTime(ctx))
	v := types.View{
		Owner: q.owner(ctx, s).String(), State: s.Words(now), SecondsLeft: max(s.ExpiresAt-now, 0), MoneyLeft: types.Uemc(s.Unused()), ESecondsLeft: s.Left(now),
		Outage: s.Outage, Refund: types.Uemc(s.Refunded), ClassId: types.ClassID(s.Minter),
	}
	if s.Status == types.SOCKET_STATUS_SETTLED {
		v.SecondsLeft, v.ESecondsLeft, v.MoneyLeft = 0, s.Left(s.ExpiresAt), types.Uemc(s.Unused().Sub(s.Unused()))
	} else {
		if v.Outage, err = q.outage(ctx, s); err != nil {
			return v, err
		}
		v.Refund = types.Uemc(s.Refund(v.Outage))
	}
	v.Socket = outside(clock, s)
	return v, nil
}

// outside tells a socket's times in block time.
func outside(clock computetypes.Clock, s types.Socket) types.Socket {
	s.ExpiresAt = clock.Outside(s.ExpiresAt)
	if s.SoldAt > 0 {
		s.SoldAt = clock.Outside(s.SoldAt)
	}
	if s.Deadline > 0 {
		s.Deadline = clock.Outside(s.Deadline)
	}
	return s
}

func (q queryServer) viewOf(ctx context.Context, id string) (types.View, error) {
	s, err := q.Sockets.Get(ctx, id)
	if err != nil {
		return types.View{}, err
	}
	return q.view(ctx, s)
}

// Listings implements types.QueryServer.
func (q queryServer) Listings(ctx context.Context, r *types.QueryListingsRequest) (*types.QueryListingsResponse, error) {
	req, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	if err := computetypes.ValidateAppID(r.App); err != nil {
		return nil, answers.Error(err, nil, []error{err})
	}
	list, next, err := query.CollectionPaginate(ctx, q.Keeper.Listings, req,
		func(key listingKey, _ collections.NoValue) (types.View, error) { return q.viewOf(ctx, key.K3()) },
		func(o *query.CollectionsPaginateOptions[listingKey]) {
			of := collections.TriplePrefix[string, uint64, string](r.App)
			o.Prefix = &of
		})
	return &types.QueryListingsResponse{Listings: list, Pagination: next}, queryError(err)
}

// NodeSockets implements types.QueryServer.
func (q queryServer) NodeSockets(ctx context.Context, r *types.QueryNodeSocketsRequest) (*types.QueryNodeSocketsResponse, error) {
	node, err := answers.Address("node", r.Node)
	if err != nil {
		return nil, err
	}
	list, next, err := q.page(ctx, q.SocketsByNode, node, r.Pagination)
	return &types.QueryNodeSocketsResponse{Sockets: list, Pagination: next}, err
}

// Held implements types.QueryServer.
func (q queryServer) Held(ctx context.Context, r *types.QueryHeldRequest) (*types.QueryHeldResponse, error) {
	holder, err := answers.Address("holder", r.Holder)
	if err != nil {
		return nil, err
	}
	list, next, err := q.page(ctx, q.SocketsByHolder, holder, r.Pagination)
	return &types.QueryHeldResponse{Sockets: list, Pagination: next}, err
}

// page is a page of the sockets that stand under an address.
func (q queryServer) page(
	ctx context.Context, set collections.KeySet[collections.Pair[sdk.AccAddress, string]], of sdk.AccAddress, asked *query.PageRequest,
) ([]types.View, *query.PageResponse, error) {
	req, err := answers.Page(asked)
	if err != nil {
		return nil, nil, err
	}
	list, next, err := query.CollectionPaginate(ctx, set, req,
		func(key collections.Pair[sdk.AccAddress, string], _ collections.NoValue) (types.View, error) {
			return q.viewOf(ctx, key.K2())
		},
		query.WithCollectionPaginationPairPrefix[sdk.AccAddress, string](of))
	return list, next, queryError(err)
}
