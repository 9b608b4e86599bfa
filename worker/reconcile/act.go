package reconcile

import (
	"context"
	"errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/worker/jobstore"
	"github.com/edgematrix/emc/worker/runtime"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Keys of messages in the queue: one of a kind for each job, so that saying the
// same thing twice is impossible.
const (
	waitingKey  = "waiting"
	receivedKey = "received"
	startKey    = "start"
	declineKey  = "decline"
	receiptKey  = "receipt"
)

func key(kind, id string) string { return kind + "/" + id }

// carryOut does the actions in their order and stops at the first that fails:
// the next pass decides anew.
func (l *Loop) carryOut(ctx context.Context, id string, j *computetypes.Job, d Decision) error {
	if len(d.Actions) > 0 {
		defer l.cfg.Queue.Wake()
	}
	for _, a := range d.Actions {
		if (a == SayStart || a == Run) && l.cfg.Hold != nil && l.cfg.Hold() {
			return nil // the next pass decides anew, and by then how much time is left
		}
		if err := l.act(ctx, a, id, j, d); err != nil {
			l.cfg.Logger.Error("job: "+string(a)+" failed", "job", id, "error", err)
			return err
		}
	}
	return nil
}

func (l *Loop) act(ctx context.Context, a Action, id string, j *computetypes.Job, d Decision) error {
	node := l.cfg.Node
	if words := words(a); words != "" {
		l.cfg.Logger.Info("job: "+words, "job", id, "reason", d.Words)
	}
	switch a {
	case SayWaiting:
		return l.say(waitingKey, id, &computetypes.MsgAcknowledgeJob{Node: node, Job: id})
	case SayReceived:
		return l.say(receivedKey, id, &computetypes.MsgAcknowledgeJob{Node: node, Job: id, InputsReceived: true})
	case SayStart:
		return l.say(startKey, id, &computetypes.MsgStartJob{Node: node, Job: id})
	case SayDecline:
		if err := l.say(declineKey, id, &computetypes.MsgDeclineJob{Node: node, Job: id, Reason: clip(d.Words, computetypes.MaxReasonBytes)}); err != nil {
			return err
		}
		return l.discard(id, d.Words)
	case SayReceipt:
		outcome, err := l.cfg.Store.Outcome(id)
		if err != nil {
			return err
		}
		receipt, err := receiptOf(outcome)
		if err != nil {
			return err
		}
		return l.say(receiptKey, id, &computetypes.MsgSubmitReceipt{Node: node, Job: id, Receipt: receipt})
	case Run:
		l.begin(ctx, id, j, d)
		return nil
	case Kill:
		l.kill(id, d.Words)
		return nil
	case Fail:
		return l.fail(id, d.Words)
	case Close:
		return l.discard(id, d.Words)
	case Accept:
		return l.cfg.Store.Accepted(id)
	}
	return nil
}

// words is what the log says about an action. Messages are told where they are
// put into the queue, since they may be there already.
func words(a Action) string {
	switch a {
	case Run, Kill, Fail, Close, Accept:
		return string(a)
	}
	return ""
}

func (l *Loop) say(kind, id string, msg sdk.Msg) error {
	added, err := l.cfg.Queue.Put(key(kind, id), msg)
	if added {
		l.cfg.Logger.Info("job: message to the chain", "job", id, "message", kind)
	}
	return err
}

func (l *Loop) discard(id, words string) error {
	err := l.cfg.Store.Discard(id, words)
	if errors.Is(err, jobstore.ErrUnknownJob) {
		return nil
	}
	return err
}

// fail ends a job that the chain counts as running and that cannot be run: the
// customer is refunded at once instead of after the deadline.
func (l *Loop) fail(id, words string) error {
	failed := runtime.Result{Reason: runtime.ReasonInternal, ExitCode: -1, Message: "the worker failed: " + words}
	_, err := l.cfg.Store.Begin(id) // a result needs a run, if only an empty one
	if err == nil {
		_, err = l.cfg.Store.Finish(id, failed)
		return err // the receipt follows in the next pass
	}
	l.cfg.Logger.Warn("the job cannot be ended in the store; its receipt carries no result", "job", id, "error", err)
	receipt, err := emptyReceipt(l.cfg.ChainID, id, failed)
	if err != nil {
		return err
	}
	return l.say(receiptKey, id, &computetypes.MsgSubmitReceipt{Node: l.cfg.Node, Job: id, Receipt: receipt})
}

func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most-3] + "..."
}
