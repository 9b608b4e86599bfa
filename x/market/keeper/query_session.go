package keeper

import (
	"context"
	"encoding/binary"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/internal/answers"
	"github.com/edgematrix/emc/x/market/types"
)

// told is a session with its times in block time.
func told(clock computetypes.Clock, s types.Session) types.Session {
	s.ExpiresAt, s.Deadline = clock.Outside(s.ExpiresAt), clock.Outside(s.Deadline)
	keys := make([]types.RetiredKey, len(s.RetiredKeys))
	for i, key := range s.RetiredKeys {
		key.ValidUntil = clock.Outside(key.ValidUntil)
		keys[i] = key
	}
	s.RetiredKeys = keys
	return s
}

// Session implements types.QueryServer.
func (q queryServer) Session(ctx context.Context, r *types.QuerySessionRequest) (*types.QuerySessionResponse, error) {
	s, err := q.Keeper.Session(ctx, r.Session)
	if err != nil {
		return nil, queryError(err)
	}
	clock, err := q.compute.NetworkClock(ctx)
	if err != nil {
		return nil, err
	}
	escrow := types.SessionEscrow(s.Id)
	free, left := types.Uemc(s.Free()), types.Uemc(s.Left())
	s = told(clock, s)
	return &types.QuerySessionResponse{
		Session: s, State: s.Words(blockTime(ctx)), Free: free, Left: left,
		EscrowAddress: escrow.String(), EscrowBalance: q.bank.GetBalance(ctx, escrow, types.Denom),
	}, nil
}

// maxProbes bounds how many forgotten sessions one page steps over.
const maxProbes = 1_000

// Sessions implements types.QueryServer. An owner's ids follow from the
// sequence, so no index is kept; the page key is the next sequence to look at.
func (q queryServer) Sessions(ctx context.Context, r *types.QuerySessionsRequest) (*types.QuerySessionsResponse, error) {
	req, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	owner, err := answers.Address("owner", r.Owner)
	if err != nil {
		return nil, err
	}
	next, err := q.SessionSequences.Get(ctx, owner)
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		return nil, err
	}
	if len(req.Key) == 8 {
		next = min(next, binary.BigEndian.Uint64(req.Key)+1)
	} else if len(req.Key) != 0 {
		return nil, status.Error(codes.InvalidArgument, "the page key is not one that this query returned")
	}
	clock, err := q.compute.NetworkClock(ctx)
	if err != nil {
		return nil, err
	}
	out := &types.QuerySessionsResponse{Pagination: &query.PageResponse{}}
	for probes := 0; next > 0; probes++ {
		next--
		if probes == maxProbes || uint64(len(out.Sessions)) == req.Limit {
			out.Pagination.NextKey = binary.BigEndian.AppendUint64(nil, next)
			break
		}
		s, err := q.Keeper.Sessions.Get(ctx, types.SessionID(owner, next))
		if errors.Is(err, collections.ErrNotFound) {
			continue // forgotten after its retention
		}
		if err != nil {
			return nil, err
		}
		out.Sessions = append(out.Sessions, told(clock, s))
	}
	return out, nil
}

// Router implements types.QueryServer.
func (q queryServer) Router(ctx context.Context, r *types.QueryRouterRequest) (*types.QueryRouterResponse, error) {
	req, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	router, err := answers.Address("router", r.Router)
	if err != nil {
		return nil, err
	}
	n, err := q.compute.Node(ctx, router)
	if err != nil {
		return nil, queryError(err)
	}
	clock, err := q.compute.NetworkClock(ctx)
	if err != nil {
		return nil, err
	}
	exposures, next, err := query.CollectionPaginate(ctx, q.SessionsByRouter, req,
		func(key collections.Pair[sdk.AccAddress, string], _ collections.NoValue) (types.Exposure, error) {
			s, err := q.Keeper.Sessions.Get(ctx, key.K2())
			if err != nil {
				return types.Exposure{}, err
			}
			bound := s.Router(r.Router)
			return types.Exposure{
				Session: s.Id, Status: s.Status, Deadline: clock.Outside(s.Deadline),
				Allotment: types.Uemc(bound.Allotment), Redeemed: types.Uemc(bound.Redeemed), Earned: types.Uemc(bound.Earned),
			}, nil
		},
		query.WithCollectionPaginationPairPrefix[sdk.AccAddress, string](router))
	return &types.QueryRouterResponse{
		Stake: types.Uemc(n.Stake), Covered: types.Uemc(n.ReservedStake), Sessions: exposures, Pagination: next,
	}, queryError(err)
}
