package docker

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/edgematrix/emc/worker/runtime"
)

// Sweep implements runtime.Sweeper: it removes the containers and volumes with
// this node's label, and the scratch in its state directory, that no run of this
// process uses; a program among them that still runs is killed at once. It looks at nothing without that label. The error tells of what
// could not be removed; the list is good all the same.
func (r *Runtime) Sweep(ctx context.Context, o runtime.SweepOptions) ([]runtime.Leftover, error) {
	s := &sweep{r: r, o: o, now: r.now()}
	// Containers first: a volume goes when nobody uses it.
	err := s.containers(ctx)
	if err == nil {
		err = s.volumes(ctx)
	}
	if err != nil {
		s.errs = append(s.errs, r.engine.explain(err))
	}
	if err := s.scratch(); err != nil {
		s.errs = append(s.errs, err)
	}
	return s.found, errors.Join(s.errs...)
}

// clear removes at once what an earlier worker left of a task that is about to
// run: its program would take the new one's memory and processor. Whoever runs
// a task again knows that nobody else does.
func (r *Runtime) clear(ctx context.Context, task string) error {
	s := &sweep{r: r, task: task, now: r.now()}
	err := s.containers(ctx)
	if err = errors.Join(append(s.errs, err)...); err != nil {
		return err
	}
	// An Engine may hold a volume until it is started anew. That is no reason to
	// fail a job: Sweep tries again.
	err = s.volumes(ctx)
	if err = errors.Join(append(s.errs, err)...); err != nil {
		r.config.Logger.Warn("an earlier run's volume is left behind; it is removed later", "task", task, "error", err)
	}
	return nil
}

type sweep struct {
	r     *Runtime
	task  string // the only one to look at; empty means every one
	o     runtime.SweepOptions
	now   time.Time
	found []runtime.Leftover
	errs  []error
}

// leftover notes one thing, and removes it when it is time.
func (s *sweep) leftover(kind, name, task string, made time.Time, remove func() error) {
	l := runtime.Leftover{Kind: kind, Name: name, Task: task, Age: s.now.Sub(made)}
	if !s.o.DryRun && l.Age >= s.o.Grace {
		if err := remove(); err != nil {
			s.errs = append(s.errs, err)
		} else {
			l.Removed = true
		}
	}
	s.found = append(s.found, l)
}

// ours repeats the filter's question: what is removed is not left to how an
// Engine understands a filter.
func (s *sweep) ours(labels map[string]string) bool {
	return labels[labelOwner] == s.r.config.Owner && labels[labelRun] != "" && !s.r.lives(runID(labels[labelRun])) &&
		(s.task == "" || labels[labelTask] == s.task)
}

func (s *sweep) containers(ctx context.Context) error {
	api := s.r.engine.api
	list, err := api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: ownFilter(s.r.config.Owner)})
	if err != nil {
		return err
	}
	for _, c := range list.Items {
		if !s.ours(c.Labels) {
			continue
		}
		name := runID(c.Labels[labelRun]).job()
		if c.Labels[labelRole] == roleHolder {
			name = runID(c.Labels[labelRun]).holder()
		}
		if !s.o.DryRun && c.Labels[labelRole] == roleJob &&
			(c.State == container.StateRunning || c.State == container.StatePaused) {
			// Nobody watches its deadline any more. What it leaves can be looked at
			// until the grace is over.
			_, err := api.ContainerKill(ctx, c.ID, client.ContainerKillOptions{Signal: "SIGKILL"})
			if gone(err) != nil && !cerrdefs.IsConflict(err) { // a conflict: it has just ended
				s.errs = append(s.errs, err)
			}
		}
		s.leftover("container", name, c.Labels[labelTask], createdAt(c.Labels), func() error {
			return s.r.removeContainer(ctx, c.ID)
		})
	}
	return nil
}

func (s *sweep) volumes(ctx context.Context) error {
	api := s.r.engine.api
	list, err := api.VolumeList(ctx, client.VolumeListOptions{Filters: ownFilter(s.r.config.Owner)})
	if err != nil {
		return err
	}
	for _, v := range list.Items {
		if s.ours(v.Labels) {
			s.leftover("volume", v.Name, v.Labels[labelTask], createdAt(v.Labels), func() error {
				_, err := api.VolumeRemove(ctx, v.Name, client.VolumeRemoveOptions{})
				return gone(err)
			})
		}
	}
	return nil
}

// scratch removes directories of runs. Outputs that were being collected lie
// beside their jobs, whose owner removes them.
func (s *sweep) scratch() error {
	dir := filepath.Join(s.r.config.StateDir, scratchDir)
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range list {
		info, err := entry.Info()
		if err != nil || s.r.lives(runID(entry.Name())) {
			continue
		}
		s.leftover("directory", entry.Name(), "", info.ModTime(), func() error {
			return os.RemoveAll(filepath.Join(dir, entry.Name()))
		})
	}
	return nil
}
