package keeper

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/internal/answers"
)

// Job implements types.QueryServer.
func (q queryServer) Job(ctx context.Context, r *types.QueryJobRequest) (*types.QueryJobResponse, error) {
	job, err := q.Keeper.Job(ctx, r.Job)
	if err != nil {
		return nil, queryError(err)
	}
	clock, err := q.clock(ctx)
	if err != nil {
		return nil, err
	}
	escrow := types.JobEscrow(job.Id)
	return &types.QueryJobResponse{Job: clock.Job(job), EscrowAddress: escrow.String(), EscrowBalance: q.bank.GetBalance(ctx, escrow, types.Denom)}, nil
}

// maxProbes bounds how many pruned jobs one page steps over.
const maxProbes = 1_000

// CustomerJobs implements types.QueryServer. A customer's ids follow from the
// sequence, so no index is kept; the page key is the next sequence to look at.
func (q queryServer) CustomerJobs(ctx context.Context, r *types.QueryCustomerJobsRequest) (*types.QueryCustomerJobsResponse, error) {
	req, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	customer, err := answers.Address("customer", r.Customer)
	if err != nil {
		return nil, err
	}
	next, err := q.JobSequences.Get(ctx, customer)
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		return nil, err
	}
	if len(req.Key) == 8 {
		next = min(next, binary.BigEndian.Uint64(req.Key)+1)
	} else if len(req.Key) != 0 {
		return nil, status.Error(codes.InvalidArgument, "the page key is not one that this query returned")
	}
	clock, err := q.clock(ctx)
	if err != nil {
		return nil, err
	}
	out := &types.QueryCustomerJobsResponse{Pagination: &query.PageResponse{}}
	for probes := 0; next > 0; probes++ {
		next--
		if probes == maxProbes || uint64(len(out.Jobs)) == req.Limit {
			out.Pagination.NextKey = binary.BigEndian.AppendUint64(nil, next)
			break
		}
		job, err := q.Jobs.Get(ctx, types.JobID(customer, next))
		if errors.Is(err, collections.ErrNotFound) {
			continue // pruned after its retention
		}
		if err != nil {
			return nil, err
		}
		out.Jobs = append(out.Jobs, clock.Job(job))
	}
	return out, nil
}

// NodeJobs implements types.QueryServer. The ledger of promises says which
// jobs a node has.
func (q queryServer) NodeJobs(ctx context.Context, r *types.QueryNodeJobsRequest) (*types.QueryNodeJobsResponse, error) {
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
	jobs, next, err := query.CollectionFilteredPaginate(ctx, q.Keeper.Reservations, req,
		func(key collections.Pair[sdk.AccAddress, string], _ types.Reservation) (bool, error) {
			return strings.HasPrefix(key.K2(), jobPromise), nil
		},
		func(key collections.Pair[sdk.AccAddress, string], _ types.Reservation) (types.Job, error) {
			job, err := q.Jobs.Get(ctx, strings.TrimPrefix(key.K2(), jobPromise))
			return clock.Job(job), err
		},
		query.WithCollectionPaginationPairPrefix[sdk.AccAddress, string](node))
	return &types.QueryNodeJobsResponse{Jobs: jobs, Pagination: next}, queryError(err)
}

// Match implements types.QueryServer. The page goes over all nodes, so that an
// offline or full one is told why it was passed over, too.
func (q queryServer) Match(ctx context.Context, r *types.QueryMatchRequest) (*types.QueryMatchResponse, error) {
	req, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	app, err := q.Keeper.App(ctx, r.App)
	if err != nil {
		return nil, queryError(err)
	}
	params, err := q.Keeper.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	d := types.Demand{App: app, Requirements: r.Requirements, MaxSeconds: r.MaxSeconds}
	if !r.MaxPrice.Amount.IsNil() && r.MaxPrice.IsPositive() {
		d.MaxPrice = &r.MaxPrice.Amount
	}
	if err := d.Requirements.Validate(); err != nil {
		return nil, queryError(err)
	}
	if d.MaxSeconds > params.MaxJobSeconds {
		return nil, status.Errorf(codes.InvalidArgument, "max_seconds must be at most %d, got %d", params.MaxJobSeconds, d.MaxSeconds)
	}
	now, err := q.now(ctx)
	if err != nil {
		return nil, err
	}
	p, err := q.place(ctx, params, d, r.Node, nil)
	if err != nil {
		return nil, queryError(err)
	}
	out := &types.QueryMatchResponse{Reason: p.reason, Quote: types.Uemc(math.ZeroInt())}
	if p.addr != nil {
		out.Node = p.node.Address
		out.Quote = types.Uemc(types.FullPrice(params, p.node.Offer.SlotHourPrice.Amount, d.MaxSeconds))
		out.Chosen, out.EHourPrice = chosen(d, r.Node, p.scanned), types.EHourPriceWord(p.node)
	}
	candidate := func(_ sdk.AccAddress, n types.Node) (types.Candidate, error) { return assess(params, now, d, n), nil }
	if r.Node != "" {
		_, n, err := q.node(ctx, r.Node)
		if err != nil {
			return nil, queryError(err)
		}
		out.Candidates = []types.Candidate{assess(params, now, d, n)}
		return out, nil
	}
	out.Candidates, out.Pagination, err = query.CollectionPaginate(ctx, q.Keeper.Nodes, req, candidate)
	return out, queryError(err)
}

// chosen says why a demand got its node.
func chosen(d types.Demand, wanted string, scanned int) string {
	switch {
	case wanted != "":
		return "named in the request"
	case d.ByPower():
		return fmt.Sprintf("cheapest by the price of one E for one hour, of those that fit among the %d cheapest by slot-hour price", scanned)
	}
	return "cheapest by slot-hour price"
}

// assess is one node's answer to a demand.
func assess(params types.Params, now int64, d types.Demand, n types.Node) types.Candidate {
	failures := n.Failures(d)
	if why := n.Unavailable(params, now); why != "" {
		failures = append([]string{why}, failures...)
	}
	price := n.Offer.SlotHourPrice
	return types.Candidate{
		Node: n.Address, SlotHourPrice: price, Failures: failures,
		Quote:      types.Uemc(types.FullPrice(params, price.Amount, d.MaxSeconds)),
		EHourPrice: types.EHourPriceWord(n), SlotPower: n.SlotPower(),
	}
}
