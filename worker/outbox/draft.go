package outbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/worker/reconcile"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// lagAllowance is how far an RPC endpoint may lag behind the one that told of
// a job.
const lagAllowance = time.Minute

// ready returns the pending messages whose turn it is, and drops those whose
// purpose the chain's state has overtaken.
func (o *Outbox) ready(ctx context.Context) ([]Message, error) {
	pending, err := o.cfg.Spool.Pending(4 * batch)
	if err != nil {
		return nil, err
	}
	var out []Message
	held := map[string]bool{} // jobs with a message that is put off: those behind it wait, too
	for _, m := range pending {
		why, sure, err := o.void(ctx, m)
		if err != nil {
			return nil, err
		}
		job := reconcile.JobOf(m.Msg)
		switch {
		case why != "" && !sure && o.cfg.Now().Sub(m.Created) < lagAllowance:
			held[job] = true
		case why != "":
			if err := o.drop(m, why); err != nil {
				return nil, err
			}
		case o.cfg.Now().Before(o.pauses[m.Key].until), job != "" && held[job]:
			held[job] = true
		case len(out) < batch:
			out = append(out, m)
		}
	}
	return out, nil
}

func (o *Outbox) void(ctx context.Context, m Message) (why string, sure bool, err error) {
	if m.Broken != nil {
		return "it cannot be read: " + m.Broken.Error(), true, nil //nolint:nilerr // a broken message is void, with its error as the reason
	}
	id := reconcile.JobOf(m.Msg)
	if id == "" {
		return "", true, nil
	}
	var state *computetypes.Job
	switch job, err := o.cfg.Chain.Job(ctx, id); {
	case err == nil:
		state = &job
	case !errors.Is(err, chainclient.ErrNotFound):
		return "", true, err
	}
	why, sure = reconcile.Void(m.Msg, state, o.self)
	return why, sure, nil
}

func (o *Outbox) drop(m Message, why string) error {
	o.cfg.Logger.Info("a message to the chain is no longer needed", "message", m.Key, "reason", why)
	delete(o.pauses, m.Key)
	return o.cfg.Spool.Done([]string{m.Key}, Outcome{Dropped: why})
}

// draft finds the messages that the chain would take now. When the batch as a
// whole fails, the first one that fails is put off, and those before it go.
func (o *Outbox) draft(ctx context.Context, ready []Message) (chainclient.Draft, []string, error) {
	account, err := o.cfg.Chain.Account(ctx, o.self)
	if errors.Is(err, chainclient.ErrNotFound) {
		return chainclient.Draft{}, nil, fmt.Errorf("the node's account %s is not on the chain; register the node with `emc-worker register`", o.self)
	}
	if err != nil {
		return chainclient.Draft{}, nil, err
	}
	d := chainclient.Draft{Account: account}
	if o.cfg.Granter != nil {
		if d.FeeGranter, err = o.cfg.Granter(ctx); err != nil {
			return d, nil, err
		}
	}
	gas, err := o.simulate(ctx, d, ready)
	if err != nil && !chainclient.IsRefusal(err) {
		return d, nil, err
	}
	if err != nil && len(ready) > 1 {
		ready, gas, err = o.goodPrefix(ctx, d, ready)
	}
	if err != nil {
		if len(ready) == 1 && chainclient.IsRefusal(err) {
			o.putOff(ready[0], err)
			if reconcile.JobOf(ready[0].Msg) != "" {
				return d, nil, nil // the others are not to wait for it
			}
		}
		return d, nil, err
	}
	d.Messages = messages(ready)
	keys := make([]string, len(ready))
	for i, m := range ready {
		keys[i] = m.Key
	}
	return o.cfg.Chain.WithGas(d, uint64(math.Ceil(float64(gas)*o.cfg.GasAdjustment*o.boost))), keys, nil
}

// goodPrefix is called when all together fail. It returns the longest run of
// messages from the first one on that the chain would take, and puts off the
// one after it. The order matters: a start follows its acknowledgement.
func (o *Outbox) goodPrefix(ctx context.Context, d chainclient.Draft, ready []Message) ([]Message, uint64, error) {
	var gas uint64
	for n := 1; n <= len(ready); n++ {
		used, err := o.simulate(ctx, d, ready[:n])
		switch {
		case err == nil:
			gas = used
			continue
		case !chainclient.IsRefusal(err):
			return nil, 0, err
		case n == 1:
			return ready[:1], 0, err
		}
		o.putOff(ready[n-1], err)
		return ready[:n-1], gas, nil
	}
	return ready, gas, nil // the chain has moved meanwhile
}

func (o *Outbox) simulate(ctx context.Context, d chainclient.Draft, ready []Message) (uint64, error) {
	d.Messages = messages(ready)
	// The fee of a simulation is not taken; the gas limit must not end it.
	return o.cfg.Chain.Simulate(ctx, d, o.cfg.Signer)
}

func (o *Outbox) putOff(m Message, why error) {
	o.cfg.Logger.Warn("the chain does not take a message yet", "message", m.Key, "again_in", o.pause(m.Key), "error", why)
}

// pause puts a message off for a growing time.
func (o *Outbox) pause(key string) time.Duration {
	p := o.pauses[key]
	p.next = max(firstPause, min(2*p.next, longestPause))
	p.until = o.cfg.Now().Add(p.next)
	o.pauses[key] = p
	return p.next
}

func messages(list []Message) []sdk.Msg {
	out := make([]sdk.Msg, len(list))
	for i, m := range list {
		out[i] = m.Msg
	}
	return out
}
