package jobclient

import (
	"context"
	"errors"
	"fmt"

	"github.com/edgematrix/emc/x/compute/types"
)

// Cancel ends a job that has not finished. A job that has not started costs the reservation fee, a running one the time
// that it ran. It works without the job's folder, too: the wallet's key is all that the chain asks for.
func (c *Client) Cancel(ctx context.Context, id string) (types.MsgCancelJobResponse, error) {
	var response types.MsgCancelJobResponse
	j, err := c.Chain.Job(ctx, id)
	if err != nil {
		return response, err
	}
	switch {
	case j.Customer != c.Wallet.Address():
		return response, fmt.Errorf("job %s belongs to %s, this key is %s", id, j.Customer, c.Wallet.Address())
	case j.Closed():
		return response, fmt.Errorf("job %s %s already: %s", id, statusPhrase(j.Status), j.Reason)
	case j.Status == types.JOB_STATUS_FINISHED:
		return response, fmt.Errorf("job %s has finished: `emcd job attach %s` fetches its result", id, short(id))
	}
	tx, err := c.Wallet.Send(ctx, &types.MsgCancelJob{Customer: j.Customer, Job: id}, func(string) error { return nil })
	if err != nil {
		return response, err
	}
	if err := response.Unmarshal(tx.Response); err != nil {
		return response, fmt.Errorf("the chain's answer to transaction %s cannot be read: %w", tx.Hash, err)
	}
	c.Console.Say("Job %s is cancelled: transaction %s.", id, tx.Hash)
	c.Console.Say("It cost %s, plus %s of transaction fees; %s came back.", people(response.Paid.Amount), people(tx.Fee.Amount), people(response.Refunded.Amount))
	rec, err := c.Store.Load(id)
	if errors.Is(err, ErrUnknownJob) {
		return response, nil
	}
	if err != nil {
		return response, err
	}
	if err := c.update(rec, func(r *Record) bool { r.Fees = r.Fees.Add(tx.Fee.Amount); return true }); err != nil {
		return response, err
	}
	_, err = c.job(ctx, rec)
	return response, err
}
