package reconcile

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/transfer"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

const (
	us   = "emc1us"
	them = "emc1them"
)

var now = time.Unix(1_000_000, 0)

func chainJob(status computetypes.JobStatus, deadline time.Duration) *computetypes.Job {
	return &computetypes.Job{Id: "j", Node: us, Status: status, Deadline: now.Add(deadline).Unix(), MaxSeconds: 100, Reason: "why"}
}

func TestDecide(t *testing.T) {
	const (
		scheduled = computetypes.JOB_STATUS_SCHEDULED
		waiting   = computetypes.JOB_STATUS_WAITING
		ready     = computetypes.JOB_STATUS_READY
		running   = computetypes.JOB_STATUS_RUNNING
	)
	elsewhere := chainJob(running, time.Hour)
	elsewhere.Node = them
	tests := []struct {
		name   string
		job    *computetypes.Job
		local  Local
		queued Queued
		full   bool
		want   []Action
	}{
		{name: "new job: nothing yet", job: chainJob(scheduled, 50*time.Second)},
		{name: "inputs late", job: chainJob(scheduled, 29*time.Second), want: []Action{SayWaiting}},
		{name: "inputs late, told already", job: chainJob(scheduled, 29*time.Second), queued: Queued{Waiting: true}},
		{name: "inputs late while they arrive", job: chainJob(scheduled, 29*time.Second), local: Local{Phase: transfer.PhaseInputs}, want: []Action{SayWaiting}},
		{name: "waiting is no hurry", job: chainJob(waiting, time.Second)},
		{name: "inputs here", job: chainJob(scheduled, 50*time.Second), local: Local{Phase: transfer.PhaseReady}, want: []Action{SayReceived, SayStart}},
		{name: "inputs here after a wait", job: chainJob(waiting, 50*time.Second), local: Local{Phase: transfer.PhaseReady}, want: []Action{SayReceived, SayStart}},
		{name: "inputs here, told already", job: chainJob(scheduled, 50*time.Second), local: Local{Phase: transfer.PhaseReady}, queued: Queued{Received: true, Start: true}},
		{name: "no slot, early", job: chainJob(scheduled, 50*time.Second), local: Local{Phase: transfer.PhaseReady}, full: true},
		{name: "no slot, late", job: chainJob(scheduled, 20*time.Second), local: Local{Phase: transfer.PhaseReady}, full: true, want: []Action{SayDecline}},
		{name: "cannot be run here", job: chainJob(scheduled, 50*time.Second), local: Local{Phase: transfer.PhaseInputs, Refusal: "too big"}, want: []Action{SayDecline}},
		{name: "declined already", job: chainJob(scheduled, 50*time.Second), local: Local{Refusal: "too big"}, queued: Queued{Decline: true}},
		{name: "ready, start lost", job: chainJob(ready, time.Minute), local: Local{Phase: transfer.PhaseReady}, want: []Action{SayStart}},
		{name: "ready, start queued", job: chainJob(ready, time.Minute), local: Local{Phase: transfer.PhaseReady}, queued: Queued{Start: true}},
		{name: "ready, disk lost", job: chainJob(ready, time.Minute), want: []Action{SayDecline}},
		{name: "started", job: chainJob(running, 400*time.Second), local: Local{Phase: transfer.PhaseReady}, want: []Action{Run}},
		{name: "running", job: chainJob(running, 400*time.Second), local: Local{Phase: transfer.PhaseRunning, Running: true}},
		{name: "killed in the middle, time left", job: chainJob(running, 100*time.Second), local: Local{Phase: transfer.PhaseRunning}, want: []Action{Run}},
		{name: "killed in the middle, no time left", job: chainJob(running, 20*time.Second), local: Local{Phase: transfer.PhaseRunning}, want: []Action{Fail}},
		{name: "killed before the receipt", job: chainJob(running, time.Minute), local: Local{Phase: transfer.PhaseFinished}, want: []Action{SayReceipt}},
		{name: "receipt queued", job: chainJob(running, time.Minute), local: Local{Phase: transfer.PhaseFinished}, queued: Queued{Receipt: true}},
		{name: "running, disk lost", job: chainJob(running, 400*time.Second), want: []Action{Fail}},
		{name: "finished", job: chainJob(computetypes.JOB_STATUS_FINISHED, time.Hour), local: Local{Phase: transfer.PhaseFinished}},
		{name: "paid", job: chainJob(computetypes.JOB_STATUS_COMPLETED, time.Hour), local: Local{Phase: transfer.PhaseFinished}, want: []Action{Accept}},
		{name: "paid, noted", job: chainJob(computetypes.JOB_STATUS_COMPLETED, time.Hour), local: Local{Phase: transfer.PhaseFinished, Accepted: true}},
		{name: "cancelled while running", job: chainJob(computetypes.JOB_STATUS_CANCELLED, time.Hour), local: Local{Phase: transfer.PhaseRunning, Running: true}, want: []Action{Kill}},
		{name: "cancelled before", job: chainJob(computetypes.JOB_STATUS_CANCELLED, time.Hour), local: Local{Phase: transfer.PhaseReady}, want: []Action{Close}},
		{name: "passed on while running", job: elsewhere, local: Local{Phase: transfer.PhaseRunning, Running: true}, want: []Action{Kill}},
		{name: "gone", local: Local{Phase: transfer.PhaseInputs}, want: []Action{Close}},
		{name: "gone, kept outputs", local: Local{Phase: transfer.PhaseFinished}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := Decide(View{Node: us, Job: tt.job, Local: tt.local, Queued: tt.queued, Params: computetypes.DefaultParams(), Now: now, FreeSlot: !tt.full})
			require.Equal(t, tt.want, d.Actions)
			require.Equal(t, len(d.Actions) > 0, d.Words != "", "words go with actions")
		})
	}
}

func TestRunLimit(t *testing.T) {
	v := View{Node: us, Job: chainJob(computetypes.JOB_STATUS_RUNNING, 400*time.Second), Local: Local{Phase: transfer.PhaseReady}, Params: computetypes.DefaultParams(), Now: now}
	d := Decide(v)
	require.Equal(t, 100*time.Second, d.Limit)
	require.False(t, d.Short)
	v.Job.Deadline = now.Add(90 * time.Second).Unix()
	d = Decide(v)
	require.Equal(t, 60*time.Second, d.Limit, "the receipt must be in time")
	require.True(t, d.Short)
}

func TestVoid(t *testing.T) {
	ack := func(received bool) sdk.Msg {
		return &computetypes.MsgAcknowledgeJob{Job: "j", InputsReceived: received}
	}
	start, receipt, decline := &computetypes.MsgStartJob{Job: "j"}, &computetypes.MsgSubmitReceipt{Job: "j"}, &computetypes.MsgDeclineJob{Job: "j"}
	order := []computetypes.JobStatus{1, 2, 3, 4, 5, 6, 7, 8, 9} // as in the proto
	for _, tt := range []struct {
		name string
		msg  sdk.Msg
		till computetypes.JobStatus
	}{
		{"seen", ack(false), computetypes.JOB_STATUS_SCHEDULED},
		{"received", ack(true), computetypes.JOB_STATUS_WAITING},
		{"start", start, computetypes.JOB_STATUS_READY},
		{"decline", decline, computetypes.JOB_STATUS_READY},
		{"receipt", receipt, computetypes.JOB_STATUS_RUNNING},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, s := range order {
				why, sure := Void(tt.msg, chainJob(s, 0), us)
				require.Equal(t, s > tt.till, why != "", "status %s", s)
				require.True(t, sure)
			}
			for _, j := range []*computetypes.Job{nil, chainJob(1, 0)} {
				why, sure := Void(tt.msg, j, them)
				require.NotEmpty(t, why)
				require.False(t, sure, "an endpoint that lags shows the same")
			}
		})
	}
	why, _ := Void(&computetypes.MsgReportStatus{}, nil, us)
	require.Empty(t, why)
}
