package reconcile

import (
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// JobOf is the job that a message is about; empty for a status report.
func JobOf(msg sdk.Msg) string {
	switch m := msg.(type) {
	case *computetypes.MsgAcknowledgeJob:
		return m.Job
	case *computetypes.MsgDeclineJob:
		return m.Job
	case *computetypes.MsgStartJob:
		return m.Job
	case *computetypes.MsgSubmitReceipt:
		return m.Job
	}
	return ""
}

// Void says in words why a message can never succeed any more, or "" while it
// may. Job is nil when the chain does not have it. A message whose turn comes
// after another one that still waits is not void. Sure is false when an RPC
// endpoint that lags behind would give the same picture: it may not have heard
// of the job yet.
func Void(msg sdk.Msg, job *computetypes.Job, node string) (why string, sure bool) {
	if JobOf(msg) == "" {
		return "", true
	}
	switch {
	case job == nil:
		return "the job is gone from the chain", false
	case job.Node != node:
		return "the job was given to another node", false
	case job.Closed():
		return "the job is " + computetypes.StatusWord(job.Status) + ": " + job.Reason, true
	}
	last := computetypes.JOB_STATUS_RUNNING // of the statuses in which it can still come to pass
	switch m := msg.(type) {
	case *computetypes.MsgAcknowledgeJob:
		last = computetypes.JOB_STATUS_WAITING
		if !m.InputsReceived {
			last = computetypes.JOB_STATUS_SCHEDULED
		}
	case *computetypes.MsgDeclineJob, *computetypes.MsgStartJob:
		last = computetypes.JOB_STATUS_READY
	}
	if job.Status > last {
		return fmt.Sprintf("the job is %s already", computetypes.StatusWord(job.Status)), true
	}
	return "", true
}
