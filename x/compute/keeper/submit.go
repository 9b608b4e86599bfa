package keeper

import (
	"context"

	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// SubmitJobFor is MsgSubmitJob with what another module's deal says: the maximum
// price comes out of its payer, and what the job does not cost goes back there;
// the slot, at the deal's price, comes out of its source. The module has made
// sure that the customer may use both, and learns from AfterJobClosed what became
// of the job.
func (k *Keeper) SubmitJobFor(ctx context.Context, m *types.MsgSubmitJob, deal types.Deal) (*types.MsgSubmitJobResponse, error) {
	if err := deal.Validate(m.Node); err != nil {
		return nil, err
	}
	return k.submit(ctx, m, deal)
}

// submit places a job and takes its maximum price from the deal's payer, or from
// its customer when there is none.
func (k *Keeper) submit(ctx context.Context, m *types.MsgSubmitJob, deal types.Deal) (*types.MsgSubmitJobResponse, error) {
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
	app, err := k.App(ctx, m.App)
	if err != nil {
		return nil, err
	}
	seq, err := k.nextJobSequence(ctx, customer)
	if err != nil {
		return nil, err
	}
	job := newJob(customer, m, app, seq, blockTime(ctx))
	job.Payer, job.Source = deal.Payer.String(), deal.Source
	d := demand(app, job.Requirements, job.MaxSeconds, job.MaxPrice.Amount)
	d.SlotHourPrice = deal.Price()
	if d.Source, err = k.source(ctx, job); err != nil {
		return nil, err
	}
	p, err := k.place(ctx, params, d, job.WantedNode, nil)
	if err != nil {
		return nil, err
	}
	if p.addr == nil {
		return nil, errorsmod.Wrap(types.ErrNoNodeFits, p.reason)
	}
	from := customer
	if !deal.Payer.Empty() {
		from = deal.Payer
	}
	if err := k.payInto(ctx, from, types.JobEscrow(job.Id), job.MaxPrice.Amount); err != nil {
		return nil, errorsmod.Wrapf(err, "maximum price of %s", job.MaxPrice)
	}
	if err := k.assign(ctx, params, &job, p, d); err != nil {
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
