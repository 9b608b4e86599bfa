package docker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/edgematrix/emc/worker/runtime"
)

// Name is the name under which apps ask for this runtime.
const Name = "docker"

const (
	// maxAttempts bounds how often a job is started again after the Engine went
	// away: one that takes the Engine down each time shall not do it for ever.
	maxAttempts = 5
	// cleanTimeout bounds the removal of what a run made.
	cleanTimeout = 60 * time.Second
)

// Runtime runs each task in a container of its own.
type Runtime struct {
	config Config
	engine *engine
	images *images
	now    func() time.Time
	gate   runtime.Gate // programs begin through it

	mu       sync.Mutex
	live     map[runID]bool // what this process runs: Sweep leaves it alone
	helper   string         // the installed copy of the helper program
	chosen   string         // the OCI runtime that works
	chosenBy string         // and the Engine that it was tried on
}

var (
	_ runtime.Runtime = (*Runtime)(nil)
	_ runtime.Sweeper = (*Runtime)(nil)
	_ runtime.Server  = (*Runtime)(nil)
)

// New returns a Runtime. It starts nothing and asks the Engine nothing; Check
// says whether it will work.
func New(c Config) (*Runtime, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	e, err := newEngine(c.Host)
	if err != nil {
		return nil, err
	}
	now := time.Now
	return &Runtime{config: c, engine: e, images: newImages(e, c, now), now: now, live: map[runID]bool{}}, nil
}

// Name implements runtime.Runtime.
func (*Runtime) Name() string { return Name }

// Run implements runtime.Runtime. The limit on duration includes bringing the
// image into the Engine; Prepare does that ahead of the first job. When the
// Engine goes away in the middle, Run waits for it and starts the program again
// in the time that is left.
func (r *Runtime) Run(ctx context.Context, t runtime.Task) (runtime.Result, error) {
	begin := time.Now()
	if err := validate(t, runtime.Validate); err != nil {
		return internalResult("the task breaks the rules"), err
	}
	if ctx.Err() != nil {
		return killedResult(), nil
	}
	j, err := r.newJob(t, begin.Add(t.Limits.Duration))
	if err != nil {
		return internalResult("its scratch directory cannot be made"), err
	}
	defer j.close()
	result, err := j.run(ctx)
	result.Wall = time.Since(begin)
	result.CPU, result.PeakMemory, _ = j.usage.read()
	return result, err
}

// validate adds to the rules of all runtimes that inputs and outputs are small
// enough to count.
func validate(t runtime.Task, rules func(runtime.Task) error) error {
	if err := rules(t); err != nil {
		return err
	}
	const most = 1 << 50
	if t.Limits.MemoryBytes > most || t.Limits.OutputBytes > most || t.Limits.OutputFiles > 1<<30 {
		return fmt.Errorf("%w: limits of more than %d bytes, or %d files, cannot be kept", runtime.ErrInvalid, int64(most), 1<<30)
	}
	return nil
}

// Prepare brings an archive's image into the Engine, so that its first job does
// not wait for it. The artifact is an absolute path, the digest 64 lower-case
// hex digits. An error of the image itself says what its author can do.
func (r *Runtime) Prepare(ctx context.Context, artifact, sha256 string) error {
	return r.prepare(ctx, runtime.Task{Artifact: artifact, ArtifactSHA256: sha256})
}

// PrepareImage is Prepare for an image in a registry, by the digest of its
// manifest.
func (r *Runtime) PrepareImage(ctx context.Context, repository, sha256 string) error {
	return r.prepare(ctx, runtime.Task{Image: repository, ArtifactSHA256: sha256})
}

func (r *Runtime) prepare(ctx context.Context, t runtime.Task) error {
	t.ID, t.OutputDir = "prepare", "/unused/out"
	t.Limits = runtime.Limits{Duration: 1, MemoryBytes: 1, OutputBytes: 1, OutputFiles: 1, LogBytes: 1}
	if err := runtime.Validate(t); err != nil {
		return err
	}
	if _, err := r.engine.about(ctx, r.now()); err != nil {
		return err
	}
	_, release, err := r.images.ensure(ctx, t)
	if err != nil {
		return fmt.Errorf("docker runtime: %w", err)
	}
	release()
	return nil
}

func internalResult(what string) runtime.Result {
	return runtime.Result{Reason: runtime.ReasonInternal, ExitCode: -1, Message: "the worker could not run the job: " + what}
}

func killedResult() runtime.Result {
	return runtime.Result{Reason: runtime.ReasonKilled, ExitCode: -1, Message: "the job was cancelled"}
}

func deadlineResult(l runtime.Limits) runtime.Result {
	return runtime.Result{
		Reason: runtime.ReasonDeadline, ExitCode: -1,
		Message: fmt.Sprintf("the program was still running when its time limit of %s ended", l.Duration),
	}
}

// begun and ended keep the set of runs that live.
func (r *Runtime) begun(id runID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live[id] = true
}

func (r *Runtime) ended(id runID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.live, id)
}

func (r *Runtime) lives(id runID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live[id]
}

// helperFile installs the helper program at its first use.
func (r *Runtime) helperFile() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.helper == "" {
		path, err := installHelper(r.config.Executable, r.config.StateDir)
		if err != nil {
			return "", err
		}
		r.helper = path
	}
	return r.helper, nil
}

// asCustomer tells an error that the customer has to mend.
func asCustomer(err error) (customerError, bool) {
	var c customerError
	return c, errors.As(err, &c)
}
