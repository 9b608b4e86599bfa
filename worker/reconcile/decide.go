// Package reconcile compares what the chain wants of this node with what there
// is, and says what to do next. Decide is a pure function of both, so that the
// worker may be killed at any moment: after its restart the same comparison
// leads on from wherever it was.
package reconcile

import (
	"fmt"
	"time"

	"github.com/edgematrix/emc/pkg/transfer"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Margin is how long before the chain gives a job up its run must have ended:
// time for the result to be hashed and the receipt to reach a block.
const Margin = 30 * time.Second

// Local is what this machine has of a job.
type Local struct {
	// Phase is empty when nothing is stored.
	Phase transfer.Phase
	// Refusal says in words why the job cannot be run here; empty when it can.
	Refusal string
	// Running is set while a run is alive in this process.
	Running bool
	// Accepted is set once the store knows that the customer was satisfied.
	Accepted bool
}

// Queued tells which messages about a job wait to reach a block.
type Queued struct {
	Waiting, Received, Start, Decline, Receipt bool
}

// View is one job as seen from both sides.
type View struct {
	// Node is this node's address.
	Node string
	// Job is what the chain has; nil when it has it no more.
	Job    *computetypes.Job
	Local  Local
	Queued Queued
	Params computetypes.Params
	// Now is the chain's time.
	Now time.Time
	// FreeSlot is set when another run may begin.
	FreeSlot bool
}

// Action is one thing to do.
type Action string

// The actions.
const (
	// SayWaiting: tell the chain that the job was seen and its inputs are not here.
	SayWaiting Action = "say waiting"
	// SayReceived: tell the chain that every input is here.
	SayReceived Action = "say received"
	// SayStart: tell the chain that the run begins.
	SayStart Action = "say start"
	// SayDecline: give the job back, Words say why.
	SayDecline Action = "decline"
	// SayReceipt: tell the chain how the run ended.
	SayReceipt Action = "send receipt"
	// Run begins a run that may last Decision.Limit.
	Run Action = "run"
	// Kill ends the run.
	Kill Action = "kill"
	// Fail stores a result that says that the worker failed; its receipt follows.
	Fail Action = "fail"
	// Close ends the stored job without a result.
	Close Action = "close"
	// Accept notes that the customer was satisfied.
	Accept Action = "accept"
)

// Decision is what to do about one job, in order.
type Decision struct {
	Actions []Action
	// Words give the reason.
	Words string
	// Limit bounds the run. Short is set when it is less than the customer was
	// promised: if the run then hits it, that is the worker's fault.
	Limit time.Duration
	Short bool
}

func do(words string, actions ...Action) Decision { return Decision{Actions: actions, Words: words} }

// Decide says what to do about one job.
func Decide(v View) Decision {
	j := v.Job
	switch {
	case j == nil:
		return v.ended("the job is gone from the chain")
	case j.Node != v.Node:
		return v.ended("the job was given to another node")
	case j.Closed():
		return v.closed()
	}
	switch j.Status {
	case computetypes.JOB_STATUS_SCHEDULED, computetypes.JOB_STATUS_WAITING:
		return v.early()
	case computetypes.JOB_STATUS_READY:
		return v.ready()
	case computetypes.JOB_STATUS_RUNNING:
		return v.running()
	}
	return Decision{}
}

// ended: the chain no longer wants anything of this node.
func (v View) ended(words string) Decision {
	switch {
	case v.Local.Running:
		return do(words, Kill)
	case live(v.Local.Phase):
		return do(words, Close)
	}
	return Decision{}
}

func (v View) closed() Decision {
	if v.Job.Status == computetypes.JOB_STATUS_COMPLETED && finished(v.Local.Phase) && !v.Local.Accepted {
		return do("the job is paid", Accept)
	}
	return v.ended("the job is " + computetypes.StatusWord(v.Job.Status) + ": " + v.Job.Reason)
}

// early: scheduled, or waiting for inputs.
func (v View) early() Decision {
	half := time.Duration(v.Params.AcknowledgeSeconds) * time.Second / 2
	late := v.Job.Status == computetypes.JOB_STATUS_SCHEDULED && !v.Now.Before(time.Unix(v.Job.Deadline, 0).Add(-half))
	switch {
	case v.Queued.Decline || v.Queued.Received:
		return Decision{}
	case v.Local.Refusal != "":
		return do(v.Local.Refusal, SayDecline)
	case finished(v.Local.Phase) || v.Local.Phase == transfer.PhaseClosed:
		// It was here before and came back: the chain passes a job on, never back.
		return do("this worker has ended the job already", SayDecline)
	case v.Local.Phase == transfer.PhaseReady && v.FreeSlot:
		return do("the inputs are here", SayReceived, SayStart)
	case v.Local.Phase == transfer.PhaseReady && late:
		return do("every slot of the worker is taken", SayDecline)
	case late && !v.Queued.Waiting:
		return do("the inputs are not here yet", SayWaiting)
	}
	return Decision{}
}

// ready: the chain has been told that the inputs are here.
func (v View) ready() Decision {
	switch {
	case v.Queued.Start || v.Queued.Decline:
		return Decision{}
	case v.Local.Phase != transfer.PhaseReady && v.Local.Phase != transfer.PhaseRunning:
		return do("the worker has lost the job's inputs", SayDecline)
	case v.Local.Refusal != "":
		return do(v.Local.Refusal, SayDecline)
	case v.FreeSlot:
		return do("the inputs are here", SayStart)
	}
	return Decision{}
}

// running: the billed time runs. A run that a killed worker left behind is done
// again from the start if the time suffices.
func (v View) running() Decision {
	switch {
	case v.Queued.Receipt || v.Local.Running:
		return Decision{}
	case finished(v.Local.Phase):
		return do("the run has ended", SayReceipt)
	case v.Local.Phase != transfer.PhaseReady && v.Local.Phase != transfer.PhaseRunning:
		return do("the worker has lost the job", Fail)
	case v.Local.Refusal != "":
		return do(v.Local.Refusal, Fail)
	}
	full := time.Duration(v.Job.MaxSeconds) * time.Second
	left := time.Unix(v.Job.Deadline, 0).Add(-v.margin()).Sub(v.Now)
	if left < time.Second {
		return do(fmt.Sprintf("no time is left to run the job before its receipt is due (%s)", left.Round(time.Second)), Fail)
	}
	d := do("the start is in a block", Run)
	d.Limit, d.Short = min(full, left), left < full
	return d
}

// margin is Margin, or less where the chain itself leaves less.
func (v View) margin() time.Duration {
	return min(Margin, time.Duration(v.Params.ReceiptSeconds)*time.Second/2)
}

func live(p transfer.Phase) bool {
	switch p {
	case transfer.PhaseNew, transfer.PhaseInputs, transfer.PhaseReady, transfer.PhaseRunning:
		return true
	}
	return false
}

func finished(p transfer.Phase) bool {
	return p == transfer.PhaseFinished || p == transfer.PhaseWiped
}
