package simulation

import (
	"context"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"github.com/edgematrix/emc/x/compute/keeper"
	"github.com/edgematrix/emc/x/compute/types"
)

// submitJob places a job. The simulation works out by itself, without the
// index, whether a node fits, and holds the module to it.
func submitJob(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgSubmitJob](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgSubmitJob, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		app, ok := pick(s, "app", s.apps())
		if !ok {
			return nil, nil, nil
		}
		free := s.nodes(func(n types.Node) bool { return n.Unavailable(s.params, s.now) == "" && n.Offer.Serves(app) })
		if len(free) == 0 && s.r.Intn(10) > 0 { // a refusal now and then is enough
			reporter.Skip("no node is free")
			return nil, nil, nil
		}
		m := &types.MsgSubmitJob{
			App: app.Id, MaxSeconds: 1 + uint64(s.r.Int63n(int64(min(s.params.MaxJobSeconds, 300)))), Requirements: randomRequirements(s.r.Rand),
			SpecDigest: randomDigest(s.r.Rand), InputsDigest: randomDigest(s.r.Rand),
		}
		price := s.params.JobMinFee.Amount.AddRaw(1 + s.r.Int63n(200_000))
		if len(free) > 0 && s.r.Intn(6) > 0 {
			n := free[s.r.Intn(len(free))]
			price = types.FullPrice(s.params, n.Offer.SlotHourPrice.Amount, m.MaxSeconds).AddRaw(s.r.Int63n(1_000))
			if s.r.Intn(4) == 0 {
				m.Node = n.Address
			}
			if have := n.SlotPower(); have > 0 && s.r.Intn(2) == 0 { // what somebody has, so that such jobs find nodes
				m.Requirements.MinSlotPower = 1 + uint64(s.r.Int63n(int64(have)))
			}
		} else if all := s.nodes(anyNode); len(all) > 0 && s.r.Intn(4) == 0 {
			m.Node = all[s.r.Intn(len(all))].Address
		}
		m.MaxPrice = types.Uemc(math.MaxInt(price, math.OneInt()))
		customer, ok := s.rich(m.MaxPrice)
		if !ok {
			reporter.Skip("nobody can pay")
			return nil, nil, nil
		}
		m.Customer, m.AccessKey = customer.AddressBech32, customer.PubKey.Bytes()
		return []simsx.SimAccount{customer}, m, s.placed(app, m)
	})
}

// placed says what has to become of a submission.
func (s scene) placed(app types.App, m *types.MsgSubmitJob) simsx.SimDeliveryResultHandler {
	demand := types.Demand{App: app, Requirements: m.Requirements, MaxSeconds: m.MaxSeconds, MaxPrice: &m.MaxPrice.Amount}
	fitting, listed := 0, 0
	for _, n := range s.all() {
		fits := n.Unavailable(s.params, s.now) == "" && len(n.Failures(demand)) == 0
		if m.Node == n.Address {
			if fits {
				return nil
			}
			return refused(types.ErrNoNodeFits)
		}
		if len(n.Listing.Keys) > 0 {
			listed++
			if fits {
				fitting++
			}
		}
	}
	switch {
	case fitting == 0:
		return refused(types.ErrNoNodeFits)
	case listed > int(s.params.MaxScan): // those that fit may stand behind the bound
		return mayBeRefused(types.ErrNoNodeFits)
	default:
		return nil
	}
}

func acknowledgeJob(k *keeper.Keeper) simsx.SimMsgFactoryFn[*types.MsgAcknowledgeJob] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgAcknowledgeJob) {
		s := newScene(ctx, k, data, reporter)
		j, ok := pick(s, "new job", s.jobs(in(types.JOB_STATUS_SCHEDULED, types.JOB_STATUS_WAITING)))
		if !ok {
			return nil, nil
		}
		if j.Status == types.JOB_STATUS_WAITING && s.r.Intn(6) > 0 {
			reporter.Skip("the customer takes his time")
			return nil, nil
		}
		return s.who(j.Node), &types.MsgAcknowledgeJob{Node: j.Node, Job: j.Id, InputsReceived: j.Status == types.JOB_STATUS_WAITING || s.r.Intn(3) > 0}
	}
}

func declineJob(k *keeper.Keeper) simsx.SimMsgFactoryFn[*types.MsgDeclineJob] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgDeclineJob) {
		s := newScene(ctx, k, data, reporter)
		j, ok := pick(s, "job before its start", s.jobs(in(types.JOB_STATUS_SCHEDULED, types.JOB_STATUS_WAITING, types.JOB_STATUS_READY)))
		if !ok {
			return nil, nil
		}
		return s.who(j.Node), &types.MsgDeclineJob{Node: j.Node, Job: j.Id, Reason: "the simulation says no"}
	}
}

func startJob(k *keeper.Keeper) simsx.SimMsgFactoryFn[*types.MsgStartJob] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgStartJob) {
		s := newScene(ctx, k, data, reporter)
		j, ok := pick(s, "ready job", s.jobs(in(types.JOB_STATUS_READY)))
		if !ok {
			return nil, nil
		}
		return s.who(j.Node), &types.MsgStartJob{Node: j.Node, Job: j.Id}
	}
}

func startStrangeJob(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgStartJob](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgStartJob, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		j, ok := pick(s, "ready job", s.jobs(in(types.JOB_STATUS_READY)))
		if !ok {
			return nil, nil, nil
		}
		stranger := data.AnyAccountN(10, reporter, simsx.ExcludeAddresses(j.Node))
		if reporter.IsSkipped() {
			return nil, nil, nil
		}
		return []simsx.SimAccount{stranger}, &types.MsgStartJob{Node: stranger.AddressBech32, Job: j.Id}, refused(types.ErrWrongNode)
	})
}

// submitReceipt ends a run, in one of ten cases by the node's own fault.
func submitReceipt(k *keeper.Keeper) simsx.SimMsgFactoryFn[*types.MsgSubmitReceipt] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgSubmitReceipt) {
		s := newScene(ctx, k, data, reporter)
		j, ok := pick(s, "running job", s.jobs(in(types.JOB_STATUS_RUNNING)))
		if !ok {
			return nil, nil
		}
		reason := types.EXIT_REASON_EXITED
		switch s.r.Intn(10) {
		case 0:
			reason = types.EXIT_REASON_WORKER
		case 1, 2:
			reason = types.ExitReason(1 + s.r.Intn(int(types.EXIT_REASON_WORKER)))
		}
		return s.who(j.Node), &types.MsgSubmitReceipt{Node: j.Node, Job: j.Id, Receipt: types.Receipt{
			Reason: reason, ExitCode: int32(s.r.Intn(3)), ResultDigest: randomDigest(s.r.Rand), LogDigest: randomDigest(s.r.Rand),
			Usage: types.Usage{WallMilliseconds: uint64(s.r.Int63n(1_000_000))},
		}}
	}
}

func acceptResult(k *keeper.Keeper) simsx.SimMsgFactoryFn[*types.MsgAcceptResult] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgAcceptResult) {
		s := newScene(ctx, k, data, reporter)
		j, ok := pick(s, "finished job", s.jobs(in(types.JOB_STATUS_FINISHED)))
		if !ok {
			return nil, nil
		}
		return s.who(j.Customer), &types.MsgAcceptResult{Customer: j.Customer, Job: j.Id}
	}
}

func acceptTooEarly(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgAcceptResult](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgAcceptResult, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		j, ok := pick(s, "job that is not finished", s.jobs(func(j types.Job) bool { return j.Status != types.JOB_STATUS_FINISHED }))
		if !ok {
			return nil, nil, nil
		}
		return s.who(j.Customer), &types.MsgAcceptResult{Customer: j.Customer, Job: j.Id}, refused(types.ErrWrongStatus)
	})
}

func cancelJob(k *keeper.Keeper) simsx.SimMsgFactoryFn[*types.MsgCancelJob] {
	return func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgCancelJob) {
		s := newScene(ctx, k, data, reporter)
		j, ok := pick(s, "live job", s.jobs(types.Job.Live))
		if !ok {
			return nil, nil
		}
		return s.who(j.Customer), &types.MsgCancelJob{Customer: j.Customer, Job: j.Id}
	}
}

func cancelStrangeJob(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgCancelJob](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgCancelJob, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		j, ok := pick(s, "live job", s.jobs(types.Job.Live))
		if !ok {
			return nil, nil, nil
		}
		stranger := data.AnyAccountN(10, reporter, simsx.ExcludeAddresses(j.Customer))
		if reporter.IsSkipped() {
			return nil, nil, nil
		}
		return []simsx.SimAccount{stranger}, &types.MsgCancelJob{Customer: stranger.AddressBech32, Job: j.Id}, refused(types.ErrNotCustomer)
	})
}
