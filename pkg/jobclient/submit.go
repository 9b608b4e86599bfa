package jobclient

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/x/compute/types"
)

// acceptShare keeps as much for the acceptance as the submission costs: it is the smaller of the two.
const acceptShare = 2

// Confirm asks the customer whether to go on; an error stops.
type Confirm func() error

// place quotes, asks, and submits. It returns the job as it stands on the chain.
func (c *Client) place(ctx context.Context, r Request, confirm Confirm) (*Record, types.Job, error) {
	o, q, err := c.quote(ctx, r)
	if err != nil {
		return nil, types.Job{}, err
	}
	c.ShowQuote(q, uint64(o.spec.MaxSeconds), false)
	if q.Node == "" {
		return nil, types.Job{}, fmt.Errorf("nothing was submitted; `--dry-run` shows every node and what it lacks")
	}
	if err := c.checkFunds(ctx, q, types.Uemc(math.ZeroInt())); err != nil {
		return nil, types.Job{}, err
	}
	rec, msg, err := c.prepare(o, q)
	if err != nil {
		return nil, types.Job{}, err
	}
	fee, err := c.Wallet.Fee(ctx, msg)
	if err != nil {
		return nil, types.Job{}, err
	}
	if err := c.checkFunds(ctx, q, types.Uemc(fee.Amount.MulRaw(acceptShare))); err != nil {
		return nil, types.Job{}, err
	}
	if confirm != nil {
		if err := confirm(); err != nil {
			return nil, types.Job{}, err
		}
	}
	if err := c.submit(ctx, rec, msg); err != nil {
		return rec, types.Job{}, err
	}
	j, err := c.job(ctx, rec)
	return rec, j, err
}

// checkFunds refuses what cannot be paid, before the customer is asked to sign.
func (c *Client) checkFunds(ctx context.Context, q Quote, fees sdk.Coin) error {
	most := q.Most
	if q.Session != nil {
		if err := checkFree(*q.Session, most); err != nil {
			return err
		}
		most = types.Uemc(math.ZeroInt()) // the account pays the fees alone
	}
	have, err := c.Chain.Balance(ctx, c.Wallet.Address())
	if err != nil {
		return err
	}
	if have.Amount.GTE(most.Amount.Add(fees.Amount)) {
		return nil
	}
	and := "its fees"
	if fees.IsPositive() {
		and = "about " + amount.Format(fees) + " of fees"
	}
	if q.Session != nil {
		return fmt.Errorf("%s has %s, and pays %s: send coins there", c.Wallet.Address(), amount.Format(have), and)
	}
	return fmt.Errorf("%s has %s; the job holds %s until it ends, plus %s: send coins there, or ask for less with --max-price or --max-time",
		c.Wallet.Address(), amount.Format(have), amount.Format(most), and)
}

// prepare makes the job's key and salt and the message that names them.
func (c *Client) prepare(o *order, q Quote) (*Record, sdk.Msg, error) {
	priv, pub, err := transfer.NewAccessKey()
	if err != nil {
		return nil, nil, err
	}
	salt, err := job.NewSalt(c.Random)
	if err != nil {
		return nil, nil, err
	}
	spec, err := job.MarshalSpec(o.spec)
	if err != nil {
		return nil, nil, err
	}
	inputs, err := job.InputsDigest(salt, o.spec.Inputs)
	if err != nil {
		return nil, nil, err
	}
	output := o.OutputDir
	if output != "" {
		if output, err = filepath.Abs(output); err != nil {
			return nil, nil, err
		}
	}
	rec := &Record{
		Version: recordVersion, ChainID: c.Chain.ChainID(), Customer: c.Wallet.Address(), App: o.App,
		AccessKey: hex.EncodeToString(priv), PublicKey: pub.String(), Salt: salt, Spec: string(spec),
		Files: o.files, OutputDir: output, CreatedAt: c.Now().UTC(), Fees: math.ZeroInt(), Price: math.ZeroInt(), Refund: math.ZeroInt(),
	}
	msg := &types.MsgSubmitJob{
		Customer: c.Wallet.Address(), App: o.App, Node: o.Node, Requirements: withStake(o.Requirements),
		MaxSeconds: uint64(o.spec.MaxSeconds), MaxPrice: q.Most,
		SpecDigest: job.SpecDigest(salt, spec).Bytes(), InputsDigest: inputs.Bytes(), AccessKey: pub[:],
	}
	if err := msg.Validate(q.Params); err != nil {
		return nil, nil, plain{err}
	}
	if o.Session != "" {
		return rec, forSession(o.Session, msg), nil
	}
	return rec, msg, nil
}

// submit keeps the record, then sends. The folder is removed again only when it is certain that no block holds the
// submission.
func (c *Client) submit(ctx context.Context, rec *Record, msg sdk.Msg) error {
	if err := c.Store.Create(rec); err != nil {
		return err
	}
	c.Console.Say("Submitting …")
	tx, err := c.Wallet.Send(ctx, msg, func(hash string) error {
		rec.SubmitTx = hash
		if err := c.Store.Save(rec); err != nil {
			rec.SubmitTx = "" // nothing is sent without it
			return err
		}
		return nil
	})
	if err != nil {
		if refused := (*TxError)(nil); errors.As(err, &refused) || errors.Is(err, ErrVoid) || rec.SubmitTx == "" {
			return errors.Join(err, c.Store.Drop(rec))
		}
		return fmt.Errorf("%w\nTransaction %s may still enter a block: `emcd job list` shows whether the job exists, `emcd job attach` goes on with it", err, rec.SubmitTx)
	}
	id, err := submitted(msg, tx.Response)
	if err != nil {
		return fmt.Errorf("the chain's answer to transaction %s cannot be read: %w; `emcd job list` shows the job", tx.Hash, err)
	}
	rec.Fees = rec.Fees.Add(tx.Fee.Amount)
	if err := c.Store.Name(rec, id); err != nil {
		return err
	}
	c.Console.Say("Job %s is on the chain: block %d, transaction %s.", rec.ID, tx.Height, tx.Hash)
	return nil
}

// Adopt finds the ids of this customer's jobs whose submission was interrupted before its block was seen.
func (c *Client) Adopt(ctx context.Context, customer string) error {
	records, _ := c.Store.List()
	var pending []*Record
	for _, r := range records {
		if r.ID == "" && r.ChainID == c.Chain.ChainID() && r.Customer == customer {
			pending = append(pending, r)
		}
	}
	if len(pending) == 0 {
		return nil
	}
	jobs, err := c.Chain.CustomerJobs(ctx, customer)
	if err != nil {
		return err
	}
	for _, r := range pending {
		for _, j := range jobs {
			if hex.EncodeToString(j.AccessKey) != r.PublicKey {
				continue
			}
			if err := c.Store.Name(r, j.Id); err != nil {
				return err
			}
		}
	}
	return nil
}
