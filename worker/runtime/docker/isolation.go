package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"github.com/edgematrix/emc/worker/runtime"
)

const (
	// probeTimeout bounds a probe of the isolation.
	probeTimeout = 60 * time.Second
	// probeMemory holds the worker's own program, which is not small.
	probeMemory = 512 << 20
	// maxFacts bounds what a probe may say.
	maxFacts  = 1 << 20
	roleProbe = "probe"
)

// Isolation implements runtime.Runtime. It starts a container exactly as
// hardened as a job's, looks around inside, and judges by what it found there.
func (r *Runtime) Isolation(ctx context.Context) (runtime.Tier, string, error) {
	info, err := r.engine.about(ctx, r.now())
	if err != nil {
		return runtime.TierNone, "", err
	}
	name, err := r.ociRuntime(ctx, info)
	if err != nil {
		return runtime.TierNone, "", err
	}
	return r.measure(ctx, name)
}

func (r *Runtime) measure(ctx context.Context, ociRuntime string) (runtime.Tier, string, error) {
	found, err := r.probe(ctx, ociRuntime)
	if err != nil {
		return runtime.TierNone, "", fmt.Errorf("docker runtime: the isolation cannot be measured: %w", err)
	}
	host, err := os.ReadFile("/proc/version")
	if err != nil {
		return runtime.TierNone, "", err
	}
	tier, words, err := found.tier(string(host))
	if err != nil {
		return runtime.TierNone, "", fmt.Errorf("docker runtime: a container of the runtime %q does not isolate: %w", ociRuntime, err)
	}
	if ociRuntime != "" {
		words += " (" + ociRuntime + ")"
	}
	return tier, words, nil
}

// sandboxFor says what a task can run in, or why it cannot.
func (r *Runtime) sandboxFor(ctx context.Context, t runtime.Task) (sandbox, error) {
	info, err := r.engine.about(ctx, r.now())
	if err != nil {
		return sandbox{}, err
	}
	if need := memoryBytes(t.Limits); info.MemTotal > 0 && need > info.MemTotal {
		return sandbox{}, fmt.Errorf("the job needs %d bytes of memory for itself and for /out, which is kept in memory, and this machine has %d", need, info.MemTotal)
	}
	box := sandbox{cpus: info.NCPU, mapsUsers: slices.Contains(info.SecurityOptions, "name=userns")}
	if _, ok := info.Runtimes["runc"]; ok {
		box.holderRuntime = "runc"
	}
	if box.runtime, err = r.ociRuntime(ctx, info); err != nil {
		return sandbox{}, err
	}
	if t.Egress {
		box.helper, err = r.helperFile()
	}
	return box, err
}

// ociRuntime is the configured OCI runtime, or the strongest that works. The
// answer holds for the Engine that gave it.
func (r *Runtime) ociRuntime(ctx context.Context, info system.Info) (string, error) {
	if name := r.config.Runtime; name != "" {
		if _, ok := info.Runtimes[name]; !ok {
			return "", fmt.Errorf("docker runtime: the Engine has no runtime %q, it has %s; change docker.runtime, or add it to the Engine", name, strings.Join(sortedKeys(info.Runtimes), ", "))
		}
		return name, nil
	}
	names := candidates(info)
	key := info.ID + " " + info.ServerVersion + " " + strings.Join(names, " ")
	r.mu.Lock()
	chosen, by := r.chosen, r.chosenBy
	r.mu.Unlock()
	if by == key {
		return chosen, nil
	}
	for _, name := range names {
		if !strong(name) {
			chosen = name
			break
		}
		if _, _, err := r.measure(ctx, name); err != nil {
			if ctx.Err() != nil {
				return "", ctx.Err()
			}
			r.config.Logger.Warn("a stronger runtime of the Engine does not work and is not used", "runtime", name, "error", err)
			continue
		}
		chosen = name
		break
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chosen, r.chosenBy = chosen, key
	return chosen, nil
}

// candidates are the runtimes to try, strongest first. The last is the Engine's
// default if it has no runc: whatever it is, Isolation measures it.
func candidates(info system.Info) []string {
	var names []string
	for _, is := range []func(string) bool{isKata, isGVisor} {
		for _, name := range sortedKeys(info.Runtimes) {
			if is(name) {
				names = append(names, name)
			}
		}
	}
	if _, ok := info.Runtimes["runc"]; ok {
		return append(names, "runc")
	}
	return append(names, "")
}

func isKata(name string) bool   { return strings.Contains(name, "kata") }
func isGVisor(name string) bool { return strings.Contains(name, "runsc") }
func strong(name string) bool   { return isKata(name) || isGVisor(name) }

// probe runs the helper program in a container and returns what it saw.
func (r *Runtime) probe(ctx context.Context, ociRuntime string) (facts, error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	helper, err := r.helperFile()
	if err != nil {
		return facts{}, err
	}
	imageID, err := r.images.holderImage(ctx)
	if err != nil {
		return facts{}, err
	}
	id := newRunID()
	r.begun(id)
	defer r.ended(id)
	host := hardened(ociRuntime, probeMemory, oneCPU, pidsLimit)
	host.Mounts = []mount.Mount{readOnly(helper, helperPath)}
	config := plain(imageID, r.labels(id, "isolation", roleProbe))
	config.AttachStdout, config.AttachStderr = true, true
	config.Entrypoint = []string{helperPath}
	config.Cmd = append(slices.Clone(r.config.ChildArgs), childProbe)
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanTimeout)
		defer cancel()
		if err := r.remove(clean, id); err != nil {
			r.config.Logger.Warn("a probe is left behind; it is removed later", "run", id, "error", err)
		}
	}()
	text, err := r.output(ctx, client.ContainerCreateOptions{Name: id.job(), Config: config, HostConfig: host})
	if err != nil {
		return facts{}, err
	}
	var f facts
	if err := json.Unmarshal(text, &f); err != nil {
		return facts{}, fmt.Errorf("the probe said %.300q: %w", text, err)
	}
	return f, nil
}

// output runs a container of our own program to its end and returns what it
// wrote.
func (r *Runtime) output(ctx context.Context, spec client.ContainerCreateOptions) ([]byte, error) {
	api := r.engine.api
	if _, err := api.ContainerCreate(ctx, spec); err != nil {
		return nil, err
	}
	attached, err := api.ContainerAttach(ctx, spec.Name, client.ContainerAttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return nil, err
	}
	defer attached.Close()
	stop := context.AfterFunc(ctx, attached.Close)
	defer stop()
	if _, err := api.ContainerStart(ctx, spec.Name, client.ContainerStartOptions{}); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	log := &logWriter{w: &text, left: maxFacts}
	log.copyFrom(attached.Reader)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	code, err := r.exitCode(ctx, spec.Name)
	if err == nil && code != 0 {
		err = fmt.Errorf("the probe ended with code %d: %.300q", code, text.String())
	}
	return text.Bytes(), err
}

func (r *Runtime) exitCode(ctx context.Context, name string) (int, error) {
	wait := r.engine.api.ContainerWait(ctx, name, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case <-wait.Result:
	case err := <-wait.Error:
		return 0, err
	}
	found, err := r.engine.api.ContainerInspect(ctx, name, client.ContainerInspectOptions{})
	if err != nil {
		return 0, err
	}
	if found.Container.State == nil {
		return 0, errors.New("the Engine knows no state of the probe")
	}
	return found.Container.State.ExitCode, nil
}
