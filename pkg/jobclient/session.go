package jobclient

import (
	"context"
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

// A job may be paid by a session instead of its customer's account. A session that a socket funds has the node and the
// price, too; nothing is matched then, because the slot is sold already.

// quoteFor is the quote of a job that a session pays for: of its own node, if it has one.
func (c *Client) quoteFor(ctx context.Context, o *order, q *Quote) (done bool, err error) {
	r, err := c.Chain.Session(ctx, o.Session)
	if err != nil {
		return false, err
	}
	q.Session = &r
	s := r.Session
	if s.Node == "" {
		return false, nil
	}
	if o.Node != "" && o.Node != s.Node {
		return false, fmt.Errorf("session %s pays node %s alone: leave out --worker, or submit without --session", o.Session, s.Node)
	}
	q.Node, q.Chosen = s.Node, "the node of "+s.Source
	if s.SlotHourPrice != nil {
		q.SlotHourPrice = *s.SlotHourPrice
	}
	q.Price = types.Uemc(types.FullPrice(q.Params, q.SlotHourPrice.Amount, uint64(o.spec.MaxSeconds)))
	q.Most = q.Price
	return true, nil
}

// checkFree refuses what the session cannot pay, before the customer is asked to sign.
func checkFree(r markettypes.QuerySessionResponse, most sdk.Coin) error {
	if r.Session.Status != markettypes.SESSION_STATUS_OPEN {
		return fmt.Errorf("session %s %s: open a new one, or plug the socket in again", r.Session.Id, r.State)
	}
	if r.Free.IsLT(most) {
		return fmt.Errorf("session %s has %s free; the job holds %s until it ends: ask for less with --max-time or --max-price",
			r.Session.Id, amount.Format(r.Free), amount.Format(most))
	}
	return nil
}

// forSession is the message by which a session pays for the job.
func forSession(session string, m *types.MsgSubmitJob) *markettypes.MsgSubmitSessionJob {
	return &markettypes.MsgSubmitSessionJob{
		Customer: m.Customer, Session: session, App: m.App, Node: m.Node, Requirements: m.Requirements, MaxSeconds: m.MaxSeconds, MaxPrice: m.MaxPrice,
		SpecDigest: m.SpecDigest, InputsDigest: m.InputsDigest, AccessKey: m.AccessKey,
	}
}

// submitted reads the job's id from the chain's answer to its submission.
func submitted(msg sdk.Msg, response []byte) (string, error) {
	if _, ok := msg.(*markettypes.MsgSubmitSessionJob); ok {
		var r markettypes.MsgSubmitSessionJobResponse
		err := r.Unmarshal(response)
		return r.Job, err
	}
	var r types.MsgSubmitJobResponse
	err := r.Unmarshal(response)
	return r.Job, err
}
