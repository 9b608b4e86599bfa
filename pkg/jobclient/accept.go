package jobclient

import (
	"context"
	"errors"

	"github.com/edgematrix/emc/x/compute/types"
)

// accept pays the node at once. It is called only after collect has verified everything.
func (c *Client) accept(ctx context.Context, rec *Record) error {
	tx, err := c.Wallet.Send(ctx, &types.MsgAcceptResult{Customer: rec.Customer, Job: rec.ID}, func(hash string) error {
		return c.update(rec, func(r *Record) bool { r.AcceptTx = hash; return true })
	})
	fee := tx.Fee
	if refused := (*TxError)(nil); errors.As(err, &refused) {
		fee = refused.Fee
	}
	if !fee.IsNil() && fee.IsPositive() {
		if saveErr := c.update(rec, func(r *Record) bool { r.Fees = r.Fees.Add(fee.Amount); return true }); saveErr != nil {
			return errors.Join(err, saveErr)
		}
	}
	if err != nil {
		// The acceptance window may have ended meanwhile: then the chain has paid by itself, which is as good.
		if j, jobErr := c.job(ctx, rec); jobErr == nil && j.Status == types.JOB_STATUS_COMPLETED {
			c.Console.Say("The acceptance window had ended: the chain has paid the node by itself.")
			return nil
		}
		return err
	}
	if _, err := c.job(ctx, rec); err != nil {
		return err
	}
	c.Console.Say("Result verified and accepted: transaction %s.", tx.Hash)
	return nil
}
