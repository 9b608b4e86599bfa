package docker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/edgematrix/emc/worker/runtime"
)

var _ runtime.Freezer = (*Runtime)(nil)

// Freeze implements runtime.Freezer: it pauses the containers of this node's
// jobs, which the Engine does by their control group. Holders only wait.
func (r *Runtime) Freeze(ctx context.Context) error {
	err := r.gate.Shut(ctx)
	return errors.Join(err, r.each(ctx, container.StateRunning, func(id string) error {
		_, err := r.engine.api.ContainerPause(ctx, id, client.ContainerPauseOptions{})
		return err
	}))
}

// Thaw implements runtime.Freezer. It looks at the labels rather than at what
// this process has paused: an earlier one may have been killed before it thawed.
func (r *Runtime) Thaw(ctx context.Context) error {
	err := r.each(ctx, container.StatePaused, func(id string) error {
		_, err := r.engine.api.ContainerUnpause(ctx, id, client.ContainerUnpauseOptions{})
		return err
	})
	r.gate.Open()
	return err
}

// each does something at once to all containers of this node's jobs that are in
// a state.
func (r *Runtime) each(ctx context.Context, state container.ContainerState, do func(id string) error) error {
	list, err := r.engine.api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ownFilter(r.config.Owner)})
	if err != nil {
		return r.engine.explain(err)
	}
	var group sync.WaitGroup
	errs := make([]error, len(list.Items))
	for i, c := range list.Items {
		// The filter's question again: what is stopped is not left to how an Engine
		// understands a filter.
		if c.State != state || c.Labels[labelOwner] != r.config.Owner || c.Labels[labelRole] != roleJob {
			continue
		}
		group.Go(func() {
			err := do(c.ID)
			// A conflict: it ended, or somebody else did the same, a moment ago.
			if gone(err) != nil && !cerrdefs.IsConflict(err) {
				errs[i] = fmt.Errorf("container %s: %w", runID(c.Labels[labelRun]).job(), err)
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
