package dispatch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/router/custody"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/selection"
)

// headBuffer holds the head of an answer.
const headBuffer = 4 << 10

// try is one call given to one node.
type try struct {
	*Dispatch
	session *custody.Session
	pick    *selection.Pick
	call    gateway.Call

	again   bool   // another node may do better
	charged uint64 // uemc, for nothing
}

// run returns when the head of the answer came.
func (t *try) run(ctx context.Context) (*gateway.Answer, error) {
	begin := time.Now()
	address := receipt.Address(t.pick.Node.Key)
	n, ok := t.cfg.Nodes.Node(address)
	if !ok {
		t.done(selection.NodeFault, 0)
		t.again = true
		return nil, &gateway.Error{Kind: gateway.NodeFault, Words: "the node has just left the chain"}
	}
	l, err := t.lane(t.session, n)
	if err != nil {
		return nil, t.failed(ctx, err)
	}
	running, client, cancel, err := t.begin(ctx, l)
	if err != nil {
		return nil, t.failed(ctx, err)
	}
	b := &body{try: t, lane: l, client: client, running: running, reader: bufio.NewReaderSize(running, headBuffer), cancel: cancel, begin: begin}
	late := time.AfterFunc(t.cfg.FirstByte, cancel)
	status, header, err := httpcall.ReadResponse(b.reader)
	late.Stop()
	b.first = time.Since(begin)
	if err != nil {
		return nil, b.headless(ctx, err)
	}
	b.spent = b.first
	return &gateway.Answer{
		Node: address.String(), Reason: t.pick.Reason, Status: status, Header: header, Body: b, Charged: b.charge,
	}, nil
}

// begin asks the node. A stream that rested may have broken meanwhile: a new one is tried once.
func (t *try) begin(ctx context.Context, l *lane) (*call.Call, *call.Client, context.CancelFunc, error) {
	n, ok := t.cfg.Nodes.Node(l.node)
	if !ok {
		return nil, nil, nil, call.ErrStream
	}
	for {
		client, rested, err := t.client(ctx, l, n)
		if err != nil {
			return nil, nil, nil, err
		}
		inner, cancel := context.WithCancel(ctx)
		running, err := client.Call(inner, t.call.App, t.call.Message, t.pick.Price)
		if err == nil {
			return running, client, cancel, nil
		}
		cancel()
		_ = client.Close()
		if !rested || !errors.Is(err, call.ErrStream) {
			return nil, nil, nil, err
		}
	}
}

// failed ends the try before anything of the answer came, and tells what of it the customer may know.
func (t *try) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		t.done(selection.Cancelled, 0)
		return ctx.Err()
	}
	var said *call.Error
	switch {
	case errors.As(err, &said):
		return t.refused(said)
	case errors.Is(err, session.ErrAllotment), errors.Is(err, session.ErrSealed), errors.Is(err, session.ErrSession), errors.Is(err, session.ErrKey):
		t.done(selection.Cancelled, 0)
		return sessionError(err)
	case errors.Is(err, session.ErrLedger):
		t.done(selection.Cancelled, 0)
		return err // the router's own fault
	}
	t.done(selection.NodeFault, 0)
	t.again = true
	words := "the node broke the connection before it answered"
	if errors.Is(err, session.ErrQuarantined) {
		words = "the node broke the rules of its receipts, and is not called any more"
	}
	t.cfg.Logger.Warn("a call failed", "node", receipt.Address(t.pick.Node.Key), "app", t.call.App, "error", err)
	return &gateway.Error{Kind: gateway.NodeFault, Words: words}
}

// refused is a node's own no.
func (t *try) refused(said *call.Error) error {
	switch said.Code {
	case call.CodeBusy, call.CodeCover:
		return t.busy(max(said.Retry, time.Second))
	case call.CodeSession:
		t.done(selection.Cancelled, 0)
		return &gateway.Error{Kind: gateway.SessionExpired, Words: "the node says that the session is closing, or too near its end: " + said.Words}
	}
	t.done(selection.NodeFault, 0)
	t.again = true
	t.cfg.Logger.Warn("a node refused a call", "node", receipt.Address(t.pick.Node.Key), "app", t.call.App, "code", said.Code, "words", said.Words)
	return &gateway.Error{Kind: gateway.NodeFault, Words: "the node refused the call: " + said.Words}
}

func (t *try) busy(retry time.Duration) error {
	t.done(selection.Busy, retry)
	t.again = true
	return &gateway.Error{Kind: gateway.Overloaded, Words: "every node that was asked is busy", RetryAfter: retry}
}

func (t *try) done(kind selection.Kind, retry time.Duration) {
	t.pick.Done(selection.Outcome{Kind: kind, Retry: retry})
}

// body is the rest of an answer.
type body struct {
	*try
	lane    *lane
	client  *call.Client
	running *call.Call
	reader  *bufio.Reader
	cancel  context.CancelFunc
	begin   time.Time
	first   time.Duration
	spent   time.Duration // that the node took; the customer's own is not counted

	mu    sync.Mutex
	err   error // how it ended
	ended bool
}

// headless ends a call whose answer did not begin as one.
func (b *body) headless(ctx context.Context, err error) error {
	slow := ctx.Err() == nil && errors.Is(err, context.Canceled)
	received := errors.Is(err, io.ErrUnexpectedEOF) // the receipt, and nothing before it
	if !received {
		_ = b.running.Cancel()
	}
	b.release()
	b.charged = b.charge()
	if said := (*call.Error)(nil); errors.As(err, &said) {
		return b.refused(said)
	}
	if ctx.Err() != nil {
		b.done(selection.Cancelled, 0)
		return ctx.Err()
	}
	if received && b.running.Receipt().Status == receipt.StatusCancelled {
		return b.busy(time.Second) // the node's places were taken meanwhile
	}
	b.done(selection.NodeFault, 0)
	b.again = true
	b.cfg.Logger.Warn("a node did not answer as it should", "node", b.lane.node, "app", b.call.App, "error", err)
	if slow {
		return &gateway.Error{Kind: gateway.Timeout, Words: fmt.Sprintf("the node did not begin to answer within %s", b.cfg.FirstByte)}
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
		b.err = b.finish(err)
		if n == 0 {
			return 0, b.err
		}
	}
	return n, nil
}

// finish tells how the stream ended.
func (b *body) finish(err error) error {
	kind := selection.OK
	switch {
	case err == io.EOF && b.running.Receipt().Status == receipt.StatusComplete:
	case err == io.EOF && b.running.Receipt().Status == receipt.StatusFailed:
		kind, err = selection.NodeFault, &gateway.Error{Kind: gateway.NodeFault, Words: "the node's app failed in the middle of its answer, which costs nothing"}
	case err == io.EOF:
		kind, err = selection.NodeFault, &gateway.Error{Kind: gateway.NodeFault, Words: "the node ended the answer in its middle"}
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		kind = selection.Cancelled
	default:
		b.cfg.Logger.Warn("a stream broke in the middle of an answer", "node", b.lane.node, "app", b.call.App, "error", err)
		kind, err = selection.NodeFault, &gateway.Error{Kind: gateway.NodeFault, Words: "the node went away in the middle of its answer"}
	}
	b.end(kind)
	return err
}

// end gives the stream back, once.
func (b *body) end(kind selection.Kind) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	b.ended = true
	b.pick.Done(selection.Outcome{Kind: kind, FirstByte: b.first, Total: b.spent})
	b.release()
}

// release keeps a stream whose call ended with a receipt.
func (b *body) release() {
	b.cancel()
	if b.running.Receipt().Request.KeyID != 0 {
		b.rest(b.lane, b.client)
		return
	}
	_ = b.client.Close()
}

// Close ends the answer where it is: what was delivered is paid.
func (b *body) Close() error {
	if b.err != nil {
		return nil
	}
	b.err = errors.New("the answer was closed")
	_ = b.running.Cancel()
	b.end(selection.Cancelled)
	return nil
}

// charge is what the receipt says.
func (b *body) charge() uint64 { return b.running.Receipt().Amount }
