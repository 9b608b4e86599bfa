package jobclient

import (
	"context"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/cosmos/cosmos-sdk/client"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

// pageSize of listings.
const pageSize = 100

// queries implements Chain over the connection of a client.Context.
type queries struct{ ctx client.Context }

// NewChain returns the chain behind a client.Context. The context's chain id must be set.
func NewChain(ctx client.Context) Chain { return queries{ctx} }

func (q queries) compute() types.QueryClient { return types.NewQueryClient(q.ctx) }

// ChainID implements Chain.
func (q queries) ChainID() string { return q.ctx.ChainID }

// Params implements Chain.
func (q queries) Params(ctx context.Context) (types.Params, error) {
	r, err := q.compute().Params(ctx, &types.QueryParamsRequest{})
	if err != nil {
		return types.Params{}, queryError(err)
	}
	return r.Params, nil
}

// App implements Chain.
func (q queries) App(ctx context.Context, id string) (types.App, error) {
	r, err := q.compute().App(ctx, &types.QueryAppRequest{App: id})
	if err != nil {
		return types.App{}, queryError(err)
	}
	return r.App, nil
}

// Node implements Chain.
func (q queries) Node(ctx context.Context, address string) (types.Node, error) {
	r, err := q.compute().Node(ctx, &types.QueryNodeRequest{Node: address})
	if err != nil {
		return types.Node{}, queryError(err)
	}
	return r.Node.Node, nil
}

// Job implements Chain.
func (q queries) Job(ctx context.Context, id string) (types.Job, error) {
	r, err := q.compute().Job(ctx, &types.QueryJobRequest{Job: id})
	if err != nil {
		return types.Job{}, queryError(err)
	}
	return r.Job, nil
}

// Match implements Chain.
func (q queries) Match(ctx context.Context, req types.QueryMatchRequest) (types.QueryMatchResponse, error) {
	var out types.QueryMatchResponse
	page := &query.PageRequest{Limit: pageSize}
	for {
		req.Pagination = page
		r, err := q.compute().Match(ctx, &req)
		if err != nil {
			return out, queryError(err)
		}
		seen := out.Candidates
		out = *r
		out.Candidates = append(seen, out.Candidates...)
		if r.Pagination == nil || len(r.Pagination.NextKey) == 0 {
			return out, nil
		}
		page = &query.PageRequest{Limit: pageSize, Key: r.Pagination.NextKey}
	}
}

// CustomerJobs implements Chain.
func (q queries) CustomerJobs(ctx context.Context, customer string) ([]types.Job, error) {
	var out []types.Job
	page := &query.PageRequest{Limit: pageSize}
	for {
		r, err := q.compute().CustomerJobs(ctx, &types.QueryCustomerJobsRequest{Customer: customer, Pagination: page})
		if err != nil {
			return nil, queryError(err)
		}
		out = append(out, r.Jobs...)
		if r.Pagination == nil || len(r.Pagination.NextKey) == 0 {
			return out, nil
		}
		page = &query.PageRequest{Limit: pageSize, Key: r.Pagination.NextKey}
	}
}

// Balance implements Chain.
func (q queries) Balance(ctx context.Context, address string) (sdk.Coin, error) {
	r, err := banktypes.NewQueryClient(q.ctx).Balance(ctx, &banktypes.QueryBalanceRequest{Address: address, Denom: types.Denom})
	if err != nil {
		return sdk.Coin{}, queryError(err)
	}
	return *r.Balance, nil
}

// Session implements Chain.
func (q queries) Session(ctx context.Context, id string) (markettypes.QuerySessionResponse, error) {
	r, err := markettypes.NewQueryClient(q.ctx).Session(ctx, &markettypes.QuerySessionRequest{Session: id})
	if err != nil {
		return markettypes.QuerySessionResponse{}, queryError(err)
	}
	return *r, nil
}

// Time implements Chain.
func (q queries) Time(ctx context.Context) (time.Time, error) {
	node, err := q.ctx.GetNode()
	if err != nil {
		return time.Time{}, err
	}
	s, err := node.Status(ctx)
	if err != nil {
		return time.Time{}, queryError(err)
	}
	return s.SyncInfo.LatestBlockTime, nil
}

// queryError takes the wrapping of gRPC and ABCI off.
func queryError(err error) error {
	if status.Code(err) == codes.NotFound {
		return absent{plain{err}}
	}
	return plain{err}
}
