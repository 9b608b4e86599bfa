package keeper

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/internal/answers"
	"github.com/edgematrix/emc/x/poc/types"
)

// ProbeEpoch implements types.QueryServer.
func (q queryServer) ProbeEpoch(ctx context.Context, r *types.QueryProbeEpochRequest) (*types.QueryProbeEpochResponse, error) {
	e, err := q.epoch(ctx)
	if err == nil && r.Number != 0 && r.Number != e.Number {
		e, err = q.Epochs.Get(ctx, r.Number)
	}
	if errors.Is(err, collections.ErrNotFound) || (err == nil && e.Number == 0) {
		return nil, status.Errorf(codes.NotFound, "epoch of probes %d is not kept, or has not begun", r.Number)
	}
	return &types.QueryProbeEpochResponse{Epoch: e}, err
}

// Probes implements types.QueryServer.
func (q queryServer) Probes(ctx context.Context, r *types.QueryProbesRequest) (*types.QueryProbesResponse, error) {
	validator, err := sdk.ValAddressFromBech32(r.Validator)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "validator %q: %s", r.Validator, err)
	}
	page, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	e, err := q.epoch(ctx)
	if err != nil {
		return nil, err
	}
	answer := &types.QueryProbesResponse{
		Epoch: e.Number, Phase: e.Phase, Height: e.Height, ClosesAt: e.ClosesAt, Targets: e.Targets, Member: e.Member(r.Validator),
	}
	prober, err := q.Keeper.Probers.Get(ctx, validator)
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		return nil, err
	}
	answer.Prober = prober.Prober
	if answer.Reported, err = q.Reports.Has(ctx, validator); err != nil {
		return nil, err
	}
	answer.Probes, answer.Pagination, err = query.CollectionPaginate(ctx, q.Targets, page,
		func(_ uint32, t types.ProbeTarget) (types.Probe, error) {
			p := types.Probe{Index: t.Index, Node: sdk.AccAddress(t.Node).String(), Router: t.Router}
			n, err := q.compute.Node(ctx, t.Node)
			if errors.Is(err, computetypes.ErrNodeNotFound) {
				return p, nil // it retired: there is nothing to ask
			}
			p.Pubkey, p.Endpoints = n.Pubkey, n.Endpoints
			return p, err
		})
	return answer, err
}

// Probers implements types.QueryServer.
func (q queryServer) Probers(ctx context.Context, r *types.QueryProbersRequest) (*types.QueryProbersResponse, error) {
	page, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	probers, next, err := query.CollectionPaginate(ctx, q.Keeper.Probers, page,
		func(_ sdk.ValAddress, p types.Prober) (types.Prober, error) { return p, nil })
	return &types.QueryProbersResponse{Probers: probers, Pagination: next}, err
}
