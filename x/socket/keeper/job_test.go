package keeper_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/socket/types"
)

// plugged is a socket of two slots for a day at 1 EMC the slot-hour, which alice
// has plugged in.
func (f *fixture) plugged() (id, session string) {
	f.t.Helper()
	id = f.sold(2, 48*emc)
	session, err := f.plug(f.alice, id)
	require.NoError(f.t, err)
	return id, session
}

// running is a job out of a socket that the node has started.
func (f *fixture) running(session string, seconds uint64, most int64) string {
	f.t.Helper()
	job, err := f.job(f.alice, session, seconds, most)
	require.NoError(f.t, err)
	f.startJob(job)
	return job
}

// startJob lets the node start a job whose inputs it has.
func (f *fixture) startJob(job string) {
	f.t.Helper()
	_, err := f.nodes.AcknowledgeJob(f.ctx, &computetypes.MsgAcknowledgeJob{Node: f.node.String(), Job: job, InputsReceived: true})
	require.NoError(f.t, err)
	_, err = f.nodes.StartJob(f.ctx, &computetypes.MsgStartJob{Node: f.node.String(), Job: job})
	require.NoError(f.t, err)
	f.check()
}

// finish ends a job's run after so many seconds, well or by the worker's fault.
func (f *fixture) finish(job string, seconds uint64, reason computetypes.ExitReason) {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*computetypes.MsgSubmitReceiptResponse, error) {
		return f.nodes.SubmitReceipt(ctx, &computetypes.MsgSubmitReceipt{Node: f.node.String(), Job: job, Receipt: computetypes.Receipt{
			Reason: reason, ResultDigest: make([]byte, 32), LogDigest: make([]byte, 32), Usage: computetypes.Usage{WallMilliseconds: seconds * 1000},
		}})
	})
	require.NoError(f.t, err)
}

func (f *fixture) decline(job string) {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*computetypes.MsgDeclineJobResponse, error) {
		return f.nodes.DeclineJob(ctx, &computetypes.MsgDeclineJob{Node: f.node.String(), Job: job, Reason: "no"})
	})
	require.NoError(f.t, err)
}

// A job that the node declines, does not start, or does not finish costs nothing,
// and the price of its time comes back to the holder at the end: it was sold, and
// is the node's word against nobody's.
func TestFailedJobsAreRefunded(t *testing.T) {
	for name, fails := range map[string]func(f *fixture, session string){
		"declined": func(f *fixture, session string) {
			job, err := f.job(f.alice, session, 7200, 2*emc)
			require.NoError(f.t, err)
			f.decline(job)
		},
		"never acknowledged": func(f *fixture, session string) {
			_, err := f.job(f.alice, session, 7200, 2*emc)
			require.NoError(f.t, err)
			f.pass(600, true)
		},
		"never finished": func(f *fixture, session string) {
			f.running(session, 7200, 2*emc)
			f.pass(3*3600, true)
		},
		"the worker's fault": func(f *fixture, session string) {
			job := f.running(session, 7200, 2*emc)
			f.pass(60, true)
			f.finish(job, 60, computetypes.EXIT_REASON_WORKER)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			id, session := f.plugged()
			fails(f, session)
			require.Equal(t, int64(2*emc), f.load(id).Failed.Int64())
			alice := f.balance(f.alice)
			f.pass(day+3*3600, true)
			s := f.load(id)
			require.Equal(t, types.SOCKET_STATUS_SETTLED, s.Status)
			require.Equal(t, alice+2*emc, f.balance(f.alice))
			require.Equal(t, int64(46*emc), s.Paid.Int64())
		})
	}
}

// A job that fails gives back the price of the time that it asked for, and that
// the socket had: neither a high maximum price nor a long time makes more of it.
func TestFailedJobIsNoWindfall(t *testing.T) {
	f := newFixture(t)
	id, session := f.plugged()
	job, err := f.job(f.alice, session, 60, 40*emc)
	require.NoError(t, err)
	f.decline(job)
	require.Equal(t, int64(emc/60+1), f.load(id).Failed.Int64(), "a minute of one slot, rounded up as prices are, whatever its maximum price")

	f.pass(day-3600, true)
	before := f.load(id).Failed
	job, err = f.job(f.alice, session, day, 40*emc)
	require.NoError(t, err)
	f.decline(job)
	require.Equal(t, int64(emc), f.load(id).Failed.Sub(before).Int64(), "the last hour of one slot")
}

// A node that will not work keeps nobody from evidence: it is asked as long as it
// is not out, and each job that it does not do costs it the price.
func TestANodeCannotHide(t *testing.T) {
	f := newFixture(t)
	id, session := f.plugged()
	job, err := f.job(f.alice, session, 3600, emc)
	require.NoError(t, err)
	f.decline(job)
	n, err := f.compute.Node(f.ctx, f.node)
	require.NoError(t, err)
	require.NotZero(t, n.SuspendedUntil)
	_, err = f.nodes.ReportStatus(f.ctx, &computetypes.MsgReportStatus{Node: f.node.String()})
	require.NoError(t, err)
	_, err = f.nodes.UpdateNode(f.ctx, &computetypes.MsgUpdateNode{Operator: f.miner.String(), Node: f.node.String(), Offer: computetypes.Offer{
		Slots: 1, SlotHourPrice: coin(1), Apps: []string{"another"},
	}})
	require.NoError(t, err)
	_, err = f.nodes.RetireNode(f.ctx, &computetypes.MsgRetireNode{Operator: f.miner.String(), Node: f.node.String(), WhenIdle: true})
	require.NoError(t, err)
	job, err = f.job(f.alice, session, 3600, emc)
	require.NoError(t, err, "suspended, draining, serving something else and retiring")
	f.decline(job)
	require.Equal(t, int64(2*emc), f.load(id).Failed.Int64())
}

// A job goes on when the session is settled and the socket expires: what it costs
// is the operator's, and what comes back late goes where it would have gone.
func TestJobThatOutlivesItsSocket(t *testing.T) {
	for _, tc := range []struct {
		name           string
		reason         computetypes.ExitReason
		alice, miner   int64
		failed, unpaid int64
	}{
		// 12 of 48 EMC are held for a job of 12 hours. It begins 6 hours before the end, and runs for 10.
		{"success - done", computetypes.EXIT_REASON_EXITED, 0, 48 * emc, 0, 2 * emc},
		{"error - the worker's fault", computetypes.EXIT_REASON_WORKER, 6 * emc, 42 * emc, 6 * emc, 12 * emc},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			id, session := f.plugged()
			f.pass(day-6*3600, true)
			alice, miner := f.balance(f.alice), f.balance(f.miner)
			job := f.running(session, 12*3600, 12*emc)
			require.NoError(t, f.unplug(f.alice, id))
			f.pass(2*3600, true)
			s := f.load(id)
			require.Equal(t, types.SOCKET_STATUS_IDLE, s.Status)
			require.Equal(t, int64(12*emc), s.Held.Int64())
			require.Equal(t, int64(36*emc), s.Unused().Int64())
			_, err := f.split(f.alice, id, 1)
			require.ErrorIs(t, err, types.ErrWrongStatus, "what comes back could not be split")
			require.ErrorContains(t, err, "split it when they have ended")

			f.pass(8*3600, true)
			s = f.load(id)
			require.Equal(t, types.SOCKET_STATUS_SETTLED, s.Status)
			require.Equal(t, int64(36*emc), s.Paid.Int64())
			f.finish(job, 10*3600, tc.reason)
			if tc.reason == computetypes.EXIT_REASON_EXITED {
				_, err = f.nodes.AcceptResult(f.ctx, &computetypes.MsgAcceptResult{Customer: f.alice.String(), Job: job})
				require.NoError(t, err)
			}
			f.check()
			s = f.load(id)
			require.True(t, s.Held.IsZero())
			require.Equal(t, int64(tc.failed), s.Failed.Int64())
			require.Equal(t, int64(36*emc+tc.unpaid), s.Unused().Int64())
			require.Equal(t, alice+tc.alice, f.balance(f.alice))
			require.Equal(t, miner+tc.miner, f.balance(f.miner))
			require.Zero(t, f.balance(types.SocketEscrow(id)))
			f.pass(int64(types.DefaultParams().RetentionSeconds)+day, true)
			_, err = f.k.Socket(f.ctx, id)
			require.ErrorIs(t, err, types.ErrSocketNotFound)
		})
	}
}

// What a job holds keeps the record, so that the money that comes back has an owner.
func TestASocketWaitsForItsJobs(t *testing.T) {
	f := newFixture(t)
	params, err := f.k.Params.Get(f.ctx)
	require.NoError(t, err)
	params.RetentionSeconds = 60
	require.NoError(t, f.k.Params.Set(f.ctx, params))
	id, session := f.plugged()
	f.pass(day-3600, true)
	job := f.running(session, 12*3600, 12*emc)
	f.pass(4*3600, true)
	require.Equal(t, types.SOCKET_STATUS_SETTLED, f.load(id).Status)
	f.finish(job, 3*3600, computetypes.EXIT_REASON_WORKER)
	f.pass(180, true)
	_, err = f.k.Socket(f.ctx, id)
	require.ErrorIs(t, err, types.ErrSocketNotFound)
}

// Only what happened until a socket's end counts: its session may be settled long
// after.
func TestOutageEndsWithTheSocket(t *testing.T) {
	f := newFixture(t)
	id, _ := f.plugged()
	f.pass(day, true)
	require.Equal(t, types.SOCKET_STATUS_UNPLUGGING, f.load(id).Status)
	f.jail()
	f.pass(3*3600, true)
	s := f.load(id)
	require.Equal(t, types.SOCKET_STATUS_SETTLED, s.Status)
	require.Zero(t, s.Outage)
	require.Equal(t, math.NewInt(48*emc).String(), s.Paid.String())
}

func (f *fixture) jail() {
	f.t.Helper()
	now, err := f.compute.Now(f.ctx)
	require.NoError(f.t, err)
	require.NoError(f.t, f.compute.Jail(f.ctx, f.node, now+2*day, "test"))
}
