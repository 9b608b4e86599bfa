package jobclient_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/jobclient"
	"github.com/edgematrix/emc/x/compute/types"
)

func TestRun(t *testing.T) {
	f := newFixture(t)
	w := addWorker(t, f.chain, &fakeWorker{})
	s, err := f.run()
	require.NoError(t, err, f.words)
	f.requireOutputs()
	require.Equal(t, "SubmitJob AcceptResult", f.chain.kinds())
	require.Equal(t, "working\ndone\n", f.log.String(), "the log, and nothing else, goes to the log's writer")
	require.Equal(t, []string{"--loud"}, w.spec.Args)

	require.Equal(t, "completed", s.Status)
	require.Equal(t, "5000uemc", s.Price)
	require.Equal(t, "1000uemc", s.Refund) // the quote of 6000uemc less the price
	require.Equal(t, "2000uemc", s.Fees)
	require.Equal(t, int32(0), *s.ExitCode)
	require.True(t, s.Verified)
	require.Len(t, s.Outputs, 2)
	require.NotEmpty(t, s.Tx.Submit)
	require.NotEmpty(t, s.Tx.Accept)

	info, err := os.Stat(filepath.Join(f.dir, "jobs", s.Job, "job.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "the access key is nobody else's")
}

func TestRunTellsHowTheProgramFailed(t *testing.T) {
	for _, test := range []struct {
		end   string
		code  int64
		words string
	}{
		{job.ReasonExited, 7, "exit code 7"},
		{job.ReasonDeadline, -1, "--max-time"},
		{job.ReasonMemory, -1, "--memory"},
		{job.ReasonOutput, -1, "--max-output"},
	} {
		t.Run(test.end, func(t *testing.T) {
			f := newFixture(t)
			addWorker(t, f.chain, &fakeWorker{end: test.end, code: test.code})
			_, err := f.run()
			require.ErrorIs(t, err, jobclient.ErrProgram)
			require.ErrorContains(t, err, test.words)
			require.Equal(t, 3, jobclient.ExitCode(err))
			f.requireOutputs()
			require.Equal(t, "SubmitJob AcceptResult", f.chain.kinds(), "the node did its part and is paid")
		})
	}
}

// A worker that hands out something else than its receipt names is never accepted, and nothing of it gets the name of an
// output.
func TestRunNeverAcceptsAnotherResult(t *testing.T) {
	for name, lie := range map[string]func(*fakeWorker, *types.Receipt){
		"result": func(w *fakeWorker, _ *types.Receipt) {
			w.result = []byte(strings.Replace(string(w.result), `"wall_millis":1500`, `"wall_millis":1501`, 1))
		},
		"salt":                     func(w *fakeWorker, _ *types.Receipt) { w.salt[9]++ },
		"log":                      func(w *fakeWorker, _ *types.Receipt) { w.log = append([]byte("x"), w.log[1:]...) },
		"log of the receipt":       func(_ *fakeWorker, r *types.Receipt) { r.LogDigest = make([]byte, 32) },
		"exit code of the receipt": func(_ *fakeWorker, r *types.Receipt) { r.ExitCode = 1 },
		"reason of the receipt":    func(_ *fakeWorker, r *types.Receipt) { r.Reason = types.EXIT_REASON_DEADLINE },
		"output": func(w *fakeWorker, _ *types.Receipt) {
			for sum, out := range w.outputs {
				w.outputs[sum] = append([]byte("x"), out[1:]...)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			addWorker(t, f.chain, &fakeWorker{lie: lie})
			s, err := f.run()
			require.ErrorIs(t, err, jobclient.ErrUnverified)
			require.Equal(t, 5, jobclient.ExitCode(err))
			require.Equal(t, "SubmitJob", f.chain.kinds())
			require.False(t, s.Verified)
			require.FileExists(t, filepath.Join(f.out(), ".unverified", "emc-result.json"))
			require.NoFileExists(t, filepath.Join(f.out(), "a.txt"))
			require.Contains(t, f.words.String(), "the price of this one job is what you risk")
		})
	}
}

func TestRunFollowsAJobToAnotherNode(t *testing.T) {
	t.Run("in the middle of the upload", func(t *testing.T) {
		f := newFixture(t)
		stalled := make(chan struct{}, 8)
		addWorker(t, f.chain, &fakeWorker{stall: func(ctx context.Context) { stalled <- struct{}{}; <-ctx.Done() }})
		second := addWorker(t, f.chain, &fakeWorker{})
		go func() {
			<-stalled
			f.chain.pass(f.chain.only(), "node x did not start")
		}()
		s, err := f.run()
		require.NoError(t, err, f.words)
		require.Equal(t, second.address, s.Node)
		f.requireOutputs()
		require.Contains(t, f.words.String(), "node x did not start")
	})
	t.Run("that answers, after one that does not", func(t *testing.T) {
		f := newFixture(t)
		dead := addDeadNode(f.chain)
		addWorker(t, f.chain, &fakeWorker{})
		f.client.Quiet = 0
		go func() {
			f.eventually("Trying again")
			f.chain.pass(f.chain.only(), "it did not acknowledge")
		}()
		_, err := f.run()
		require.NoError(t, err, f.words)
		f.requireOutputs()
		require.Equal(t, 1, strings.Count(f.words.String(), "Node "+dead), "an unreachable node is told of once:\n%s", f.words)
		require.Contains(t, f.words.String(), "the chain passes the job to another node")
	})
}

func TestLeaveAndAttach(t *testing.T) {
	f := newFixture(t)
	w := addWorker(t, f.chain, &fakeWorker{hold: make(chan struct{})})
	ctx, interrupt := context.WithCancel(f.ctx)
	go func() { f.eventually("working"); interrupt() }()
	_, err := f.client.Run(ctx, f.request(), jobclient.Options{})
	require.ErrorIs(t, err, jobclient.ErrLeft)
	require.Equal(t, 130, jobclient.ExitCode(err))
	require.Contains(t, f.words.String(), "emcd job attach "+f.chain.only()[:8])
	require.Equal(t, "SubmitJob", f.chain.kinds(), "leaving neither cancels nor accepts")

	again := f.newClient()
	rec, err := again.Store.Load(f.chain.only()[:6])
	require.NoError(t, err)
	w.release()
	_, err = again.Attach(f.ctx, rec, jobclient.Options{})
	require.NoError(t, err, f.words)
	f.requireOutputs()
	require.Equal(t, "SubmitJob AcceptResult", f.chain.kinds())
	require.True(t, strings.HasSuffix(f.log.String(), "working\ndone\n"), "the whole log is shown again: %q", f.log)
}

// The program dies after the submission was sent and before it heard of the block: the key is on disk, and the job is
// found by it.
func TestAdoptAfterACrash(t *testing.T) {
	f := newFixture(t)
	addWorker(t, f.chain, &fakeWorker{})
	crash := errors.New("connection lost")
	f.chain.onSubmit = func(*fakeChain, string) error { return crash }
	_, err := f.run()
	require.ErrorIs(t, err, crash)
	require.ErrorContains(t, err, "emcd job list")
	require.Empty(t, f.record().ID)

	again := f.newClient()
	rows, err := again.List(f.ctx, "")
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, f.chain.only(), rows[0].Job)
	rec, err := again.Store.Load(rows[0].Job)
	require.NoError(t, err)
	_, err = again.Attach(f.ctx, rec, jobclient.Options{})
	require.NoError(t, err, f.words)
	f.requireOutputs()
}

func TestRefusedSubmissionLeavesNothing(t *testing.T) {
	for name, refusal := range map[string]error{
		"refused": &jobclient.TxError{Words: "no node fits"},
		"void":    jobclient.ErrVoid,
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			addWorker(t, f.chain, &fakeWorker{})
			f.chain.onSubmit = func(*fakeChain, string) error { return refusal }
			_, err := f.run()
			require.ErrorIs(t, err, refusal)
			records, _ := f.client.Store.List()
			require.Empty(t, records)
		})
	}
}

func TestJobsThatEndWithoutAResult(t *testing.T) {
	for status, reason := range map[types.JobStatus]string{
		types.JOB_STATUS_CANCELLED: "cancelled by the customer",
		types.JOB_STATUS_EXPIRED:   "the inputs were not handed over",
		types.JOB_STATUS_FAILED:    "node sent no receipt",
	} {
		t.Run(types.StatusWord(status), func(t *testing.T) {
			f := newFixture(t)
			addWorker(t, f.chain, &fakeWorker{hold: make(chan struct{})})
			go func() {
				f.eventually("working")
				f.chain.change(f.chain.only(), func(j *types.Job) { closed(j, status, 2_500, reason) })
			}()
			s, err := f.run()
			require.ErrorIs(t, err, jobclient.ErrNoResult)
			require.Equal(t, 4, jobclient.ExitCode(err))
			require.ErrorContains(t, err, reason)
			require.Equal(t, "2500uemc", s.Price)
			require.NoDirExists(t, f.out())
		})
	}
}

func TestNoAccept(t *testing.T) {
	f := newFixture(t)
	addWorker(t, f.chain, &fakeWorker{})
	_, err := f.client.Run(f.ctx, f.request(), jobclient.Options{NoAccept: true})
	require.NoError(t, err)
	f.requireOutputs()
	require.Equal(t, "SubmitJob", f.chain.kinds())
}

// The acceptance window ends while the outputs are being fetched.
func TestAcceptTooLate(t *testing.T) {
	f := newFixture(t)
	addWorker(t, f.chain, &fakeWorker{})
	_, err := f.client.Run(f.ctx, f.request(), jobclient.Options{NoAccept: true})
	require.NoError(t, err)
	rec := f.record()
	late := &lateChain{fakeChain: f.chain}
	c := f.newClient()
	c.Wallet = late
	_, err = c.Attach(f.ctx, rec, jobclient.Options{})
	require.NoError(t, err, f.words)
	require.Contains(t, f.words.String(), "paid the node by itself")
}

func TestMissingArtifactIsAskedFor(t *testing.T) {
	f := newFixture(t)
	addWorker(t, f.chain, &fakeWorker{wantsApp: true})
	_, err := f.run()
	require.ErrorContains(t, err, "--app-file")
	rec := f.record()
	require.ErrorContains(t, f.client.AddAppFile(rec, f.file("other.wasm", "another program")), "digest")
	require.NoError(t, f.client.AddAppFile(rec, f.file("upper.wasm", string(artifact))))
	_, err = f.client.Attach(f.ctx, rec, jobclient.Options{})
	require.NoError(t, err, f.words)
	f.requireOutputs()
}

func TestChangedInputIsNamed(t *testing.T) {
	f := newFixture(t)
	addWorker(t, f.chain, &fakeWorker{})
	f.chain.onSubmit = func(*fakeChain, string) error { f.file("a", "fIrst"); return nil }
	_, err := f.run()
	require.ErrorContains(t, err, "has changed since the job was submitted")
	require.ErrorContains(t, err, "emcd job cancel")
}

func TestSilentChain(t *testing.T) {
	t.Run("for a moment", func(t *testing.T) {
		f := newFixture(t)
		w := addWorker(t, f.chain, &fakeWorker{hold: make(chan struct{})})
		go func() {
			f.eventually("working")
			f.chain.silence("connection refused")
			f.eventually("does not answer")
			f.chain.silence("")
			f.eventually("answers again")
			w.release()
		}()
		_, err := f.run()
		require.NoError(t, err, f.words)
	})
	t.Run("for good", func(t *testing.T) {
		f := newFixture(t)
		addWorker(t, f.chain, &fakeWorker{hold: make(chan struct{})})
		go func() { f.eventually("working"); f.chain.silence("connection refused") }()
		_, err := f.run()
		require.ErrorContains(t, err, "the chain has not answered")
		require.ErrorContains(t, err, "emcd job attach")
	})
	t.Run("about a deadline", func(t *testing.T) {
		f := newFixture(t)
		addWorker(t, f.chain, &fakeWorker{hold: make(chan struct{})})
		go func() {
			f.eventually("working")
			f.chain.change(f.chain.only(), func(j *types.Job) { j.Deadline = 1 })
		}()
		_, err := f.run()
		require.ErrorContains(t, err, "the chain has not ended that")
	})
}
