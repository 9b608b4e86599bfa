package keeper

import (
	"context"
	"fmt"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// retrySeconds is how long a queue entry that failed waits for another try.
const retrySeconds = 3600

// EndBlock works off what is due, oldest first, within the block's budget:
// what does not fit waits for the next block, in order. The three queues share
// the budget a third each at least, so that none can starve another.
func (k *Keeper) EndBlock(ctx context.Context) error {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return err
	}
	budget := int(params.BlockWork)
	third := budget / 3
	jobs := k.runJobs(ctx, third)
	budget -= jobs
	budget -= k.runWakeups(ctx, min(third, budget))
	budget -= k.runUnbondings(ctx, min(third, budget))
	if jobs >= third { // more may be due than a third of the budget covered
		k.runJobs(ctx, budget)
	}
	return nil
}

// due collects the entries of a queue that are due, at most limit.
func due[K any](ctx context.Context, queue collections.KeySet[K], limit int, at func(K) int64) ([]K, error) {
	iter, err := queue.Iterate(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer iter.Close()
	var out []K
	for ; iter.Valid() && len(out) < limit; iter.Next() {
		key, err := iter.Key()
		if err != nil {
			return nil, err
		}
		if at(key) > now(ctx) {
			break
		}
		out = append(out, key)
	}
	return out, nil
}

// isolated runs one entry in a cache of its own. An entry that fails or panics
// changes nothing and is put off by requeue: one bad record must not stop
// every node, nor the entries behind it.
func (k *Keeper) isolated(ctx context.Context, name string, run, requeue func(context.Context) error) {
	err := inCache(ctx, run)
	if err == nil {
		return
	}
	sdk.UnwrapSDKContext(ctx).Logger().Error("compute: a queue entry failed and will be tried again", "entry", name, "error", err)
	if err := inCache(ctx, requeue); err != nil {
		sdk.UnwrapSDKContext(ctx).Logger().Error("compute: a queue entry could not be put off", "entry", name, "error", err)
	}
	_ = inCache(ctx, func(ctx context.Context) error { // the log above holds the same words
		return emit(ctx, &types.EventQueueError{Entry: name, Error: err.Error()})
	})
}

func inCache(ctx context.Context, run func(context.Context) error) (err error) {
	cached, write := sdk.UnwrapSDKContext(ctx).CacheContext()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	if err := run(cached); err != nil {
		return err
	}
	write()
	return nil
}

func (k *Keeper) runJobs(ctx context.Context, budget int) (used int) {
	entries, err := due(ctx, k.JobDeadlines, budget, func(e collections.Pair[int64, string]) int64 { return e.K1() })
	if err != nil {
		sdk.UnwrapSDKContext(ctx).Logger().Error("compute: the queue of job deadlines cannot be read", "error", err)
		return 0
	}
	for _, entry := range entries {
		if used >= budget {
			break
		}
		used++
		k.isolated(ctx, types.JobPromise(entry.K2()),
			func(ctx context.Context) error {
				scanned, err := k.timeOut(ctx, entry.K2())
				used += scanned
				return err
			},
			func(ctx context.Context) error { return k.putOffJob(ctx, entry) })
	}
	return used
}

func (k *Keeper) putOffJob(ctx context.Context, entry collections.Pair[int64, string]) error {
	job, err := k.Jobs.Get(ctx, entry.K2())
	if err != nil {
		return k.JobDeadlines.Remove(ctx, entry)
	}
	if err := k.setDeadline(ctx, &job, now(ctx)+retrySeconds); err != nil {
		return err
	}
	return k.Jobs.Set(ctx, job.Id, job)
}

// timeOut ends a job's status by itself: the state machine's answer to
// everybody who went away. It returns the index entries looked at.
func (k *Keeper) timeOut(ctx context.Context, id string) (int, error) {
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
		return k.pass(ctx, params, job, fmt.Sprintf("node %s did not acknowledge within %d s", job.Node, params.AcknowledgeSeconds), markMissedStart(params, now(ctx)))
	case types.JOB_STATUS_WAITING:
		if err := k.leaveNode(ctx, params, job, markInputsMissing); err != nil {
			return 0, err
		}
		fee := math.MinInt(params.JobReservationFee.Amount, job.MaxPrice.Amount)
		return 0, k.closeJob(ctx, params, job, types.JOB_STATUS_EXPIRED, fee, fmt.Sprintf("the inputs were not handed over within %d s", params.InputSeconds))
	case types.JOB_STATUS_READY:
		return k.pass(ctx, params, job, fmt.Sprintf("node %s had the inputs and did not start within %d s", job.Node, params.StartSeconds), markMissedStart(params, now(ctx)))
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

func (k *Keeper) runWakeups(ctx context.Context, budget int) int {
	entries, err := due(ctx, k.NodeWakeups, budget, func(e collections.Pair[int64, sdk.AccAddress]) int64 { return e.K1() })
	if err != nil {
		sdk.UnwrapSDKContext(ctx).Logger().Error("compute: the queue of node wake-ups cannot be read", "error", err)
		return 0
	}
	for _, entry := range entries {
		k.isolated(ctx, "node/"+entry.K2().String(),
			func(ctx context.Context) error {
				n, err := k.Nodes.Get(ctx, entry.K2())
				if err != nil {
					return err
				}
				return k.setNode(ctx, entry.K2(), n)
			},
			func(ctx context.Context) error { return k.NodeWakeups.Remove(ctx, entry) })
	}
	return len(entries)
}

func (k *Keeper) runUnbondings(ctx context.Context, budget int) int {
	type entry = collections.Triple[int64, sdk.AccAddress, uint64]
	entries, err := due(ctx, k.UnbondingQueue, budget, func(e entry) int64 { return e.K1() })
	if err != nil {
		sdk.UnwrapSDKContext(ctx).Logger().Error("compute: the queue of unbondings cannot be read", "error", err)
		return 0
	}
	for _, e := range entries {
		k.isolated(ctx, fmt.Sprintf("unbonding/%s/%d", e.K2(), e.K3()),
			func(ctx context.Context) error { return k.completeUnbonding(ctx, e.K2(), e.K3()) },
			func(ctx context.Context) error {
				u, err := k.Unbondings.Get(ctx, collections.Join(e.K2(), e.K3()))
				if err != nil {
					return k.UnbondingQueue.Remove(ctx, e)
				}
				if err := k.removeUnbonding(ctx, e.K2(), u); err != nil {
					return err
				}
				u.CompletesAt = now(ctx) + retrySeconds
				return k.setUnbonding(ctx, e.K2(), u)
			})
	}
	return len(entries)
}
