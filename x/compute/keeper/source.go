package keeper

import (
	"context"
	"fmt"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/compute/types"
)

// A job may have its slot and power out of a promise that the node has made to
// somebody else, a socket's say. They change from that promise to the job's own
// and back: the node's totals stay, and nothing that is free is touched.

// source loads the promise that a job is to have its slot out of; nil is none.
func (k *Keeper) source(ctx context.Context, job types.Job) (*types.Reservation, error) {
	if job.Source == "" {
		return nil, nil
	}
	addr, err := address("node", job.WantedNode, types.ErrInvalidNode)
	if err != nil {
		return nil, err
	}
	r, known, err := k.Reservation(ctx, addr, job.Source)
	if err == nil && !known {
		err = errorsmod.Wrapf(types.ErrNoNodeFits, "node %s has promised nothing under %s", job.WantedNode, job.Source)
	}
	return &r, err
}

// lend takes one slot and its share of power out of a promise that has one left,
// and puts it into the job's.
func (k *Keeper) lend(ctx context.Context, addr sdk.AccAddress, source types.Reservation, job string) error {
	r := types.Reservation{Node: source.Node, Promise: types.JobPromise(job), Slots: 1, Power: source.Share(), Stake: math.ZeroInt()}
	source.Slots, source.Power, source.Jobs = source.Slots-r.Slots, source.Power-r.Power, source.Jobs+1
	if err := k.Reservations.Set(ctx, collections.Join(addr, source.Promise), source); err != nil {
		return err
	}
	return k.Reservations.Set(ctx, collections.Join(addr, r.Promise), r)
}

// giveBack returns what a job had out of a promise, and reports whether it did:
// where the promise has ended meanwhile, or none was, the caller releases the
// job's own. A promise of that name that was made later has lent nothing.
func (k *Keeper) giveBack(ctx context.Context, addr sdk.AccAddress, job types.Job) (bool, error) {
	if job.Source == "" {
		return false, nil
	}
	source, _, err := k.Reservation(ctx, addr, job.Source)
	if err != nil || source.Jobs == 0 {
		return false, err
	}
	own := collections.Join(addr, types.JobPromise(job.Id))
	r, err := k.Reservations.Get(ctx, own)
	if err != nil {
		return false, errorsmod.Wrapf(err, "reservation of job %s on node %s", job.Id, job.Node)
	}
	source.Slots, source.Power, source.Jobs = source.Slots+r.Slots, source.Power+r.Power, source.Jobs-1
	if err := k.Reservations.Set(ctx, collections.Join(addr, job.Source), source); err != nil {
		return false, err
	}
	return true, k.Reservations.Remove(ctx, own)
}

// checkSources: no promise has lent to more jobs than are live out of it. There
// may be more: jobs of a promise of that name that has ended.
func (k *Keeper) checkSources(ctx context.Context) error {
	type promise struct{ node, name string }
	live := map[promise]uint32{}
	err := k.Jobs.Walk(ctx, nil, func(_ string, j types.Job) (bool, error) {
		if j.Live() && j.Source != "" {
			live[promise{j.Node, j.Source}]++
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return k.Reservations.Walk(ctx, nil, func(_ collections.Pair[sdk.AccAddress, string], r types.Reservation) (bool, error) {
		if jobs := live[promise{r.Node, r.Promise}]; r.Jobs > jobs {
			return true, fmt.Errorf("promise %s of node %s has lent to %d jobs, %d are live", r.Promise, r.Node, r.Jobs, jobs)
		}
		return false, nil
	})
}
