package outbox

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/worker/spool"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

type fixture struct {
	chain *fakeChain
	path  string
	file  *spool.Spool
	queue *Durable
	box   *Outbox
	now   time.Time
	codec chainclient.Encoding
}

func setup(t testing.TB, dir string) *fixture {
	t.Helper()
	codec, err := chainclient.NewEncoding()
	require.NoError(t, err)
	f := &fixture{chain: newFakeChain(), path: filepath.Join(dir, "spool.db"), now: time.Unix(1_000_000, 0), codec: codec}
	f.open(t)
	return f
}

func (f *fixture) open(t testing.TB) {
	t.Helper()
	var err error
	f.file, err = spool.Open(f.path, spool.WithClock(func() time.Time { return f.now }))
	require.NoError(t, err)
	f.queue = NewDurable(f.file, f.codec.Codec)
	f.box = New(Config{
		Chain: f.chain, Spool: f.queue, Signer: signer(), Now: func() time.Time { return f.now },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
}

// restart is what a process finds after kill -9.
func (f *fixture) restart(t testing.TB) {
	t.Helper()
	require.NoError(t, f.file.Close())
	f.open(t)
}

func (f *fixture) put(t testing.TB, key string, m sdk.Msg) {
	t.Helper()
	_, err := f.queue.Put(key, m)
	require.NoError(t, err)
}

func (f *fixture) job(t testing.TB, id string) {
	f.put(t, "received/"+id, &computetypes.MsgAcknowledgeJob{Job: id, InputsReceived: true})
	f.put(t, "start/"+id, &computetypes.MsgStartJob{Job: id})
}

func (f *fixture) step(t testing.TB) {
	t.Helper()
	_, err := f.box.Step(context.Background())
	require.NoError(t, err)
}

func (f *fixture) node() string { return chainclient.Address(signer()).String() }

func (f *fixture) keys(t testing.TB) []string {
	t.Helper()
	waiting, err := f.queue.Waiting()
	require.NoError(t, err)
	out := []string{}
	for k := range waiting {
		out = append(out, k)
	}
	return out
}

const (
	ackA   = "/emc.compute.v1.MsgAcknowledgeJob a"
	startA = "/emc.compute.v1.MsgStartJob a"
)

func TestMessagesThatBelongTogetherShareATransaction(t *testing.T) {
	f := setup(t, t.TempDir())
	f.chain.addJob("a", f.node(), computetypes.JOB_STATUS_SCHEDULED)
	f.job(t, "a")
	f.step(t)
	require.Len(t, f.chain.mempool, 1)
	f.chain.block(t)
	f.step(t)
	require.Equal(t, []string{ackA, startA}, f.chain.effects)
	require.Empty(t, f.keys(t))
	done, err := f.file.History(10)
	require.NoError(t, err)
	require.Len(t, done, 2)
	require.NotEmpty(t, done[0].Outcome.TxHash)
	require.Equal(t, f.chain.height, done[0].Outcome.Height)
}

func TestSameBytesAreSentAgainAfterARestart(t *testing.T) {
	f := setup(t, t.TempDir())
	f.chain.addJob("a", f.node(), computetypes.JOB_STATUS_SCHEDULED)
	f.job(t, "a")
	f.chain.lost = true
	f.step(t)
	before, err := f.queue.InFlight()
	require.NoError(t, err)
	f.chain.lost = false
	f.restart(t)
	f.step(t)
	require.Equal(t, [][]byte{before.Bytes}, f.chain.mempool)
}

func TestSignedAnewOnlyAfterTheTimeoutHeight(t *testing.T) {
	f := setup(t, t.TempDir())
	f.chain.addJob("a", f.node(), computetypes.JOB_STATUS_SCHEDULED)
	f.job(t, "a")
	f.chain.lost = true
	f.step(t)
	first, err := f.queue.InFlight()
	require.NoError(t, err)
	for f.chain.height < first.TimeoutHeight {
		f.chain.block(t)
		f.step(t)
		now, err := f.queue.InFlight()
		require.NoError(t, err)
		require.Equal(t, first.Hash, now.Hash, "height %d", f.chain.height)
	}
	f.chain.lost = false
	f.chain.block(t)
	f.step(t)
	second, err := f.queue.InFlight()
	require.NoError(t, err)
	require.NotEqual(t, first.Hash, second.Hash)
	f.chain.block(t)
	f.step(t)
	require.Equal(t, []string{ackA, startA}, f.chain.effects)
}

func TestMessageThatFailsDoesNotHoldUpTheOthers(t *testing.T) {
	f := setup(t, t.TempDir())
	f.chain.addJob("a", f.node(), computetypes.JOB_STATUS_SCHEDULED)
	f.chain.addJob("b", f.node(), computetypes.JOB_STATUS_READY) // its receipt comes too early
	f.put(t, "receipt/b", &computetypes.MsgSubmitReceipt{Job: "b"})
	f.job(t, "a")
	f.step(t) // finds the one at fault
	f.step(t)
	f.chain.block(t)
	f.step(t)
	require.Equal(t, []string{ackA, startA}, f.chain.effects)
	require.Equal(t, []string{"receipt/b"}, f.keys(t))

	f.chain.jobs["b"].Status = computetypes.JOB_STATUS_RUNNING
	f.step(t)
	require.Empty(t, f.chain.mempool, "it is put off for a while")
	f.now = f.now.Add(longestPause)
	f.step(t)
	f.chain.block(t)
	f.step(t)
	require.Empty(t, f.keys(t))
}

func TestVoidMessagesAreDropped(t *testing.T) {
	f := setup(t, t.TempDir())
	f.chain.addJob("a", f.node(), computetypes.JOB_STATUS_CANCELLED)
	f.job(t, "a")
	f.put(t, "receipt/gone", &computetypes.MsgSubmitReceipt{Job: "gone"})
	f.step(t)
	require.Equal(t, []string{"receipt/gone"}, f.keys(t), "the endpoint may lag")
	f.now = f.now.Add(lagAllowance)
	f.step(t)
	require.Empty(t, f.keys(t))
	require.Zero(t, f.chain.broadcasts)
	done, err := f.file.History(1)
	require.NoError(t, err)
	require.Contains(t, done[0].Outcome.Log, "gone from the chain")
}

func TestRefusedByTheNodeIsForgottenAtOnce(t *testing.T) {
	f := setup(t, t.TempDir())
	f.chain.addJob("a", f.node(), computetypes.JOB_STATUS_SCHEDULED)
	f.job(t, "a")
	f.chain.refuse = &chainclient.Rejection{Codespace: "sdk", Code: 13, Words: "insufficient fee"}
	_, err := f.box.Step(context.Background())
	require.ErrorContains(t, err, "insufficient fee")
	flight, err := f.queue.InFlight()
	require.NoError(t, err)
	require.Nil(t, flight)
	f.chain.refuse = nil
	f.step(t)
	f.chain.block(t)
	f.step(t)
	require.Equal(t, []string{ackA, startA}, f.chain.effects)
}

func TestUncertainBroadcastIsNotForgotten(t *testing.T) {
	f := setup(t, t.TempDir())
	f.chain.addJob("a", f.node(), computetypes.JOB_STATUS_SCHEDULED)
	f.job(t, "a")
	f.chain.refuse = errors.New("connection reset: who knows whether it arrived")
	_, err := f.box.Step(context.Background())
	require.Error(t, err)
	flight, err := f.queue.InFlight()
	require.NoError(t, err)
	require.NotNil(t, flight)
}

func TestNodeWithoutIndex(t *testing.T) {
	f := setup(t, t.TempDir())
	f.chain.noIndex = true
	f.chain.addJob("a", f.node(), computetypes.JOB_STATUS_SCHEDULED)
	f.job(t, "a")
	f.step(t)
	f.chain.block(t)
	f.step(t) // the sequence has moved: the messages are compared with the state, which has overtaken them
	require.Empty(t, f.keys(t))
	require.Equal(t, []string{ackA, startA}, f.chain.effects)
}

func TestChainStartedAnew(t *testing.T) {
	f := setup(t, t.TempDir())
	f.chain.height = 5_000
	f.put(t, "status/1", &computetypes.MsgReportStatus{})
	f.chain.lost = true
	f.step(t)
	f.chain.height, f.chain.lost = 3, false
	f.step(t)
	f.chain.block(t)
	f.step(t)
	require.Len(t, f.chain.effects, 1)
}

// TestEachTakesEffectOnce lets everything go wrong at random: the process dies
// at any step, broadcasts vanish, the node is away, blocks come or do not.
func TestEachTakesEffectOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "*")
		require.NoError(r, err)
		f := setup(t, dir)
		defer func() { _ = f.file.Close() }()
		ids := []string{"a", "b", "c"}
		for _, id := range ids {
			f.chain.addJob(id, f.node(), computetypes.JOB_STATUS_SCHEDULED)
			f.job(t, id)
			f.put(t, "receipt/"+id, &computetypes.MsgSubmitReceipt{Job: id})
		}
		for range rapid.IntRange(5, 60).Draw(r, "events") {
			switch rapid.SampledFrom([]string{"step", "step", "block", "die", "lose", "down", "fine", "time", "fail"}).Draw(r, "event") {
			case "step":
				_, _ = f.box.Step(context.Background())
			case "block":
				f.chain.block(t)
			case "die":
				f.restart(t)
			case "lose":
				f.chain.lost = true
			case "down":
				f.chain.down = errors.New("no answer")
			case "fail":
				f.chain.deliver = errors.New("out of luck")
			case "fine":
				f.chain.lost, f.chain.down, f.chain.deliver = false, nil, nil
			case "time":
				f.now = f.now.Add(5 * time.Second)
			}
		}
		f.chain.lost, f.chain.down, f.chain.deliver = false, nil, nil
		for range 100 {
			_, err := f.box.Step(context.Background())
			require.NoError(r, err)
			f.chain.block(t)
			f.now = f.now.Add(10 * time.Second)
		}
		require.Empty(r, f.keys(t))
		counts := map[string]int{}
		for _, e := range f.chain.effects {
			counts[e]++
		}
		require.Len(r, counts, 3*len(ids))
		for e, n := range counts {
			require.Equal(r, 1, n, e)
		}
	})
}
