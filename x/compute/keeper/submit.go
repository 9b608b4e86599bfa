package keeper

import (
	"context"

	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// SubmitJobFor is MsgSubmitJob with the money of another module's deal: the
// maximum price comes out of payer, an address that the module derived, and
// what the job does not cost goes back there. The module has made sure that the
// customer may spend it, and learns from AfterJobClosed what became of it.
func (k *Keeper) SubmitJobFor(ctx context.Context, m *types.MsgSubmitJob, payer sdk.AccAddress) (*types.MsgSubmitJobResponse, error) {
	if payer.Empty() {
		return nil, errorsmod.Wrap(types.ErrInvalidJob, "the payer is missing")
	}
	return k.submit(ctx, m, payer)
}

// submit places a job and takes its maximum price from payer, or from its
// customer when there is none.
func (k *Keeper) submit(ctx context.Context, m *types.MsgSubmitJob, payer sdk.AccAddress) (*types.MsgSubmitJobResponse, error) {
	customer, err := address("customer", m.Customer, types.ErrInvalidJob)
	if err != nil {
		return nil, err
	}
	params, err := k.Params.Get(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.Validate(params); err != nil {
		return nil, err
	}
	app, err := k.app(ctx, m.App)
	if err != nil {
		return nil, err
	}
	seq, err := k.nextJobSequence(ctx, customer)
	if err != nil {
		return nil, err
	}
	job := newJob(customer, m, app, seq, blockTime(ctx))
	job.Payer = payer.String()
	p, err := k.place(ctx, params, demand(app, job.Requirements, job.MaxSeconds, job.MaxPrice.Amount), job.WantedNode, nil)
	if err != nil {
		return nil, err
	}
	if p.addr == nil {
		return nil, errorsmod.Wrap(types.ErrNoNodeFits, p.reason)
	}
	from := customer
	if !payer.Empty() {
		from = payer
	}
	if err := k.payInto(ctx, from, types.JobEscrow(job.Id), job.MaxPrice.Amount); err != nil {
		return nil, errorsmod.Wrapf(err, "maximum price of %s", job.MaxPrice)
	}
	if err := k.assign(ctx, params, &job, p); err != nil {
		return nil, err
	}
	return &types.MsgSubmitJobResponse{Job: job.Id, Node: job.Node, SlotHourPrice: job.SlotHourPrice}, k.Jobs.Set(ctx, job.Id, job)
}

// newJob is a job as submitted, on no node yet.
func newJob(customer sdk.AccAddress, m *types.MsgSubmitJob, app types.App, seq uint64, at int64) types.Job {
	zero := types.Uemc(math.ZeroInt())
	id := types.JobID(customer, seq)
	req := m.Requirements
	if req.MinStake.IsNil() {
		req.MinStake = math.ZeroInt()
	}
	return types.Job{
		Id: id, Customer: m.Customer, Sequence: seq, App: app.Id, Runtime: app.Runtime, AppDigest: app.Digest, AppImage: app.Image,
		Requirements: req, WantedNode: m.Node, MaxSeconds: m.MaxSeconds, MaxPrice: m.MaxPrice,
		SpecDigest: m.SpecDigest, InputsDigest: m.InputsDigest, AccessKey: m.AccessKey,
		SubmittedAt: at, SlotHourPrice: zero, Paid: zero, Refunded: zero,
	}
}
