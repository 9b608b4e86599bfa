package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/test/e2e/rig"
)

// used is what a plugged socket's session paid, in uemc.
type used struct {
	job   int64
	calls redeemed
}

// use plugs the socket in, runs a job and makes calls on it, and unplugs it.
func (o *outlet) use(ctx context.Context, t trained) (u used, err error) {
	if err := o.plug(ctx, t); err != nil {
		return u, err
	}
	if u.job, err = o.runJob(ctx, t); err != nil {
		return u, err
	}
	c, err := o.makeCalls(ctx)
	if err != nil {
		return u, err
	}
	defer c.close()
	if _, err := o.tx(ctx, "bob", "socket", "unplug", o.socket); err != nil {
		return u, err
	}
	lane, err := o.settled(ctx, c)
	if err != nil {
		return u, err
	}
	u.calls = shares(int64(lane.Amount))
	o.say("the vouchers are redeemed: %d calls for %s", lane.Count, emc(int64(lane.Amount)))
	return u, o.idle(ctx, u)
}

// plug starts the miner's node and carol's router as processes, and opens the socket's session.
func (o *outlet) plug(ctx context.Context, t trained) (err error) {
	if o.node, err = o.workerKey(filepath.Join(o.dir, "miner.key")); err != nil {
		return err
	}
	if o.router, err = readKey(filepath.Join(o.dir, "router.key")); err != nil {
		return err
	}
	if o.sessionKey, err = newKey(filepath.Join(o.dir, "bob.key")); err != nil {
		return err
	}
	// The worker's daemon sends with the node's key; who redeems may be anybody.
	payerFile := filepath.Join(o.dir, "payer.key")
	payer, err := newKey(payerFile)
	if err != nil {
		return err
	}
	if err := o.grant(ctx, payer); err != nil {
		return err
	}
	if err := o.covers(ctx); err != nil {
		return err
	}
	if o.nodePart, o.nodeAt, err = o.start(ctx, "node", "miner", part{Operator: o.worker.Operator, PayerFile: payerFile, Weights: t.weights}); err != nil {
		return err
	}
	if o.vouching, o.routerAt, err = o.start(ctx, "router", "router", part{Operator: o.before["carol"].Address}); err != nil {
		return err
	}
	if _, err := o.tx(ctx, "bob", "socket", "plug", o.socket, "--key", hex.EncodeToString(o.sessionKey.Public().Bytes()), "--allotments",
		fmt.Sprintf(`{"router":"%s","amount":{"denom":"uemc","amount":"%d"}}`, o.router.address(), socketRouted)); err != nil {
		return err
	}
	v, err := o.look(ctx)
	if err != nil {
		return err
	}
	o.say("the socket is %s", v.View.State)
	id, err := receipt.ParseSessionID(v.View.Socket.Session)
	if err != nil {
		return err
	}
	chain, err := connect(o.net.RPC, o.net.ChainID, payer, o.worker.Operator)
	if err != nil {
		return err
	}
	o.session, err = chain.Session(ctx, id)
	return err
}

// runJob has the model write, on the socket's slot and at its price.
func (o *outlet) runJob(ctx context.Context, t trained) (int64, error) {
	demo := *o.demo
	demo.customer = o.bob
	s, err := demo.follow(ctx, rig.Order{
		App: "charlm", AppFile: o.bin.Charlm(), Inputs: []string{"weights.bin=" + t.weights}, Output: filepath.Join(o.dir, "text"),
		Flags: []string{"--session", o.session.ID.String(), "--max-time", "2m"}, Args: []string{"generate", "--weights", "/in/weights.bin", "--length", "200"},
	})
	if err != nil {
		return 0, err
	}
	j, err := o.net.Job(ctx, s.Job)
	if err != nil {
		return 0, err
	}
	demo.receipt(j, s)
	v, err := o.look(ctx)
	if err != nil {
		return 0, err
	}
	seconds := int64(v.View.Socket.Expires - v.View.Socket.SoldAt)
	want := (firstPrice*3600 + seconds - 1) / seconds // the first price over the time that was left then, rounded up
	if !s.Verified || j.Status != rig.Completed || int64(j.SlotHourPrice.Amount) != want || j.Node != o.worker.Address {
		return 0, fmt.Errorf("job %s is %s on node %s at %d uemc an hour, expected %d: the socket's price", j.ID, j.Word(), j.Node, j.SlotHourPrice.Amount, want)
	}
	return int64(j.Paid.Amount), o.money.Check(ctx)
}

// idle waits until what the session did not use is in the socket again.
func (o *outlet) idle(ctx context.Context, u used) error {
	spent := u.job + u.calls.paid
	return rig.Eventually(ctx, partTime, "the socket is unplugged", func() (bool, error) {
		v, err := o.look(ctx)
		if err != nil || !strings.HasSuffix(v.View.Socket.Status, "_IDLE") {
			return false, err
		}
		if int64(v.View.Socket.Used) != spent || int64(v.Escrow.Amount) != firstPrice-spent {
			return false, fmt.Errorf("%d uemc are used and %d left, expected %d and %d", v.View.Socket.Used, v.Escrow.Amount, spent, firstPrice-spent)
		}
		o.say("the socket is %s", v.View.State)
		return true, nil
	})
}

// shares are the parts of what vouchers of one lane paid.
func shares(paid int64) redeemed {
	r := redeemed{paid: paid, router: paid * 5 / 100, validators: paid * 2 / 100}
	r.node = paid - r.router - r.validators
	return r
}
