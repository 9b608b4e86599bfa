package outbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/worker/power"
	"github.com/edgematrix/emc/worker/reconcile"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// lagAllowance is how far an RPC endpoint may lag behind the one that told of
// a job.
const lagAllowance = time.Minute

// looked bounds how many of the waiting messages are compared with the chain in
// one step; proofs among the first searched of them go before all others.
const (
	searched = 1000
	looked   = 4 * batch
)

// ready returns the pending messages whose turn it is, and drops those whose
// purpose the chain's state has overtaken. A proof is alone: its block is a
// matter of seconds, and no other message's failure may take it along.
func (o *Outbox) ready(ctx context.Context) ([]Message, error) {
	pending, err := o.cfg.Spool.Pending(searched)
	if err != nil {
		return nil, err
	}
	pending, err = o.urgentFirst(pending)
	if err != nil {
		return nil, err
	}
	var out []Message
	held := map[string]bool{} // jobs with a message that is put off: those behind it wait, too
	for _, m := range pending[:min(len(pending), looked)] {
		proof := m.Broken == nil && power.WindowOf(m.Msg) != 0
		if m.Broken == nil && o.cfg.Later != nil && o.cfg.Later(m.Msg) {
			continue
		}
		why, sure, err := o.void(ctx, &m)
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
		case proof:
			return []Message{m}, nil
		case len(out) < batch:
			out = append(out, m)
		}
	}
	return out, nil
}

// urgentFirst puts the messages of proofs before all others, and drops
// commitments that a newer one replaces.
func (o *Outbox) urgentFirst(pending []Message) ([]Message, error) {
	var proofs, rest []Message
	for _, m := range pending {
		if m.Broken != nil || power.WindowOf(m.Msg) == 0 {
			rest = append(rest, m)
			continue
		}
		newer := func(other Message) bool { return other.Broken == nil && power.Supersedes(other.Msg, m.Msg) }
		if slices.ContainsFunc(pending, newer) {
			if err := o.drop(m, "a newer commitment takes its place"); err != nil {
				return nil, err
			}
			continue
		}
		proofs = append(proofs, m)
	}
	return append(proofs, rest...), nil
}

func (o *Outbox) void(ctx context.Context, m *Message) (why string, sure bool, err error) {
	if m.Broken != nil {
		return "it cannot be read: " + m.Broken.Error(), true, nil //nolint:nilerr // a broken message is void, with its error as the reason
	}
	if window := power.WindowOf(m.Msg); window != 0 {
		return o.voidProof(ctx, m, window)
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

func (o *Outbox) voidProof(ctx context.Context, m *Message, height int64) (why string, sure bool, err error) {
	var state *poctypes.Window
	switch w, err := o.cfg.Chain.Window(ctx, height); {
	case err == nil:
		state = &w
	case !errors.Is(err, chainclient.ErrNotFound):
		return "", true, err
	}
	head, err := o.cfg.Chain.Head(ctx)
	if err != nil {
		return "", true, err
	}
	why, sure, m.Until = power.Void(m.Msg, state, head.Height)
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
			if reconcile.JobOf(ready[0].Msg) != "" || power.WindowOf(ready[0].Msg) != 0 {
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
