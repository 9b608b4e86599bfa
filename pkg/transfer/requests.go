package transfer

import (
	"bytes"
	"context"
	"fmt"

	"github.com/edgematrix/emc/pkg/job"
)

// Offer sends the specification and its salt, and returns what the worker still wants. Upload does this by itself.
func (c *Client) Offer(ctx context.Context, spec []byte, salt job.Salt) (wants []Want, err error) {
	err = c.retry(ctx, func(func()) error {
		wants, err = c.offer(ctx, spec, salt)
		return err
	})
	return wants, err
}

func (c *Client) offer(ctx context.Context, spec []byte, salt job.Salt) (wants []Want, err error) {
	if len(spec) == 0 || len(spec) > job.MaxSpecBytes {
		return nil, localError{fmt.Errorf("a specification has 1 to %d bytes, this one %d", job.MaxSpecBytes, len(spec))}
	}
	req := request{Verb: verbOffer, Size: int64(len(spec)), Salt: salt, Recipient: c.recipient()}
	err = c.exchange(ctx, req, func(cn conn) error {
		// The answer matters more than a failed write: the worker may have refused before it read everything.
		sent := cn.write(spec)
		r, err := cn.answer()
		if err != nil && CodeOf(err) == "" && sent != nil {
			err = sent
		}
		wants = r.Wants
		return err
	})
	return wants, err
}

// Status asks how far the job is.
func (c *Client) Status(ctx context.Context) (status Status, err error) {
	err = c.retry(ctx, func(func()) error {
		return c.exchange(ctx, request{Verb: verbStatus}, func(cn conn) error {
			r, err := cn.answer()
			if err != nil {
				return err
			}
			if r.Status == nil {
				return fmt.Errorf("%w: a status without a status", errFrame)
			}
			status = *r.Status
			status.Message = printable(status.Message)
			return nil
		})
	})
	return status, err
}

// Result returns the canonical bytes of the result and their salt, not yet verified: job.VerifyResult does that against
// the receipt on the chain. Before the job has finished, the error is CodeNotReady.
func (c *Client) Result(ctx context.Context) (data []byte, salt job.Salt, err error) {
	err = c.retry(ctx, func(func()) error {
		return c.exchange(ctx, request{Verb: verbResult}, func(cn conn) error {
			r, err := cn.answer()
			if err != nil {
				return err
			}
			if r.Size < 1 || r.Size > job.MaxResultBytes {
				return Errorf(CodeTooLarge, "a result has 1 to %d bytes, the worker announced %d", job.MaxResultBytes, r.Size)
			}
			var buf bytes.Buffer
			if err := cn.receive(&buf, r.Size); err != nil {
				return err
			}
			data, salt = buf.Bytes(), r.Salt
			return nil
		})
	})
	return data, salt, err
}
