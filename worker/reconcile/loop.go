package reconcile

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/worker/jobstore"
	"github.com/edgematrix/emc/worker/runtime"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Chain is what the loop reads. *chainclient.Client has it.
type Chain interface {
	NodeJobs(ctx context.Context, node string) ([]computetypes.Job, error)
	Job(ctx context.Context, id string) (computetypes.Job, error)
}

// Store is what the loop keeps. *jobstore.Store has it.
type Store interface {
	Jobs() []jobstore.Job
	Spec(id string) (job.Spec, error)
	Begin(id string) (runtime.Task, error)
	Finish(id string, run runtime.Result) (jobstore.Outcome, error)
	Outcome(id string) (jobstore.Outcome, error)
	Discard(id, reason string) error
	Accepted(id string) error
}

// Queue takes messages to the chain, each key once for all time.
type Queue interface {
	Put(key string, msg sdk.Msg) (added bool, err error)
	Waiting() (map[string]bool, error)
	// Wake has what was put sent, together.
	Wake()
}

// Config is what a Loop needs.
type Config struct {
	Node     string
	ChainID  string
	Chain    Chain
	Store    Store
	Queue    Queue
	Runtimes map[string]runtime.Runtime
	// Rules are the chain's parameters, and Slots how many runs may be alive.
	Rules func() computetypes.Params
	Slots func() int
	// SlotMemory is the memory that one slot has, in bytes; 0 is unknown.
	SlotMemory func() int64
	// SlotCPUs are the processors that one slot has; nil is one.
	SlotCPUs func() float64
	// Isolation is the tier that was measured on this machine.
	Isolation runtime.Tier
	// Egress is set when jobs may be given a way to the internet.
	Egress bool
	// Now is the chain's time, as well as it is known.
	Now    func() time.Time
	Logger *slog.Logger
	// Hold is set while no run is to begin: it would be frozen at once, and its time
	// would go on. It may be nil.
	Hold func() bool
	// Ended is told of each run that ended by itself. It may be nil.
	Ended func(r runtime.Result)
	// Closed is told of each job of this node that the chain has closed, before
	// it is settled here, possibly more than once. It may be nil.
	Closed func(j computetypes.Job) error
}

// Loop carries out what Decide says.
type Loop struct {
	cfg  Config
	wake chan struct{}

	mu      sync.Mutex
	runs    map[string]*run
	settled map[string]bool // ended jobs about which the chain need not be asked again
	known   map[string]bool // jobs that the chain had on this node in the last pass
	group   sync.WaitGroup
}

// New returns a loop. Run makes it work.
func New(cfg Config) *Loop {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Loop{cfg: cfg, wake: make(chan struct{}, 1), runs: map[string]*run{}, settled: map[string]bool{}, known: map[string]bool{}}
}

// Wake has the loop compare again soon.
func (l *Loop) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Running are the jobs that run now.
func (l *Loop) Running() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]string, 0, len(l.runs))
	for id := range l.runs {
		out = append(out, id)
	}
	return out
}

// Run compares at every wake-up until ctx ends, and then waits for the runs,
// which end with it: a job that was running is done again after the restart.
func (l *Loop) Run(ctx context.Context) error {
	defer l.group.Wait()
	var last error
	for {
		err := l.Pass(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil && (last == nil || last.Error() != err.Error()) {
			l.cfg.Logger.Warn("the jobs could not be compared with the chain; trying again", "error", err)
		}
		last = err
		retry := time.NewTimer(10 * time.Second)
		select {
		case <-ctx.Done():
		case <-l.wake:
		case <-retry.C:
		}
		retry.Stop()
	}
}

// Pass compares once and does what follows from it.
func (l *Loop) Pass(ctx context.Context) error {
	onChain, err := l.cfg.Chain.NodeJobs(ctx, l.cfg.Node)
	if err != nil {
		return err
	}
	waiting, err := l.cfg.Queue.Waiting()
	if err != nil {
		return err
	}
	stored := map[string]jobstore.Job{}
	for _, s := range l.cfg.Store.Jobs() {
		stored[s.ID] = s
	}
	seen := map[string]bool{}
	busy := l.busy(onChain, waiting)
	var errs []error
	for i := range onChain {
		j := &onChain[i]
		seen[j.Id] = true
		v := l.view(j.Id, j, stored[j.Id], waiting)
		others := len(busy)
		if busy[j.Id] {
			others--
		}
		v.FreeSlot = others < l.cfg.Slots()
		d := Decide(v)
		if has(d, SayStart) || has(d, Run) {
			busy[j.Id] = true
		}
		errs = append(errs, l.carryOut(ctx, j.Id, j, d))
	}
	gone := map[string]bool{}
	for id := range stored {
		gone[id] = true
	}
	for id := range l.known {
		gone[id] = true
	}
	for id := range gone {
		if !seen[id] && !l.settled[id] {
			if err := l.left(ctx, id, stored[id], waiting); err != nil {
				errs = append(errs, err)
				seen[id] = true // asked again in the next pass
			}
		}
	}
	for id := range l.settled {
		if _, ok := stored[id]; !ok {
			delete(l.settled, id)
		}
	}
	l.known = seen
	return errors.Join(errs...)
}

// left looks at a job that holds no slot of this node any more: finished and
// not yet paid, closed, or passed on.
func (l *Loop) left(ctx context.Context, id string, s jobstore.Job, waiting map[string]bool) error {
	var state *computetypes.Job
	switch j, err := l.cfg.Chain.Job(ctx, id); {
	case err == nil:
		state = &j
	case !errors.Is(err, chainclient.ErrNotFound):
		return err
	}
	if state != nil && state.Closed() && state.Node == l.cfg.Node && l.cfg.Closed != nil {
		if err := l.cfg.Closed(*state); err != nil {
			return err
		}
	}
	d := Decide(l.view(id, state, s, waiting))
	if len(d.Actions) == 0 {
		// Until it is closed, the payment is still to come: look again.
		l.settled[id] = state == nil || state.Closed() || state.Node != l.cfg.Node
		return nil
	}
	return l.carryOut(ctx, id, state, d)
}

// busy are the jobs that hold a slot, or are about to.
func (l *Loop) busy(onChain []computetypes.Job, waiting map[string]bool) map[string]bool {
	out := map[string]bool{}
	for _, id := range l.Running() {
		out[id] = true
	}
	for _, j := range onChain {
		started := j.Status == computetypes.JOB_STATUS_RUNNING && !waiting[key(receiptKey, j.Id)]
		if started || waiting[key(startKey, j.Id)] {
			out[j.Id] = true
		}
	}
	return out
}

func (l *Loop) view(id string, j *computetypes.Job, s jobstore.Job, waiting map[string]bool) View {
	l.mu.Lock()
	_, running := l.runs[id]
	l.mu.Unlock()
	v := View{
		Node: l.cfg.Node, Job: j, Params: l.cfg.Rules(), Now: l.cfg.Now(),
		Local: Local{Phase: s.Phase, Running: running, Accepted: !s.AcceptedAt.IsZero()},
		Queued: Queued{
			Waiting: waiting[key(waitingKey, id)], Received: waiting[key(receivedKey, id)], Start: waiting[key(startKey, id)],
			Decline: waiting[key(declineKey, id)], Receipt: waiting[key(receiptKey, id)],
		},
	}
	if j != nil && !running && !finished(s.Phase) {
		v.Local.Refusal = l.refusal(j, s)
	}
	return v
}
