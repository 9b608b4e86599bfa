package call

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
)

// ErrStream means a stream that broke: open another one to the node. What its call came to, Resume tells.
var ErrStream = errors.New("the stream to the node broke")

// ClientConfig is a customer's end of the streams.
type ClientConfig struct {
	Lane  *session.Lane
	Slice uint64        // uemc: a voucher is sent whenever so much more is owed, or told by a running call; docs/sessions.md says how much
	Ahead uint64        // uemc: the most that is prepaid beyond what came, where a node asks for it
	Wait  time.Duration // for each frame of the node
	Write time.Duration // for each frame to the node
	Drain time.Duration // how long a cancelled call waits for its receipt
	// Unsigned is how long a call goes on for which the node waits for a voucher that the router does not sign, once Passed
	// was called; before that it ends at once. Zero: it goes on as long as the node waits.
	Unsigned time.Duration
}

// Client makes the calls of one stream, one after the other. Several clients of a lane work at the same time.
type Client struct {
	ClientConfig
	conn   *conn
	broken error
	active *Call
}

// NewClient begins to use a stream to the lane's node.
func NewClient(cfg ClientConfig, stream io.ReadWriteCloser) (*Client, error) {
	if cfg.Lane == nil || cfg.Wait <= 0 || cfg.Write <= 0 || cfg.Drain <= 0 {
		return nil, fmt.Errorf("%w: a client needs a lane and deadlines", session.ErrConfig)
	}
	return &Client{ClientConfig: cfg, conn: &conn{ReadWriteCloser: stream}}, nil
}

// Close closes the stream.
func (c *Client) Close() error {
	if c.active != nil {
		_ = c.active.lose(ErrStream) // whoever closes knows
	}
	return c.conn.Close()
}

// ready refuses a stream that broke or is in use, and asks what became of calls that other streams lost.
func (c *Client) ready(ctx context.Context) error {
	if c.broken != nil {
		return c.broken
	}
	if c.active != nil {
		return fmt.Errorf("%w: the last call of this stream is not over; read it to its end, or cancel it", session.ErrBusy)
	}
	if c.Lane.Standing().Orphans == 0 {
		return nil
	}
	return c.Resume(ctx)
}

// ask sends a frame and waits for the answer of a kind; taken may come before it.
func (c *Client) ask(ctx context.Context, kind Kind, payload []byte, answer Kind) (Frame, error) {
	if err := c.conn.write(c.Write, kind, payload); err != nil {
		return Frame{}, c.fail(err)
	}
	for {
		f, err := c.read(ctx)
		if err != nil {
			return f, err
		}
		switch f.Kind {
		case answer:
			return f, nil
		case KindTaken:
			if err := c.taken(f); err != nil {
				return f, err
			}
		case KindError:
			return f, decodeError(f.Payload)
		default:
			return f, c.fail(frameError(fmt.Errorf("kind %d was not asked for", f.Kind)))
		}
	}
}

// read reads a frame, or until the context ends: the stream stays usable then.
func (c *Client) read(ctx context.Context) (Frame, error) {
	if c.broken != nil {
		return Frame{}, c.broken
	}
	f, err := c.conn.read(ctx, c.Wait)
	if err != nil && ctx.Err() != nil && isTimeout(err) {
		return f, because(ctx, err)
	}
	if err != nil {
		return f, c.fail(err)
	}
	return f, nil
}

// fail ends the stream.
func (c *Client) fail(err error) error {
	if c.broken == nil {
		c.broken = fmt.Errorf("%w: %w", ErrStream, err)
		_ = c.conn.Close()
	}
	return c.broken
}

func (c *Client) taken(f Frame) error {
	n, err := f.number()
	if err != nil {
		return c.fail(err)
	}
	c.Lane.Taken(n)
	return nil
}

// Resume agrees with the node on where the lane stands. Calls that still run there stay open.
func (c *Client) Resume(ctx context.Context) error {
	for {
		asked, err := c.Lane.Resume()
		if err != nil {
			return err
		}
		b, err := asked.MarshalBinary()
		if err != nil {
			return err
		}
		f, err := c.ask(ctx, KindResume, b, KindState)
		if err != nil {
			return c.settled(err)
		}
		state, err := session.UnmarshalState(f.Payload)
		if err != nil {
			return c.fail(frameError(err))
		}
		if again, err := c.Lane.Resumed(asked, state); err != nil || !again {
			return err
		}
	}
}

// settled ends a stream on which an answer may still come that nobody waits for.
func (c *Client) settled(err error) error {
	var answered *Error
	if err != nil && !errors.As(err, &answered) {
		return c.fail(err)
	}
	return err
}

// Settle brings the node a voucher for all that it is owed, without a call: after the last one.
func (c *Client) Settle(ctx context.Context) error {
	if err := c.ready(ctx); err != nil {
		return err
	}
	if c.Lane.Standing().Owed() == 0 {
		return nil
	}
	v, err := c.Lane.Voucher(ctx)
	if err != nil {
		return err
	}
	b, err := v.MarshalBinary()
	if err != nil {
		return err
	}
	f, err := c.ask(ctx, KindSettle, b, KindTaken)
	if err != nil {
		return c.settled(err)
	}
	return c.taken(f)
}

// Call asks for an answer. What the lane owes is paid with it, once it comes to a Slice: a voucher costs all three parties a
// signature and a write. The caller reads the Call to its end, or cancels it.
func (c *Client) Call(ctx context.Context, app string, body []byte, maxPrice uint64) (*Call, error) {
	if len(body) > MaxBody {
		return nil, fmt.Errorf("%w: a body of %d bytes, the most is %d", ErrFrame, len(body), MaxBody)
	}
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	o := order{body: body}
	if c.Lane.Standing().Owed() >= max(c.Slice, 1) {
		v, err := c.Lane.Voucher(ctx)
		if err != nil {
			return nil, err
		}
		o.voucher = &v
	}
	var err error
	if o.request, err = c.Lane.Begin(app, receipt.RequestDigest(body), maxPrice); err != nil {
		return nil, err
	}
	call := &Call{client: c, ctx: ctx, request: o.request, hash: receipt.NewResponseHash()}
	c.active = call
	b, err := o.encode()
	if err == nil {
		err = c.conn.write(c.Write, KindCall, b)
	}
	if err != nil {
		return nil, call.lose(c.fail(err))
	}
	return call, nil
}
