package keeper

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/types/query"

	"github.com/edgematrix/emc/x/internal/answers"
	"github.com/edgematrix/emc/x/poc/types"
)

// Window implements types.QueryServer.
func (q queryServer) Window(ctx context.Context, r *types.QueryWindowRequest) (*types.QueryWindowResponse, error) {
	if r.Height == 0 {
		w, err := q.window(ctx)
		if err == nil && w.Height == 0 {
			return nil, status.Error(codes.NotFound, "no window has opened yet")
		}
		return &types.QueryWindowResponse{Window: w}, err
	}
	w, err := q.Keeper.Windows.Get(ctx, r.Height)
	if errors.Is(err, collections.ErrNotFound) {
		return nil, status.Errorf(codes.NotFound, "no window that opened at height %d is kept", r.Height)
	}
	return &types.QueryWindowResponse{Window: w}, err
}

// Windows implements types.QueryServer.
func (q queryServer) Windows(ctx context.Context, r *types.QueryWindowsRequest) (*types.QueryWindowsResponse, error) {
	page, err := answers.Page(r.Pagination)
	if err != nil {
		return nil, err
	}
	windows, next, err := query.CollectionPaginate(ctx, q.Keeper.Windows, page,
		func(_ int64, w types.Window) (types.Window, error) { return w, nil })
	return &types.QueryWindowsResponse{Windows: windows, Pagination: next}, err
}

// Proof implements types.QueryServer.
func (q queryServer) Proof(ctx context.Context, r *types.QueryProofRequest) (*types.QueryProofResponse, error) {
	addr, err := answers.Address("node", r.Node)
	if err != nil {
		return nil, err
	}
	c, err := q.Commits.Get(ctx, addr)
	if errors.Is(err, collections.ErrNotFound) {
		return nil, status.Errorf(codes.NotFound, "%s has committed to nothing in a window under way", r.Node)
	}
	if err != nil {
		return nil, err
	}
	w, err := q.window(ctx)
	if err != nil {
		return nil, err
	}
	answer := &types.QueryProofResponse{Commit: c}
	if len(w.Draw) > 0 {
		answer.Drawn, answer.Samples = w.Drawn(c), uint32(w.SamplesOf(c))
	}
	return answer, nil
}

// Power implements types.QueryServer.
func (q queryServer) Power(ctx context.Context, r *types.QueryPowerRequest) (*types.QueryPowerResponse, error) {
	addr, err := answers.Address("node", r.Node)
	if err != nil {
		return nil, err
	}
	record, err := q.Records.Get(ctx, addr)
	if errors.Is(err, collections.ErrNotFound) {
		return nil, status.Errorf(codes.NotFound, "%s has proved nothing yet", r.Node)
	}
	if err != nil {
		return nil, err
	}
	params, err := q.Keeper.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	number, err := q.number(ctx)
	if err != nil {
		return nil, err
	}
	answer := &types.QueryPowerResponse{Record: record, Missed: uint32(min(number, uint64(params.PowerWindows)))}
	for _, s := range record.Scores {
		if s.Number+uint64(params.PowerWindows) > number && answer.Missed > 0 {
			answer.Missed--
		}
	}
	return answer, nil
}

// NetworkPower implements types.QueryServer.
func (q queryServer) NetworkPower(ctx context.Context, _ *types.QueryNetworkPowerRequest) (*types.QueryNetworkPowerResponse, error) {
	params, err := q.Keeper.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	answer := &types.QueryNetworkPowerResponse{Target: params.TargetPower}
	looked := 0
	err = q.Keeper.Windows.Walk(ctx, new(collections.Range[int64]).Descending(), func(_ int64, w types.Window) (bool, error) {
		if w.Phase == types.PHASE_CLOSED {
			answer.Window, answer.Number, answer.Nodes, answer.Power, answer.Weight = w.Height, w.Number, w.Proved+w.NotDrawn, w.Power, w.Weight
			return true, nil
		}
		looked++
		return looked == answers.MaxPage, nil
	})
	return answer, err
}

// Rewards implements types.QueryServer.
func (q queryServer) Rewards(ctx context.Context, r *types.QueryRewardsRequest) (*types.QueryRewardsResponse, error) {
	operator, err := answers.Address("operator", r.Operator)
	if err != nil {
		return nil, err
	}
	reward, err := q.reward(ctx, operator)
	return &types.QueryRewardsResponse{Reward: reward}, err
}

// Emission implements types.QueryServer.
func (q queryServer) Emission(ctx context.Context, _ *types.QueryEmissionRequest) (*types.QueryEmissionResponse, error) {
	e, err := q.emission(ctx)
	if err != nil {
		return nil, err
	}
	age, err := q.age(ctx, e)
	if err != nil {
		return nil, err
	}
	number, period := types.PeriodAt(age)
	return &types.QueryEmissionResponse{
		Emission: e, Scheduled: types.Uemc(types.Scheduled(age)), Cap: types.Uemc(math.NewIntFromUint64(types.EmissionCap)),
		Period: uint32(number), PerDay: types.Uemc(math.NewIntFromUint64(period.PerDay)), Schedule: types.Schedule(),
	}, nil
}
