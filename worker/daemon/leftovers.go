package daemon

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/edgematrix/emc/worker/runtime"
)

// LeftoverGrace is how old a container of a dead worker must be to be removed:
// long enough for a person to look at it.
const LeftoverGrace = 10 * time.Minute

// sweepRuntimes removes what earlier workers of this node left running, at the
// start and then now and again. This worker holds the home's lock: whatever it
// does not run itself is nobody's.
func (d *Daemon) sweepRuntimes(ctx context.Context) error {
	tick := time.NewTicker(LeftoverGrace / 2)
	defer tick.Stop()
	for {
		left, err := Leftovers(ctx, d.opts.Runtimes, runtime.SweepOptions{Grace: LeftoverGrace})
		if err != nil && ctx.Err() == nil {
			d.log.Warn("what earlier workers left behind cannot be looked at; trying again", "error", err)
		}
		for _, l := range left {
			if l.Removed {
				d.log.Info("removed what an earlier worker left behind", "kind", l.Kind, "name", l.Name, "task", l.Task, "age", l.Age.Round(time.Second))
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Leftovers sweeps every runtime that can leave something behind.
func Leftovers(ctx context.Context, all map[string]runtime.Runtime, o runtime.SweepOptions) ([]runtime.Leftover, error) {
	var out []runtime.Leftover
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if s, ok := all[name].(runtime.Sweeper); ok {
			left, err := s.Sweep(ctx, o)
			out, errs = append(out, left...), append(errs, err)
		}
	}
	return out, errors.Join(errs...)
}
