package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/worker/runtime"
)

const (
	// killTimeout is how long a container may take to die.
	killTimeout = 60 * time.Second
	// logTimeout is how long the end of a log may take after the program's.
	logTimeout = 30 * time.Second
	// oomTimeout is how long to wait for word that the kernel killed a program
	// for its memory: it may come after that of its end.
	oomTimeout = 5 * time.Second
)

// sandbox is what an Engine offers to run a job in.
type sandbox struct {
	runtime string // the OCI runtime's name, empty for the Engine's default
	// holderRuntime is for the holder, which needs no strong one.
	holderRuntime string
	mapsUsers     bool // container users are others on the host
	cpus          int
	helper        string // the helper program, for tasks with egress
}

// attempt runs the program once. An error means that it did not come to an end
// of its own, nor to one of the task's limits.
func (j *job) attempt(ctx, limited context.Context) (runtime.Result, error) {
	// The making of an image takes the machine, too: not while it is needed whole.
	leave, err := j.r.gate.Enter(limited)
	if err != nil {
		return runtime.Result{}, err
	}
	leave()
	box, err := j.r.sandboxFor(limited, j.task)
	if err != nil {
		return runtime.Result{}, err
	}
	if err := j.r.clear(limited, j.task.ID); err != nil {
		return runtime.Result{}, err
	}
	img, release, err := j.r.images.ensure(limited, j.task)
	if err != nil {
		return runtime.Result{}, err
	}
	defer release()
	holder, err := j.r.images.holderImage(limited)
	if err != nil {
		return runtime.Result{}, err
	}
	if j.task.Egress {
		way, err := j.r.openEgress(j.scratch)
		if err != nil {
			return runtime.Result{}, err
		}
		defer way.Close()
	}
	id := j.id
	if len(j.attempts) > 0 {
		id = newRunID()
		j.r.begun(id)
	}
	j.attempts = append(j.attempts, id)
	if err := j.create(limited, id, img, holder, box); err != nil {
		return runtime.Result{}, err
	}
	killed, err := j.supervise(ctx, limited, id)
	if err != nil {
		return runtime.Result{}, err
	}
	// The time limit is the program's; what follows is the worker's.
	state, err := j.verdict(ctx, id, killed)
	if err != nil {
		return runtime.Result{}, err
	}
	if killed == runtime.ReasonKilled {
		return killedResult(), nil
	}
	if j.service != nil {
		return j.judge(killed, state), nil
	}
	return j.deliver(ctx, id, j.judge(killed, state))
}

// create makes the volume, its holder, and the job's container beside it.
func (j *job) create(ctx context.Context, id runID, img loadedImage, holderImage string, box sandbox) error {
	job, err := j.r.jobSpec(id, j.task, img, j.scratch, box)
	if err != nil {
		return err
	}
	j.service.open(job.Config)
	api := j.r.engine.api
	// An Engine finishes what it began, also when nobody waits for the answer: the
	// calls are not cut short, lest something appears after the cleaning up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if _, err := api.VolumeCreate(ctx, j.r.outVolume(id, j.task)); err != nil {
		return fmt.Errorf("the volume for outputs cannot be made: %w", err)
	}
	var group errgroup.Group
	group.Go(func() error {
		if _, err := api.ContainerCreate(ctx, j.r.holderSpec(id, j.task, holderImage, box)); err != nil {
			return fmt.Errorf("the holder of outputs cannot be made: %w", err)
		}
		if _, err := api.ContainerStart(ctx, id.holder(), client.ContainerStartOptions{}); err != nil {
			return fmt.Errorf("the holder of outputs cannot be started: %w", err)
		}
		return nil
	})
	group.Go(func() error {
		if _, err := api.ContainerCreate(ctx, job); err != nil {
			return fmt.Errorf("the container cannot be made: %w", err)
		}
		return nil
	})
	return group.Wait()
}

// supervise starts the program and returns when it is dead: of itself, or with
// the reason for which it was killed.
func (j *job) supervise(ctx, limited context.Context, id runID) (killed runtime.Reason, err error) {
	api := j.r.engine.api
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	var group errgroup.Group
	defer func() {
		stop()
		j.service.closeEnds()
		// Its functions return no error.
		_ = group.Wait()
	}()
	attached, err := api.ContainerAttach(limited, id.job(), client.ContainerAttachOptions{Stream: true, Stdin: j.service != nil, Stdout: true, Stderr: true})
	if err != nil {
		return "", err
	}
	logEnded := make(chan struct{})
	group.Go(func() error {
		defer close(logEnded)
		if j.service != nil {
			j.service.read(attached.Reader, j.log)
		} else {
			j.log.copyFrom(attached.Reader)
		}
		// The Engine throws away what nobody reads.
		attached.Close()
		return nil
	})
	defer attached.Close() // with its connection, the log's reader ends
	exited := make(chan error, 1)
	registered := api.ContainerWait(watching, id.job(), client.ContainerWaitOptions{Condition: container.WaitConditionNextExit})
	group.Go(func() error {
		select {
		case <-registered.Result:
			exited <- nil
		case err := <-registered.Error:
			exited <- err
		case <-watching.Done():
		}
		return nil
	})

	leave, err := j.r.gate.Enter(limited)
	if err != nil {
		return "", err
	}
	starting, cancel := context.WithTimeout(watching, callTimeout)
	_, err = api.ContainerStart(starting, id.job(), client.ContainerStartOptions{})
	cancel()
	leave()
	if err != nil {
		return "", j.notStarted(ctx, id, err)
	}
	group.Go(func() error { j.usage.watch(watching, api, id.job()); return nil })

	if j.service != nil {
		group.Go(func() error { j.service.write(attached.HijackedResponse); return nil })
	}
	select {
	case err := <-exited:
		if err != nil {
			return "", fmt.Errorf("%w: %w", errEngineLost, err)
		}
	case <-limited.Done():
		killed = runtime.ReasonDeadline
		if ctx.Err() != nil {
			killed = runtime.ReasonKilled
		}
		j.usage.sample(watching, api, id.job())
		if err := j.kill(watching, id, exited); err != nil {
			return "", err
		}
	}
	// What a service said before it ended is brought to the caller, as long as he wants it.
	if killed != "" {
		j.service.closeEnds()
	}
	defer context.AfterFunc(ctx, j.service.closeEnds)()
	late := time.NewTimer(logTimeout)
	defer late.Stop()
	select {
	case <-logEnded:
	case <-late.C:
		j.r.config.Logger.Warn("the end of a program's log did not arrive", "task", j.task.ID)
	}
	return killed, nil
}

// kill ends the container's processes and returns when they are gone.
func (j *job) kill(ctx context.Context, id runID, exited <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, killTimeout)
	defer cancel()
	_, err := j.r.engine.api.ContainerKill(ctx, id.job(), client.ContainerKillOptions{Signal: "SIGKILL"})
	// A conflict: it ended by itself a moment ago.
	if err != nil && !cerrdefs.IsConflict(err) && !cerrdefs.IsNotFound(err) {
		return err
	}
	select {
	case err := <-exited:
		if err != nil {
			return fmt.Errorf("%w: %w", errEngineLost, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the container did not end within %s of its SIGKILL; look for processes in state D and at the Engine's log", killTimeout)
	}
}

// notStarted tells an image's mistake from an Engine's.
func (j *job) notStarted(ctx context.Context, id runID, err error) error {
	found, inspecting := j.r.engine.api.ContainerInspect(ctx, id.job(), client.ContainerInspectOptions{})
	if inspecting != nil || found.Container.State == nil {
		return err
	}
	code, text := found.Container.State.ExitCode, err.Error()
	switch {
	case strings.Contains(text, "not a directory"):
		return customerError{"the image has something else where a job needs directories; leave out what it has at " +
			strings.Join([]string{runtime.InDir, runtime.OutDir, tmpDir}, ", ") + " and at its volumes, or make them directories"}
	case code == 126 && strings.Contains(text, "exec"):
		return customerError{fmt.Sprintf("%q in the image cannot be executed; make it an executable file for linux on this processor (chmod +x, and an interpreter that is in the image)", found.Container.Path)}
	case code == 127 && strings.Contains(text, "exec:"):
		return customerError{fmt.Sprintf("%q is not in the image, or its interpreter is not; look at ENTRYPOINT and CMD", found.Container.Path)}
	}
	return err
}

// verdict returns how the program ended, when it can be believed: an Engine that
// is being shut down kills containers and says that they exited.
func (j *job) verdict(ctx context.Context, id runID, killed runtime.Reason) (*container.State, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	if err := j.r.engine.alive(ctx); err != nil {
		return nil, fmt.Errorf("%w: %w", errEngineLost, err)
	}
	holder, err := j.r.engine.api.ContainerInspect(ctx, id.holder(), client.ContainerInspectOptions{})
	if err != nil {
		return nil, err
	}
	if holder.Container.State == nil || !holder.Container.State.Running {
		return nil, fmt.Errorf("%w: the container that holds the outputs was ended", errEngineLost)
	}
	for begin := time.Now(); ; {
		job, err := j.r.engine.api.ContainerInspect(ctx, id.job(), client.ContainerInspectOptions{})
		if err != nil {
			return nil, err
		}
		state := job.Container.State
		if state == nil || state.Running {
			return nil, errors.New("the container ended, and the Engine says that it runs")
		}
		if state.OOMKilled || killed != "" || state.ExitCode != 137 {
			return state, nil
		}
		if time.Since(begin) > oomTimeout {
			state.OOMKilled = endedForMemory(*state, j.oomKills, oomKills())
			return state, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// judge says what a program's end means, as far as its outputs do not tell.
func (j *job) judge(killed runtime.Reason, s *container.State) runtime.Result {
	l := j.task.Limits
	switch {
	case killed == runtime.ReasonDeadline:
		return deadlineResult(l)
	case s.OOMKilled && s.ExitCode != 0:
		return runtime.Result{
			Reason: runtime.ReasonMemory, ExitCode: s.ExitCode,
			Message: fmt.Sprintf("the program needed more memory than its limit of %d bytes allows; files in /tmp and /dev/shm count as memory", l.MemoryBytes),
		}
	}
	result := runtime.Result{Reason: runtime.ReasonExited, ExitCode: s.ExitCode}
	if s.ExitCode > 128 && s.ExitCode < 128+65 {
		result.Message = fmt.Sprintf("the program was ended by signal %d", s.ExitCode-128)
	}
	if _, _, pids := j.usage.read(); pids && s.ExitCode != 0 {
		result.Message = fmt.Sprintf("the program failed when it had %d processes and threads, the most that a job may have", pidsLimit)
	}
	return result
}

// deliver takes the outputs out of the holder and puts them into their place.
func (j *job) deliver(ctx context.Context, id runID, result runtime.Result) (runtime.Result, error) {
	reply, err := j.r.engine.api.CopyFromContainer(ctx, id.holder(), client.CopyFromContainerOptions{SourcePath: runtime.OutDir})
	if err != nil {
		return runtime.Result{}, fmt.Errorf("the outputs cannot be taken out: %w", err)
	}
	defer reply.Content.Close()
	found, err := collect(ctx, reply.Content, j.scratch.outputs, j.task.Limits)
	if err != nil {
		return runtime.Result{}, fmt.Errorf("the outputs cannot be taken out: %w", err)
	}
	if found.past != "" && result.Reason == runtime.ReasonExited {
		result = runtime.Result{Reason: runtime.ReasonOutput, ExitCode: -1, Message: found.past}
	}
	if words := found.words(); words != "" {
		if result.Message != "" {
			result.Message += "; "
		}
		result.Message += words
	}
	result.Outputs, err = j.scratch.publish(found.files, j.task.OutputDir)
	return result, err
}

// remove takes away what an attempt made. The volume can go when nobody uses it.
func (r *Runtime) remove(ctx context.Context, id runID) error {
	var group errgroup.Group
	for _, name := range []string{id.job(), id.holder()} {
		group.Go(func() error {
			return r.removeContainer(ctx, name)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	_, err := r.engine.api.VolumeRemove(ctx, id.volume(), client.VolumeRemoveOptions{})
	return gone(err)
}

// removeContainer ends a container and removes it. For a moment the Engine
// refuses, when the program ends just then or somebody else removes it, too.
func (r *Runtime) removeContainer(ctx context.Context, name string) error {
	const tries, pause = 30, 100 * time.Millisecond
	for n := 1; ; n++ {
		_, err := r.engine.api.ContainerRemove(ctx, name, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		if err = gone(err); err == nil || n == tries || client.IsErrConnectionFailed(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

// gone takes it for success that something is not there, or just going.
func gone(err error) error {
	if cerrdefs.IsNotFound(err) {
		return nil
	}
	return err
}
