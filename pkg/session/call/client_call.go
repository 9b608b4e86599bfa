package call

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

// Call is a running call. Read brings the answer, and pays on the way: who stops reading stops paying.
type Call struct {
	client  *Client
	ctx     context.Context
	request receipt.Request
	hash    receipt.ResponseHash

	left   []byte    // of the last piece
	told   uint64    // uemc
	paid   uint64    // uemc, prepaid of this call
	passed bool      // whoever asked has something of the answer
	due    time.Time // since when the node waits for what the router does not sign; zero: it does not
	err    error     // io.EOF after the receipt
	result receipt.Receipt
}

// Request is the call's.
func (k *Call) Request() receipt.Request { return k.request }

// Told is what the node says to have delivered so far, uemc.
func (k *Call) Told() uint64 { return k.told }

// Passed notes that something of the answer was passed on: from now on nobody can begin it anew elsewhere, and the call
// waits for a signature as long as Unsigned.
func (k *Call) Passed() { k.passed = true }

// Receipt is the accepted receipt, after Read returned io.EOF or Cancel nil.
func (k *Call) Receipt() receipt.Receipt { return k.result }

// Read implements io.Reader. io.EOF means that the answer ended and its receipt was accepted: its status tells whether it
// is whole. When the call's context ends, the call is cancelled, and costs what was delivered.
func (k *Call) Read(p []byte) (int, error) {
	for len(k.left) == 0 && k.err == nil {
		f, err := k.client.read(k.ctx)
		switch {
		case err != nil && k.ctx.Err() != nil && k.client.broken == nil:
			return 0, errors.Join(k.ctx.Err(), k.Cancel())
		case err != nil:
			return 0, k.lose(err)
		}
		if err := k.handle(k.ctx, f); err != nil {
			return 0, err
		}
	}
	if len(k.left) == 0 {
		return 0, k.err
	}
	n := copy(p, k.left)
	k.left = k.left[n:]
	return n, nil
}

// Cancel ends the call: what was delivered until the node heard of it is paid. It returns nil when the receipt was
// accepted.
func (k *Call) Cancel() error {
	if k.err != nil {
		return k.over()
	}
	c := k.client
	if err := c.conn.write(c.Write, KindCancel, nil); err != nil {
		return k.lose(c.fail(err))
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Drain)
	defer cancel()
	for k.err == nil {
		f, err := c.read(ctx)
		if err != nil {
			return k.lose(c.fail(err))
		}
		if f.Kind == KindDue {
			continue // nothing more is wanted
		}
		if err := k.handle(ctx, f); err != nil {
			return err
		}
	}
	return k.over()
}

func (k *Call) over() error {
	if errors.Is(k.err, io.EOF) {
		return nil
	}
	return k.err
}

// lose ends the call without a receipt. Resume tells what became of it.
func (k *Call) lose(err error) error {
	if k.err == nil {
		k.err = err
		k.client.Lane.Orphaned(k.request.Nonce)
		k.client.active = nil
	}
	return k.err
}

func (k *Call) handle(ctx context.Context, f Frame) error {
	switch f.Kind {
	case KindData:
		return k.data(ctx, f)
	case KindDue:
		n, err := f.number()
		if err != nil {
			return k.lose(k.client.fail(err))
		}
		unsigned, err := k.pay(ctx, func(l *session.Lane) error {
			return l.PrepayTo(k.request.Nonce, n, k.told+min(k.client.Ahead, k.request.MaxPrice-k.told))
		})
		if err != nil {
			return err
		}
		return k.starved(unsigned)
	case KindTaken:
		if err := k.client.taken(f); err != nil {
			return k.lose(err)
		}
		return nil
	case KindReceipt:
		return k.end(f)
	case KindError:
		return k.lose(decodeError(f.Payload))
	default:
		return k.lose(k.client.fail(frameError(errors.New("only a node's frames are expected here"))))
	}
}

func (k *Call) data(ctx context.Context, f Frame) error {
	p, err := decodePiece(f.Payload)
	if err != nil {
		return k.lose(k.client.fail(err))
	}
	if p.amount < k.told || p.amount > k.request.MaxPrice {
		return k.lose(k.client.fail(frameError(errors.New("it tells less than before, or more than the maximum price"))))
	}
	_, _ = k.hash.Write(p.data)
	k.left, k.told, k.due = p.data, p.amount, time.Time{}
	k.client.Lane.Heard(k.request.Nonce, k.told)
	if k.told-min(k.told, k.paid) < max(k.client.Slice, 1) {
		return nil
	}
	_, err = k.pay(ctx, func(l *session.Lane) error { return l.Prepay(k.request.Nonce, k.told) })
	return err
}

// pay sends a voucher in the middle of the call. A router that does not sign does not end it, and is told as unsigned: the
// node waits a while for the next one.
func (k *Call) pay(ctx context.Context, prepay func(*session.Lane) error) (unsigned, err error) {
	c := k.client
	if err := prepay(c.Lane); err != nil {
		if errors.Is(err, session.ErrUnknownCall) {
			return nil, nil // its receipt came by Resume
		}
		return nil, k.lose(c.fail(err))
	}
	v, err := c.Lane.Voucher(ctx)
	switch {
	case errors.Is(err, session.ErrLedger), errors.Is(err, session.ErrQuarantined):
		return nil, k.lose(c.fail(err))
	case err != nil:
		return err, nil
	}
	b, err := v.MarshalBinary()
	if err == nil {
		err = c.conn.write(c.Write, KindVoucher, b)
	}
	if err != nil {
		return nil, k.lose(c.fail(err))
	}
	k.paid = max(k.paid, k.told)
	return nil, nil
}

// starved ends a call whose node waits for a voucher that the router does not sign, when that has been so for long. What
// was delivered is owed; whoever asked can go on through another router.
func (k *Call) starved(unsigned error) error {
	switch {
	case !errors.Is(unsigned, session.ErrCosign):
		k.due = time.Time{}
		return nil
	case k.client.Unsigned <= 0:
		return nil
	case k.due.IsZero():
		k.due = time.Now()
	}
	if k.passed && time.Since(k.due) < k.client.Unsigned {
		return nil
	}
	return errors.Join(unsigned, k.Cancel())
}

func (k *Call) end(f Frame) error {
	e, err := decodeEnding(f.Payload)
	if err != nil {
		return k.lose(k.client.fail(err))
	}
	if e.receipt.Request != k.request {
		// One of the lane's all the same, if it is signed: Accept decides.
		err = k.client.Lane.Accept(e.receipt, nil)
		return k.lose(k.client.fail(errors.Join(receipt.ErrRequest, err)))
	}
	if err := k.client.Lane.Accept(e.receipt, &session.Answer{Digest: k.hash.Digest(e.salt), Amount: k.told}); err != nil {
		return k.lose(k.client.fail(err))
	}
	k.result, k.err = e.receipt, io.EOF
	k.client.active = nil
	return nil
}
