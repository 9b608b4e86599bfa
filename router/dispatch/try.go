package dispatch

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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
	router  Router
	others  bool // that may be tried instead of this router
	several bool // routers of the session
	pick    *selection.Pick
	call    gateway.Call
	before  uint64 // uemc that earlier tries cost

	again     bool   // another try may do better
	same      bool   // at the same node, too
	free      bool   // it was no fault of the node
	elsewhere bool   // through another router
	charged   uint64 // uemc, for nothing
}

// run returns when the head of the answer came.
func (t *try) run(ctx context.Context) (*gateway.Answer, error) {
	address := receipt.Address(t.pick.Node.Key)
	n, ok := t.cfg.Nodes.Node(address)
	if !ok {
		t.done(selection.NodeFault, 0)
		t.again = true
		return nil, &gateway.Error{Kind: gateway.NodeFault, Words: "the node has just left the chain"}
	}
	l, err := t.lane(t.session, t.router, n)
	if err != nil {
		return nil, t.failed(ctx, false, err)
	}
	if l.Standing().Why != "" { // which the breaker has counted
		t.leave(l)
		t.done(selection.Cancelled, 0)
		t.again, t.free = true, true
		return nil, quarantined()
	}
	b := &body{try: t, lane: l, ctx: ctx, begin: time.Now()}
	inner, cancel := context.WithCancel(ctx)
	b.cancel = cancel
	late := time.AfterFunc(t.cfg.FirstByte, cancel)
	err = b.ask(inner)
	if err != nil {
		late.Stop()
		slow := ctx.Err() == nil && inner.Err() != nil
		cancel()
		t.leave(l)
		return nil, t.failed(ctx, slow, err)
	}
	b.reader = bufio.NewReaderSize(b.running, headBuffer)
	status, header, err := httpcall.ReadResponse(b.reader)
	inTime := late.Stop()
	b.first = time.Since(b.begin)
	b.spent = b.first
	if err == nil && !inTime {
		err = context.Canceled // it is cancelled already, whatever came
	}
	if err == nil && t.others {
		err = b.content()
	}
	if err != nil {
		return nil, b.headless(ctx, !inTime && ctx.Err() == nil, err)
	}
	b.running.Passed()
	t.pick.Began()
	return &gateway.Answer{
		Node: address.String(), Reason: t.reason(b.client.via), Status: status, Header: header, Body: b, Charged: b.total,
	}, nil
}

// reason tells why this node, by which way, and whose signature pays, where that could be another one's.
func (t *try) reason(via receipt.Address) string {
	out := t.pick.Reason
	if !via.IsZero() {
		out += "; through router " + via.String()
	}
	if t.several {
		out += "; co-signed by router " + t.router.Address.String()
	}
	return out
}

// ask sends the call to the node. A stream that rested may have broken meanwhile: then a new one is tried.
func (b *body) ask(ctx context.Context) error {
	for reclaimed := false; ; {
		client, rested, err := b.Dispatch.client(ctx, b.lane)
		if err != nil {
			return err
		}
		b.running, err = client.Call(ctx, b.call.App, b.call.Message, b.pick.Price)
		switch {
		case err == nil:
			b.client, b.rested = client, rested
			return nil
		case errors.Is(err, session.ErrCosign): // the stream is as good as before
			b.rest(b.lane, client)
			return err
		case errors.Is(err, call.ErrStream):
			_ = client.Close()
			b.broke(b.lane)
			if !rested || ctx.Err() != nil {
				return err
			}
		case errors.Is(err, session.ErrAllotment) && !reclaimed:
			b.rest(b.lane, client)
			// What calls hold that were lost may be free, if their nodes say so.
			if reclaimed = true; !b.reclaim(ctx, b.lane.ID().Session) {
				return err
			}
		default:
			b.rest(b.lane, client)
			return err
		}
	}
}

// failed ends the try before anything of the answer came, and tells what of it the customer may know.
func (t *try) failed(ctx context.Context, slow bool, err error) error {
	if ctx.Err() != nil {
		t.done(selection.Cancelled, 0)
		return ctx.Err()
	}
	var said *call.Error
	switch {
	case errors.Is(err, session.ErrLedger): // also where it ended a stream
		t.done(selection.Cancelled, 0)
		return err
	case errors.Is(err, session.ErrCosign): // also in a router's own words
		return t.unsigned(err)
	case errors.As(err, &said):
		return t.refused(said)
	case errors.Is(err, session.ErrQuarantined):
		t.fault(err)
		return quarantined()
	case slow:
		t.fault(err)
		return t.late()
	case errors.Is(err, call.ErrStream):
		t.fault(err)
		return &gateway.Error{Kind: gateway.NodeFault, Words: "the node broke the connection before it answered"}
	case errors.Is(err, session.ErrBusy): // too many open calls in the lane
		t.done(selection.Cancelled, 0)
		t.again = true
		return overloaded(time.Second)
	}
	// The session's, or the router's own.
	t.done(selection.Cancelled, 0)
	t.turn(err)
	return sessionError(err)
}

// unsigned is no fault of the node: what it is owed was not co-signed.
func (t *try) unsigned(err error) error {
	t.done(selection.Cancelled, 0)
	t.turn(err)
	return unsigned(err)
}

// turn has the call go on through another router, where there is one that may do better.
func (t *try) turn(err error) {
	if t.others && elsewhere(err) {
		t.again, t.elsewhere = true, true
	}
}

// fault blames the node.
func (t *try) fault(err error) {
	t.done(selection.NodeFault, 0)
	t.again = true
	t.cfg.Logger.Warn("a call failed", "node", receipt.Address(t.pick.Node.Key), "app", t.call.App, "error", err)
}

// refused is a node's own no. What a customer can bring about is not the node's fault: he could
// have a node left alone that way.
func (t *try) refused(said *call.Error) error {
	t.again = true
	switch said.Code {
	case call.CodeCover, call.CodeCredit:
		if t.others { // it is of this router's lanes that the node wants no more
			t.done(selection.Cancelled, 0)
			t.elsewhere = true
			return overloaded(time.Second)
		}
		fallthrough
	case call.CodeBusy:
		retry := max(said.Retry, time.Second)
		t.done(selection.Busy, retry)
		return overloaded(retry)
	case call.CodeNonce: // another stream of the lane asked meanwhile what became of its calls
		t.done(selection.Cancelled, 0)
		t.same, t.free = true, true
		return overloaded(time.Second)
	case call.CodeSession:
		t.done(selection.Cancelled, 0)
		return &gateway.Error{Kind: gateway.SessionExpired, Words: "the node says that the session is closing, or too near its end: " + said.Words}
	}
	t.done(selection.NodeFault, 0)
	t.cfg.Logger.Warn("a node refused a call", "node", receipt.Address(t.pick.Node.Key), "app", t.call.App, "code", said.Code, "words", said.Words)
	return &gateway.Error{Kind: gateway.NodeFault, Words: "the node refused the call: " + said.Words}
}

func (t *try) done(kind selection.Kind, retry time.Duration) {
	t.pick.Done(selection.Outcome{Kind: kind, Retry: retry})
}

func (t *try) late() error {
	return &gateway.Error{Kind: gateway.Timeout, Words: fmt.Sprintf("the node did not begin to answer within %s", t.cfg.FirstByte)}
}

func quarantined() error {
	return &gateway.Error{Kind: gateway.NodeFault, Words: "the node broke the rules of its receipts, and is not called any more"}
}

func overloaded(retry time.Duration) error {
	return &gateway.Error{Kind: gateway.Overloaded, Words: "every node that was asked is busy", RetryAfter: retry}
}
