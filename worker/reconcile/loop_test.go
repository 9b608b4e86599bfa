package reconcile

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/worker/jobstore"
	"github.com/edgematrix/emc/worker/runtime"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// world is a chain, a disk and a queue that outlive a worker.
type world struct {
	mu       sync.Mutex
	jobs     map[string]computetypes.Job
	stored   map[string]jobstore.Job
	memory   int64
	outcomes map[string]jobstore.Outcome
	runs     int
	queue    []string
	messages map[string]sdk.Msg
	waiting  map[string]bool
	closed   []string
}

func newWorld() *world {
	return &world{
		jobs: map[string]computetypes.Job{}, stored: map[string]jobstore.Job{}, outcomes: map[string]jobstore.Outcome{},
		messages: map[string]sdk.Msg{}, waiting: map[string]bool{}, memory: 1 << 20,
	}
}

func (w *world) locked(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) NodeJobs(_ context.Context, node string) (out []computetypes.Job, _ error) {
	w.locked(func() {
		for _, j := range w.jobs {
			if j.Node == node && !j.Closed() {
				out = append(out, j)
			}
		}
	})
	return out, nil
}

func (w *world) Job(_ context.Context, id string) (j computetypes.Job, err error) {
	w.locked(func() {
		var ok bool
		if j, ok = w.jobs[id]; !ok {
			err = chainclient.ErrNotFound
		}
	})
	return j, err
}

func (w *world) Jobs() (out []jobstore.Job) {
	w.locked(func() {
		for _, s := range w.stored {
			out = append(out, s)
		}
	})
	return out
}

func (w *world) Spec(string) (job.Spec, error) {
	return job.Spec{Limits: job.Limits{MemoryBytes: w.memory}}, nil
}

func (w *world) setPhase(id string, p transfer.Phase) {
	s := w.stored[id]
	s.ID, s.Phase = id, p
	w.stored[id] = s
}

func (w *world) Begin(id string) (t runtime.Task, err error) {
	w.locked(func() {
		if _, ok := w.stored[id]; !ok {
			err = jobstore.ErrUnknownJob
			return
		}
		w.runs++
		w.setPhase(id, transfer.PhaseRunning)
	})
	return runtime.Task{ID: id, Limits: runtime.Limits{Duration: time.Hour}}, err
}

func (w *world) Finish(id string, r runtime.Result) (o jobstore.Outcome, err error) {
	w.locked(func() {
		log, _ := job.LogDigest(strings.NewReader(""))
		o.Result = job.Result{
			Version: 1, ChainID: "emc-1", JobID: strings.Repeat("a", 32), Reason: string(r.Reason), ExitCode: int64(r.ExitCode),
			Message: r.Message, LogSHA256: log.String(), WallMillis: r.Wall.Milliseconds(),
		}
		o.Bytes, err = job.MarshalResult(o.Result)
		w.outcomes[id] = o
		w.setPhase(id, transfer.PhaseFinished)
	})
	return o, err
}

func (w *world) Outcome(id string) (o jobstore.Outcome, _ error) {
	w.locked(func() { o = w.outcomes[id] })
	return o, nil
}

func (w *world) Discard(id, _ string) (err error) {
	w.locked(func() {
		if _, ok := w.stored[id]; !ok {
			err = jobstore.ErrUnknownJob
			return
		}
		w.setPhase(id, transfer.PhaseClosed)
	})
	return err
}

func (w *world) Accepted(id string) error {
	w.locked(func() {
		s := w.stored[id]
		s.AcceptedAt = time.Now()
		w.stored[id] = s
	})
	return nil
}

func (w *world) Put(key string, msg sdk.Msg) (added bool, _ error) {
	w.locked(func() {
		if _, ok := w.messages[key]; ok {
			return
		}
		added = true
		w.messages[key], w.waiting[key] = msg, true
		w.queue = append(w.queue, key)
	})
	return added, nil
}

func (w *world) Waiting() (map[string]bool, error) {
	out := map[string]bool{}
	w.locked(func() {
		for k := range w.waiting {
			out[k] = true
		}
	})
	return out, nil
}

func (w *world) Wake() {}

// block lets every waiting message take effect.
func (w *world) block(id string, s computetypes.JobStatus) {
	w.locked(func() {
		w.waiting = map[string]bool{}
		j := w.jobs[id]
		j.Status = s
		w.jobs[id] = j
	})
}

type fakeRuntime struct {
	takes  time.Duration
	result runtime.Result
}

func (fakeRuntime) Name() string                { return "wasm" }
func (fakeRuntime) Check(context.Context) error { return nil }
func (fakeRuntime) Isolation(context.Context) (runtime.Tier, string, error) {
	return runtime.TierUser, "fake", nil
}

func (r fakeRuntime) Run(ctx context.Context, t runtime.Task) (runtime.Result, error) {
	end := r.result
	wait := r.takes
	if wait > t.Limits.Duration {
		wait, end = t.Limits.Duration, runtime.Result{Reason: runtime.ReasonDeadline, ExitCode: -1}
	}
	select {
	case <-time.After(wait):
		return end, nil
	case <-ctx.Done():
		return runtime.Result{Reason: runtime.ReasonKilled, ExitCode: -1}, nil
	}
}

func (w *world) loop(r fakeRuntime) *Loop {
	return New(Config{
		Node: us, ChainID: "emc-1", Chain: w, Store: w, Queue: w, Runtimes: map[string]runtime.Runtime{"wasm": r},
		Rules: computetypes.DefaultParams, Slots: func() int { return 1 }, SlotMemory: func() int64 { return 1 << 30 },
		Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Closed: func(j computetypes.Job) error {
			w.locked(func() { w.closed = append(w.closed, j.Id) })
			return nil
		},
	})
}

func (w *world) add(id string, s computetypes.JobStatus, deadline time.Duration) {
	w.jobs[id] = computetypes.Job{
		Id: id, Node: us, Runtime: "wasm", Status: s, MaxSeconds: 100, Deadline: time.Now().Add(deadline).Unix(),
		Paid: computetypes.Uemc(math.ZeroInt()),
	}
}

var fine = fakeRuntime{takes: 10 * time.Second, result: runtime.Result{Reason: runtime.ReasonExited}}

func TestLifeOfAJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("j", computetypes.JOB_STATUS_SCHEDULED, time.Minute)
		l := w.loop(fine)
		pass := func() { require.NoError(t, l.Pass(t.Context())) }
		pass()
		require.Empty(t, w.queue)
		w.setPhase("j", transfer.PhaseReady)
		pass()
		pass()
		require.Equal(t, []string{"received/j", "start/j"}, w.queue)
		require.Zero(t, w.runs, "the run waits for the block: billed time begins there")
		w.block("j", computetypes.JOB_STATUS_RUNNING)
		w.locked(func() {
			j := w.jobs["j"]
			j.Deadline = time.Now().Add(400 * time.Second).Unix()
			w.jobs["j"] = j
		})
		pass()
		require.Equal(t, []string{"j"}, l.Running())
		pass()
		time.Sleep(11 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, w.runs)
		pass()
		require.Equal(t, []string{"received/j", "start/j", "receipt/j"}, w.queue)
		receipt := w.messages["receipt/j"].(*computetypes.MsgSubmitReceipt).Receipt
		require.NoError(t, receipt.Validate())
		require.Equal(t, computetypes.EXIT_REASON_EXITED, receipt.Reason)
		w.block("j", computetypes.JOB_STATUS_FINISHED)
		pass()
		require.Len(t, w.queue, 3)
		w.block("j", computetypes.JOB_STATUS_COMPLETED)
		pass()
		require.False(t, w.stored["j"].AcceptedAt.IsZero())
		pass()
		require.Equal(t, []string{"j", "j"}, w.closed, "told until it is settled")
		pass()
		require.Equal(t, []string{"j", "j"}, w.closed)
	})
}

// While the machine belongs to something else, nothing begins; what begins after
// that has the time that is left then.
func TestNothingBeginsOnHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, hold := newWorld(), true
		w.add("j", computetypes.JOB_STATUS_SCHEDULED, time.Minute)
		w.setPhase("j", transfer.PhaseReady)
		l := w.loop(fine)
		l.cfg.Hold = func() bool { return hold }
		pass := func() { require.NoError(t, l.Pass(t.Context())) }
		pass()
		require.Equal(t, []string{"received/j"}, w.queue, "the chain may know that the inputs are here")
		w.block("j", computetypes.JOB_STATUS_READY)
		pass()
		require.Len(t, w.queue, 1)
		hold = false
		pass()
		require.Equal(t, []string{"received/j", "start/j"}, w.queue)
		w.block("j", computetypes.JOB_STATUS_RUNNING)
		hold = true
		pass()
		synctest.Wait()
		require.Zero(t, w.runs)
		hold = false
		w.locked(func() {
			j := w.jobs["j"]
			j.Deadline = time.Now().Add(400 * time.Second).Unix()
			w.jobs["j"] = j
		})
		pass()
		time.Sleep(11 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, w.runs)
	})
}

func TestRunIsRepeatedAfterKillNine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("j", computetypes.JOB_STATUS_RUNNING, 400*time.Second)
		w.setPhase("j", transfer.PhaseRunning) // as a killed worker left it
		l := w.loop(fine)
		require.NoError(t, l.Pass(t.Context()))
		time.Sleep(11 * time.Second)
		synctest.Wait()
		require.Equal(t, transfer.PhaseFinished, w.stored["j"].Phase)
	})
}

func TestTooLittleTimeIsTheWorkersFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("j", computetypes.JOB_STATUS_RUNNING, Margin+5*time.Second)
		w.setPhase("j", transfer.PhaseRunning)
		l := w.loop(fine)
		require.NoError(t, l.Pass(t.Context()))
		time.Sleep(6 * time.Second)
		synctest.Wait()
		require.NoError(t, l.Pass(t.Context()))
		require.Equal(t, computetypes.EXIT_REASON_WORKER, w.messages["receipt/j"].(*computetypes.MsgSubmitReceipt).Receipt.Reason)
	})
}

func TestLostDiskIsReceipted(t *testing.T) {
	w, id := newWorld(), strings.Repeat("a", 32)
	w.add(id, computetypes.JOB_STATUS_RUNNING, 400*time.Second)
	require.NoError(t, w.loop(fine).Pass(t.Context()))
	m := w.messages["receipt/"+id].(*computetypes.MsgSubmitReceipt)
	require.NoError(t, m.Receipt.Validate())
	require.Equal(t, computetypes.EXIT_REASON_WORKER, m.Receipt.Reason)
}

func TestCancelledRunIsKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("j", computetypes.JOB_STATUS_RUNNING, 400*time.Second)
		w.setPhase("j", transfer.PhaseReady)
		l := w.loop(fine)
		require.NoError(t, l.Pass(t.Context()))
		w.block("j", computetypes.JOB_STATUS_CANCELLED)
		require.NoError(t, l.Pass(t.Context()))
		synctest.Wait()
		require.Empty(t, l.Running())
		require.Equal(t, transfer.PhaseClosed, w.stored["j"].Phase)
		require.Empty(t, w.queue, "nothing is left to say")
	})
}

func TestStopLeavesTheJobForTheNextStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("j", computetypes.JOB_STATUS_RUNNING, 400*time.Second)
		w.setPhase("j", transfer.PhaseReady)
		l := w.loop(fine)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Len(t, l.Running(), 1)
		stop()
		require.NoError(t, <-done)
		require.Equal(t, transfer.PhaseRunning, w.stored["j"].Phase)
		require.Empty(t, w.queue)
	})
}

func TestSlotsAreKept(t *testing.T) {
	w := newWorld()
	for _, id := range []string{"a", "b"} {
		w.add(id, computetypes.JOB_STATUS_SCHEDULED, time.Minute)
		w.setPhase(id, transfer.PhaseReady)
	}
	require.NoError(t, w.loop(fine).Pass(t.Context()))
	require.Len(t, w.queue, 2, "one of the two jobs: %v", w.queue)
}

func TestWhatCannotRunHereIsDeclined(t *testing.T) {
	w := newWorld()
	w.memory = 2 << 30 // a slot has half of it
	w.add("j", computetypes.JOB_STATUS_SCHEDULED, time.Minute)
	w.setPhase("j", transfer.PhaseInputs)
	other := computetypes.Job{Id: "d", Node: us, Runtime: "docker", Status: computetypes.JOB_STATUS_SCHEDULED, Deadline: time.Now().Add(time.Minute).Unix()}
	w.jobs["d"] = other
	require.NoError(t, w.loop(fine).Pass(t.Context()))
	require.ElementsMatch(t, []string{"decline/j", "decline/d"}, w.queue)
	for key, words := range map[string]string{"decline/j": "memory", "decline/d": "docker"} {
		m := w.messages[key].(*computetypes.MsgDeclineJob)
		require.NoError(t, m.Validate())
		require.Contains(t, m.Reason, words)
	}
	require.Equal(t, transfer.PhaseClosed, w.stored["j"].Phase)
}
