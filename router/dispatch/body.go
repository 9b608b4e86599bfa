package dispatch

import (
	"bufio"
	"context"
	"errors"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/selection"
)

// body is the rest of an answer. One goroutine reads it and closes it.
type body struct {
	*try
	lane    *lane
	client  *stream
	rested  bool // the stream, before this call
	running *call.Call
	reader  *bufio.Reader
	ctx     context.Context
	cancel  context.CancelFunc
	begin   time.Time
	first   time.Duration
	spent   time.Duration // that the node took; the customer's own is not counted
	err     error         // how it ended
}

// relayGone tells whether the stream went through a router that is gone.
func (b *body) relayGone() bool { return !b.client.via.IsZero() && b.cfg.Paths.Gone(b.client.via) }

// content waits for the first byte behind the head, as long as another router could still do better: many apps send a head
// at once, and think then. It fails with ErrCosign alone; all else comes again by Read.
func (b *body) content() error {
	if _, err := b.reader.Peek(1); errors.Is(err, session.ErrCosign) {
		return err
	}
	return nil
}

// headless ends a call whose answer did not begin as one.
func (b *body) headless(ctx context.Context, slow bool, err error) error {
	_ = b.running.Cancel() // nothing, where the call is over
	b.release(err)
	b.charged = b.charge()
	if errors.Is(err, session.ErrCosign) && !errors.Is(err, session.ErrLedger) && ctx.Err() == nil {
		return b.unsigned(err)
	}
	if said := (*call.Error)(nil); errors.As(err, &said) {
		return b.refused(said)
	}
	if ctx.Err() != nil {
		b.done(selection.Cancelled, 0)
		return ctx.Err()
	}
	if errors.Is(err, session.ErrLedger) { // the router's own
		b.done(selection.Cancelled, 0)
		return err
	}
	if (b.rested || b.relayGone()) && !slow && errors.Is(err, call.ErrStream) && b.running.Told() == 0 && b.lane.Standing().Why == "" {
		// It was broken before: the node, or its connection, was new meanwhile. Or the router went away that relayed it.
		b.broke(b.lane)
		b.done(selection.Cancelled, 0)
		b.again, b.same, b.free = true, true, true
		return &gateway.Error{Kind: gateway.NodeFault, Words: "the node broke the connection before it answered"}
	}
	if !slow && b.running.Receipt().Status == receipt.StatusCancelled {
		b.done(selection.Busy, time.Second) // the node's places were taken meanwhile
		b.again = true
		return overloaded(time.Second)
	}
	b.fault(err)
	switch {
	case slow:
		return b.late()
	case errors.Is(err, session.ErrQuarantined):
		return quarantined()
	}
	return &gateway.Error{Kind: gateway.NodeFault, Words: "the node's app failed before it answered"}
}

// Read implements io.Reader. io.EOF means that the answer is whole, and its receipt was accepted.
func (b *body) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	at := time.Now()
	n, err := b.reader.Read(p)
	b.spent += time.Since(at)
	if err != nil {
		if b.err = b.finish(err); n == 0 {
			return 0, b.err
		}
	}
	return n, nil
}

// Buffered is how many bytes can be read without waiting.
func (b *body) Buffered() int {
	if b.err != nil {
		return 0
	}
	return b.reader.Buffered()
}

// finish tells how the stream ended. The receipt says whether it did: a stream that broke has an io.EOF in it, too.
func (b *body) finish(err error) error {
	kind, out := selection.OK, err
	status := b.running.Receipt().Status
	switch {
	case errors.Is(err, session.ErrCosign) && !errors.Is(err, session.ErrLedger) && b.ctx.Err() == nil: // whatever the receipt says: what came since was not passed on
		b.cfg.Logger.Warn("an answer ended in its middle, because its router does not co-sign", "router", b.router.Address, "node", b.lane.node(), "app", b.call.App, "error", err)
		kind, out = selection.Cancelled, &gateway.Error{Kind: gateway.NodeFault, Words: "the router of this call went away in the middle of its answer; ask again, and it goes through another one"}
	case b.receipted() && status == receipt.StatusComplete:
	case b.ctx.Err() != nil:
		kind, out = selection.Cancelled, b.ctx.Err()
	case b.receipted() && status == receipt.StatusFailed:
		kind, out = selection.NodeFault, &gateway.Error{Kind: gateway.NodeFault, Words: "the node's app failed in the middle of its answer, which costs nothing"}
	case b.receipted():
		kind, out = selection.NodeFault, &gateway.Error{Kind: gateway.NodeFault, Words: "the node ended the answer in its middle"}
	case errors.Is(err, session.ErrLedger): // the router's own
		kind = selection.Cancelled
	case b.relayGone():
		b.cfg.Logger.Warn("a stream broke in the middle of an answer, because the router is gone that relayed it", "router", b.client.via, "node", b.lane.node(), "app", b.call.App)
		kind, out = selection.Cancelled, &gateway.Error{Kind: gateway.NodeFault, Words: "the router that relayed this answer went away in its middle; ask again, and it goes another way"}
	default:
		b.cfg.Logger.Warn("a stream broke in the middle of an answer", "node", b.lane.node(), "app", b.call.App, "error", err)
		kind, out = selection.NodeFault, &gateway.Error{Kind: gateway.NodeFault, Words: "the node went away in the middle of its answer"}
	}
	b.end(kind, err)
	return out
}

// end gives the stream back.
func (b *body) end(kind selection.Kind, err error) {
	b.pick.Done(selection.Outcome{Kind: kind, FirstByte: b.first, Total: b.spent})
	b.release(err)
}

// release keeps a stream whose call ended with a receipt, or with the node's own no.
func (b *body) release(err error) {
	b.cancel()
	if b.receipted() || errors.As(err, new(*call.Error)) {
		b.rest(b.lane, b.client)
	} else {
		_ = b.client.Close()
	}
	b.leave(b.lane)
}

// Close ends the answer where it is: what was delivered is paid.
func (b *body) Close() error {
	if b.err != nil {
		return nil //nolint:nilerr // it is over; Read has told how
	}
	b.err = errors.New("the answer was closed")
	b.end(selection.Cancelled, b.running.Cancel())
	return nil
}

func (b *body) receipted() bool { return b.running.Receipt().Request.KeyID != 0 }

// charge is what the receipt says. Where it was lost, the node will charge what it told to have delivered.
func (b *body) charge() uint64 {
	if b.receipted() {
		return b.running.Receipt().Amount
	}
	return b.running.Told()
}

// total is what all tries cost.
func (b *body) total() uint64 { return b.before + b.charge() }
