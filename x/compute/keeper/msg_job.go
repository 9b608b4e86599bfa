package keeper

import (
	"context"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/x/compute/types"
)

// SubmitJob implements types.MsgServer.
func (s msgServer) SubmitJob(ctx context.Context, m *types.MsgSubmitJob) (*types.MsgSubmitJobResponse, error) {
	return s.submit(ctx, m, types.Deal{})
}

// AcknowledgeJob implements types.MsgServer.
func (s msgServer) AcknowledgeJob(ctx context.Context, m *types.MsgAcknowledgeJob) (*types.MsgAcknowledgeJobResponse, error) {
	allowed := []types.JobStatus{types.JOB_STATUS_SCHEDULED}
	if m.InputsReceived {
		allowed = append(allowed, types.JOB_STATUS_WAITING)
	}
	job, err := s.nodeJob(ctx, m.Job, m.Node, allowed...)
	if err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	status, seconds := types.JOB_STATUS_WAITING, params.InputSeconds
	if m.InputsReceived {
		status, seconds = types.JOB_STATUS_READY, params.StartSeconds
	}
	return &types.MsgAcknowledgeJobResponse{}, s.advance(ctx, job, status, seconds)
}

// DeclineJob implements types.MsgServer.
func (s msgServer) DeclineJob(ctx context.Context, m *types.MsgDeclineJob) (*types.MsgDeclineJobResponse, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	job, err := s.nodeJob(ctx, m.Job, m.Node, types.JOB_STATUS_SCHEDULED, types.JOB_STATUS_WAITING, types.JOB_STATUS_READY)
	if err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	now, err := s.now(ctx)
	if err != nil {
		return nil, err
	}
	_, err = s.pass(ctx, params, job, "node "+m.Node+" declined: "+m.Reason, markDeclined(params, now))
	return &types.MsgDeclineJobResponse{}, err
}

// StartJob implements types.MsgServer.
func (s msgServer) StartJob(ctx context.Context, m *types.MsgStartJob) (*types.MsgStartJobResponse, error) {
	job, err := s.nodeJob(ctx, m.Job, m.Node, types.JOB_STATUS_READY)
	if err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	addr, n, err := s.node(ctx, m.Node)
	if err != nil {
		return nil, err
	}
	if n.MissedInRow > 0 {
		markStarted(&n)
		if err := s.setNode(ctx, addr, n); err != nil {
			return nil, err
		}
	}
	job.StartedAt = blockTime(ctx)
	if err := s.advance(ctx, job, types.JOB_STATUS_RUNNING, job.MaxSeconds+params.ReceiptSeconds); err != nil {
		return nil, err
	}
	return &types.MsgStartJobResponse{EndsAt: job.StartedAt + int64(job.MaxSeconds)}, s.hooks.AfterJobStarted(ctx, job)
}

// SubmitReceipt implements types.MsgServer.
func (s msgServer) SubmitReceipt(ctx context.Context, m *types.MsgSubmitReceipt) (*types.MsgSubmitReceiptResponse, error) {
	if err := m.Receipt.Validate(); err != nil {
		return nil, err
	}
	job, err := s.nodeJob(ctx, m.Job, m.Node, types.JOB_STATUS_RUNNING)
	if err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	job.Receipt, job.FinishedAt = &m.Receipt, blockTime(ctx)
	if m.Receipt.Reason == types.EXIT_REASON_WORKER {
		if err := s.leaveNode(ctx, params, job, markFailed); err != nil {
			return nil, err
		}
		return &types.MsgSubmitReceiptResponse{Price: types.Uemc(math.ZeroInt())},
			s.closeJob(ctx, params, job, types.JOB_STATUS_FAILED, math.ZeroInt(), "the worker failed; refunded in full")
	}
	if err := s.leaveNode(ctx, params, job, markCompleted); err != nil {
		return nil, err
	}
	job.Paid = types.Uemc(types.Bill(params, job, m.Receipt.Usage.WallMilliseconds, job.FinishedAt))
	return &types.MsgSubmitReceiptResponse{Price: job.Paid},
		s.advance(ctx, job, types.JOB_STATUS_FINISHED, params.AcceptanceSeconds)
}

// AcceptResult implements types.MsgServer.
func (s msgServer) AcceptResult(ctx context.Context, m *types.MsgAcceptResult) (*types.MsgAcceptResultResponse, error) {
	job, err := s.customerJob(ctx, m.Job, m.Customer, types.JOB_STATUS_FINISHED)
	if err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.closeJob(ctx, params, job, types.JOB_STATUS_COMPLETED, job.Paid.Amount, "accepted by the customer"); err != nil {
		return nil, err
	}
	return &types.MsgAcceptResultResponse{Paid: job.Paid, Refunded: job.MaxPrice.Sub(job.Paid)}, nil
}

// CancelJob implements types.MsgServer.
func (s msgServer) CancelJob(ctx context.Context, m *types.MsgCancelJob) (*types.MsgCancelJobResponse, error) {
	job, err := s.customerJob(ctx, m.Job, m.Customer,
		types.JOB_STATUS_SCHEDULED, types.JOB_STATUS_WAITING, types.JOB_STATUS_READY, types.JOB_STATUS_RUNNING)
	if err != nil {
		return nil, err
	}
	params, err := s.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	// Before the start the slot was held in vain: the reservation fee. After it
	// the chain's own clock is all there is to bill by.
	price := math.MinInt(params.JobReservationFee.Amount, job.MaxPrice.Amount)
	if job.Status == types.JOB_STATUS_RUNNING {
		price = types.Bill(params, job, job.MaxSeconds*1000, blockTime(ctx))
	}
	if err := s.leaveNode(ctx, params, job, nil); err != nil {
		return nil, err
	}
	if err := s.closeJob(ctx, params, job, types.JOB_STATUS_CANCELLED, price, "cancelled by the customer"); err != nil {
		return nil, err
	}
	return &types.MsgCancelJobResponse{Paid: types.Uemc(price), Refunded: job.MaxPrice.Sub(types.Uemc(price))}, nil
}
