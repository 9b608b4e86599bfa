package chainclient

import (
	"context"
	"fmt"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// pageSize is how many objects one request asks for.
const pageSize = 100

// Params returns the rules of x/compute.
func (c *Client) Params(ctx context.Context) (computetypes.Params, error) {
	r, err := computetypes.NewQueryClient(c.Conn()).Params(ctx, &computetypes.QueryParamsRequest{})
	if err != nil {
		return computetypes.Params{}, fmt.Errorf("the rules of the chain: %w", err)
	}
	return r.Params, nil
}

// Node returns a node, or ErrNotFound.
func (c *Client) Node(ctx context.Context, address string) (computetypes.NodeView, error) {
	r, err := computetypes.NewQueryClient(c.Conn()).Node(ctx, &computetypes.QueryNodeRequest{Node: address})
	if err != nil {
		return computetypes.NodeView{}, notFound("node "+address, err)
	}
	return r.Node, nil
}

// NodeJobs returns all jobs of a node that are not closed.
func (c *Client) NodeJobs(ctx context.Context, address string) ([]computetypes.Job, error) {
	var out []computetypes.Job
	page := &query.PageRequest{Limit: pageSize}
	for {
		r, err := computetypes.NewQueryClient(c.Conn()).NodeJobs(ctx, &computetypes.QueryNodeJobsRequest{Node: address, Pagination: page})
		if err != nil {
			return nil, fmt.Errorf("the jobs of node %s: %w", address, err)
		}
		out = append(out, r.Jobs...)
		if r.Pagination == nil || len(r.Pagination.NextKey) == 0 {
			return out, nil
		}
		page = &query.PageRequest{Key: r.Pagination.NextKey, Limit: pageSize}
	}
}

// Job returns a job, or ErrNotFound once it has left the state.
func (c *Client) Job(ctx context.Context, id string) (computetypes.Job, error) {
	r, err := computetypes.NewQueryClient(c.Conn()).Job(ctx, &computetypes.QueryJobRequest{Job: id})
	if err != nil {
		return computetypes.Job{}, notFound("job "+id, err)
	}
	return r.Job, nil
}

// App returns an app of the registry, or ErrNotFound.
func (c *Client) App(ctx context.Context, id string) (computetypes.App, error) {
	r, err := computetypes.NewQueryClient(c.Conn()).App(ctx, &computetypes.QueryAppRequest{App: id})
	if err != nil {
		return computetypes.App{}, notFound("app "+id, err)
	}
	return r.App, nil
}

// Account is what a signature needs to know of its signer.
type Account struct {
	Number, Sequence uint64
}

// Account returns an account, or ErrNotFound when the chain has never seen it.
func (c *Client) Account(ctx context.Context, address string) (Account, error) {
	r, err := authtypes.NewQueryClient(c.Conn()).AccountInfo(ctx, &authtypes.QueryAccountInfoRequest{Address: address})
	if err != nil {
		return Account{}, notFound("account "+address, err)
	}
	return Account{Number: r.Info.AccountNumber, Sequence: r.Info.Sequence}, nil
}

// Balance returns what an account has of the network's coin.
func (c *Client) Balance(ctx context.Context, address string) (sdk.Coin, error) {
	r, err := banktypes.NewQueryClient(c.Conn()).Balance(ctx, &banktypes.QueryBalanceRequest{Address: address, Denom: computetypes.Denom})
	if err != nil {
		return sdk.Coin{}, fmt.Errorf("the balance of %s: %w", address, err)
	}
	if r.Balance == nil {
		return computetypes.Uemc(math.ZeroInt()), nil
	}
	return *r.Balance, nil
}

// Allowance returns the fee grant of granter for grantee, or ErrNotFound.
func (c *Client) Allowance(ctx context.Context, granter, grantee string) (feegrant.FeeAllowanceI, error) {
	what := fmt.Sprintf("fee grant of %s for %s", granter, grantee)
	r, err := feegrant.NewQueryClient(c.Conn()).Allowance(ctx, &feegrant.QueryAllowanceRequest{Granter: granter, Grantee: grantee})
	if err != nil {
		// x/feegrant answers Internal for a grant that does not exist.
		list, listErr := feegrant.NewQueryClient(c.Conn()).Allowances(ctx, &feegrant.QueryAllowancesRequest{Grantee: grantee})
		if listErr != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
		for _, g := range list.Allowances {
			if g.Granter == granter {
				return c.allowance(g)
			}
		}
		return nil, fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	return c.allowance(r.Allowance)
}

// allowance unpacks a grant: the responses of x/feegrant do not do it.
func (c *Client) allowance(g *feegrant.Grant) (feegrant.FeeAllowanceI, error) {
	if g == nil || g.Allowance == nil {
		return nil, fmt.Errorf("fee grant: %w", ErrNotFound)
	}
	var out feegrant.FeeAllowanceI
	if err := c.Codec.UnpackAny(g.Allowance, &out); err != nil {
		return nil, fmt.Errorf("fee grant of %s for %s: %w", g.Granter, g.Grantee, err)
	}
	return out, nil
}
