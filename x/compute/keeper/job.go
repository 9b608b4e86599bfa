package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// Job loads a job.
func (k *Keeper) Job(ctx context.Context, id string) (types.Job, error) {
	if err := types.ValidateJobID(id); err != nil {
		return types.Job{}, err
	}
	job, err := k.Jobs.Get(ctx, id)
	if errors.Is(err, collections.ErrNotFound) {
		return job, errorsmod.Wrapf(types.ErrJobNotFound, "no job %s; closed jobs leave the state after their retention", id)
	}
	return job, err
}

// nodeJob loads a job for a message of its node.
func (k *Keeper) nodeJob(ctx context.Context, id, node string, allowed ...types.JobStatus) (types.Job, error) {
	job, err := k.Job(ctx, id)
	if err != nil {
		return job, err
	}
	if job.Node != node {
		return job, errorsmod.Wrapf(types.ErrWrongNode, "job %s is on node %s, not on %s", id, job.Node, node)
	}
	return job, checkStatus(job, allowed...)
}

// customerJob loads a job for a message of its customer.
func (k *Keeper) customerJob(ctx context.Context, id, customer string, allowed ...types.JobStatus) (types.Job, error) {
	job, err := k.Job(ctx, id)
	if err != nil {
		return job, err
	}
	if job.Customer != customer {
		return job, errorsmod.Wrapf(types.ErrNotCustomer, "job %s belongs to %s, not to %s", id, job.Customer, customer)
	}
	return job, checkStatus(job, allowed...)
}

func checkStatus(job types.Job, allowed ...types.JobStatus) error {
	for _, s := range allowed {
		if job.Status == s {
			return nil
		}
	}
	return errorsmod.Wrapf(types.ErrWrongStatus, "job %s is %s", job.Id, types.StatusWord(job.Status))
}

// setDeadline gives a job's status its end, seconds from now by the network's
// clock; the job is written by the caller.
func (k *Keeper) setDeadline(ctx context.Context, job *types.Job, seconds uint64) error {
	now, err := k.now(ctx)
	if err != nil {
		return err
	}
	return k.moveDeadline(ctx, job, now+int64(seconds))
}

// moveDeadline moves a job on the agenda; the job is written by the caller.
func (k *Keeper) moveDeadline(ctx context.Context, job *types.Job, at int64) error {
	if err := k.dropDeadline(ctx, job); err != nil {
		return err
	}
	job.Deadline = at
	return k.Agenda.Set(ctx, jobEntry(at, job.Id))
}

func (k *Keeper) dropDeadline(ctx context.Context, job *types.Job) error {
	if job.Deadline == 0 {
		return nil
	}
	old := job.Deadline
	job.Deadline = 0
	return k.Agenda.Remove(ctx, jobEntry(old, job.Id))
}

// advance moves a job to another live status that ends by itself in seconds, and
// writes it.
func (k *Keeper) advance(ctx context.Context, job types.Job, status types.JobStatus, seconds uint64) error {
	job.Status = status
	if err := k.setDeadline(ctx, &job, seconds); err != nil {
		return err
	}
	if err := k.Jobs.Set(ctx, job.Id, job); err != nil {
		return err
	}
	return emit(ctx, &types.EventJobStatus{Job: job.Id, Node: job.Node, Customer: job.Customer, Status: status})
}

// leaveNode frees the job's slot, or gives it back to the promise that it came
// out of. Mark changes the node's record of how it
// did, in the same write.
func (k *Keeper) leaveNode(ctx context.Context, params types.Params, job types.Job, mark func(*types.Node)) error {
	addr, n, err := k.node(ctx, job.Node)
	if err != nil {
		return err
	}
	returned, err := k.giveBack(ctx, addr, job)
	if err != nil {
		return err
	}
	if !returned {
		if err := k.removeReservation(ctx, addr, &n, types.JobPromise(job.Id)); err != nil {
			return err
		}
	}
	if mark != nil {
		mark(&n)
	}
	if returned { // no slot has become free, and no turn of the node in the queue of its price is over
		return k.writeNode(ctx, params, addr, n, false)
	}
	return k.settleNode(ctx, params, addr, n)
}

// pass takes a job from a node that did not start it and gives it to another,
// or refunds it in full. It returns the index entries looked at.
func (k *Keeper) pass(ctx context.Context, params types.Params, job types.Job, reason string, mark func(*types.Node)) (int, error) {
	if err := k.leaveNode(ctx, params, job, mark); err != nil {
		return 0, err
	}
	job.TriedNodes = append(job.TriedNodes, job.Node)
	job.Reason = reason
	if job.Source != "" || len(job.TriedNodes) >= int(params.MaxAttempts) { // a promise binds one node
		return 0, k.closeJob(ctx, params, job, types.JOB_STATUS_FAILED, math.ZeroInt(), reason)
	}
	app := types.App{Id: job.App, Runtime: job.Runtime}
	if known, err := k.Apps.Get(ctx, job.App); err == nil {
		app = known
	} else if !errors.Is(err, collections.ErrNotFound) {
		return 0, err
	}
	d := demand(app, job.Requirements, job.MaxSeconds, job.MaxPrice.Amount)
	p, err := k.place(ctx, params, d, job.WantedNode, job.TriedNodes)
	if errors.Is(err, types.ErrNodeNotFound) { // the named node retired meanwhile
		p, err = placement{scanned: 1, reason: err.Error()}, nil
	}
	if err != nil {
		return 0, err
	}
	if p.addr == nil {
		return p.scanned, k.closeJob(ctx, params, job, types.JOB_STATUS_FAILED, math.ZeroInt(), reason+"; "+p.reason)
	}
	if err := k.assign(ctx, params, &job, p, d); err != nil {
		return p.scanned, err
	}
	return p.scanned, k.Jobs.Set(ctx, job.Id, job)
}

// closeJob pays the operator its price out of the escrow and gives the rest
// back to who paid. The slot must be free already.
func (k *Keeper) closeJob(ctx context.Context, params types.Params, job types.Job, status types.JobStatus, price math.Int, reason string) error {
	operator, err := address("operator", job.Operator, types.ErrInvalidJob)
	if err != nil {
		return err
	}
	escrow := types.JobEscrow(job.Id)
	refund := job.MaxPrice.Amount.Sub(price)
	if err := k.payFrom(ctx, escrow, operator, price); err != nil {
		return err
	}
	if err := k.refund(ctx, job, refund); err != nil {
		return err
	}
	if err := k.sweep(ctx, escrow); err != nil {
		return err
	}
	job.Status, job.Reason, job.ClosedAt = status, reason, blockTime(ctx)
	job.Paid, job.Refunded = types.Uemc(price), types.Uemc(refund)
	if err := k.setDeadline(ctx, &job, params.JobRetentionSeconds); err != nil {
		return err
	}
	if err := k.Jobs.Set(ctx, job.Id, job); err != nil {
		return err
	}
	if err := k.hooks.AfterJobClosed(ctx, job); err != nil {
		return err
	}
	return emit(ctx, &types.EventJobClosed{
		Job: job.Id, Node: job.Node, Customer: job.Customer, Status: status,
		Paid: job.Paid.String(), Refunded: job.Refunded.String(), Reason: reason,
	})
}

// refund gives what a job did not cost back to who paid for it.
func (k *Keeper) refund(ctx context.Context, job types.Job, amount math.Int) error {
	if job.Payer == "" {
		customer, err := address("customer", job.Customer, types.ErrInvalidJob)
		if err != nil {
			return err
		}
		return k.payFrom(ctx, types.JobEscrow(job.Id), customer, amount)
	}
	payer, err := address("payer", job.Payer, types.ErrInvalidJob)
	if err != nil {
		return err
	}
	return k.payInto(ctx, types.JobEscrow(job.Id), payer, amount)
}

// forget removes a closed job after its retention. The customer's sequence
// stays, so that no id comes twice.
func (k *Keeper) forget(ctx context.Context, job types.Job) error {
	if err := k.dropDeadline(ctx, &job); err != nil {
		return err
	}
	return k.Jobs.Remove(ctx, job.Id)
}

// nextJobSequence takes the customer's next number.
func (k *Keeper) nextJobSequence(ctx context.Context, customer sdk.AccAddress) (uint64, error) {
	seq, err := k.JobSequences.Get(ctx, customer)
	if err != nil && !errors.Is(err, collections.ErrNotFound) {
		return 0, err
	}
	return seq, k.JobSequences.Set(ctx, customer, seq+1)
}
