package keeper

import (
	"context"
	"fmt"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/x/compute/types"
)

// timeOut ends a job's status by itself: the state machine's answer to
// everybody who went away. It returns the index entries looked at.
func (k *Keeper) timeOut(ctx context.Context, now int64, id string) (int, error) {
	job, err := k.Jobs.Get(ctx, id)
	if err != nil {
		return 0, err
	}
	params, err := k.Params.Get(ctx)
	if err != nil {
		return 0, err
	}
	switch job.Status {
	case types.JOB_STATUS_SCHEDULED:
		return k.pass(ctx, params, job, fmt.Sprintf("node %s did not acknowledge within %d s", job.Node, params.AcknowledgeSeconds), markMissedStart(params, now))
	case types.JOB_STATUS_WAITING:
		if err := k.leaveNode(ctx, params, job, markInputsMissing); err != nil {
			return 0, err
		}
		fee := math.MinInt(params.JobReservationFee.Amount, job.MaxPrice.Amount)
		return 0, k.closeJob(ctx, params, job, types.JOB_STATUS_EXPIRED, fee, fmt.Sprintf("the inputs were not handed over within %d s", params.InputSeconds))
	case types.JOB_STATUS_READY:
		return k.pass(ctx, params, job, fmt.Sprintf("node %s had the inputs and did not start within %d s", job.Node, params.StartSeconds), markMissedStart(params, now))
	case types.JOB_STATUS_RUNNING:
		if err := k.leaveNode(ctx, params, job, markFailed); err != nil {
			return 0, err
		}
		return 0, k.closeJob(ctx, params, job, types.JOB_STATUS_FAILED, math.ZeroInt(), fmt.Sprintf("node %s sent no receipt in time", job.Node))
	case types.JOB_STATUS_FINISHED:
		return 0, k.closeJob(ctx, params, job, types.JOB_STATUS_COMPLETED, job.Paid.Amount, "the acceptance window ended")
	default:
		return 0, k.forget(ctx, job)
	}
}
