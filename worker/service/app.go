package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
)

// app is one service at work.
type app struct {
	Config
	set    *Set
	queue  *queue
	health *health
	source source
}

// source is what answers an app's requests.
type source interface {
	// ask returns the head of an answer, whose body is then read.
	ask(ctx context.Context, by receipt.SessionID, r *http.Request, body []byte) (*answer, error)
	// check looks whether all is well while nobody asks.
	check(ctx context.Context)
}

// answer is a response with what to do after it.
type answer struct {
	*http.Response
	addedUsage bool // to its stream, for us
	ended      bool // its last event came: what follows brings nothing
	// done is called once, with nil when the body was read to its end.
	done func(error)
	// abort ends a reading of the body that goes on after the call. Nil for a body
	// that ends with it.
	abort func()
}

// errUnwanted ends an answer that is paid for no longer.
var errUnwanted = errors.New("nobody pays for the rest")

// What is still read of an answer that nobody pays for, before its process is killed:
// to read a little costs less than to start another one.
const (
	tailTime  = time.Second
	tailBytes = 256 << 10
)

func newApp(s *Set, cfg Config) *app {
	a := &app{Config: cfg, set: s, queue: newQueue(cfg.Processes, cfg.Queue)}
	a.health = &health{app: cfg.App, log: s.log, now: time.Now}
	if cfg.URL != "" {
		a.health.down, a.health.reason = true, "it was not asked yet"
		a.source = newServer(a)
		return a
	}
	if cfg.Task.Log != nil {
		a.Task.Log = &lockedWriter{w: cfg.Task.Log}
	}
	a.source = &pool{app: a}
	return a
}

// least is what a call costs if it brings nothing.
func (a *app) least() uint64 {
	if a.Unit == MeterCalls {
		return product(1, a.UnitPrice, a.CallPrice)
	}
	return a.CallPrice
}

func (a *app) answer(ctx context.Context, r receipt.Request, asked *http.Request, send func(call.Piece) error) error {
	if s, ok := a.source.(*server); ok {
		if status, words := s.refuses(asked); status != 0 {
			return a.refuse(r, send, status, words)
		}
	}
	if err := a.queue.enter(ctx, r.Session); err != nil {
		return err
	}
	leave := a.queue.leave
	defer func() { leave() }()
	if ready, reason := a.health.ready(); !ready {
		return fmt.Errorf("%w: %s", session.ErrBusy, reason)
	}
	body, err := io.ReadAll(asked.Body)
	if err != nil {
		return err
	}
	ans, err := a.source.ask(ctx, r.Session, asked, body)
	if err != nil {
		return err
	}
	b := newBill(a.Config, r.MaxPrice, send)
	err = a.deliver(ans, b)
	switch {
	case (ans.ended || errors.Is(b.refused, session.ErrPrice) && ctx.Err() == nil) && b.refused != nil && a.finishLater(ans, leave):
		leave = func() {}
	case b.refused != nil:
		ans.done(errUnwanted)
	default:
		ans.done(err)
	}
	return err
}

// finishLater reads the little that may be left of an answer whose customer has had what he pays for, and keeps its place
// meanwhile. False when that makes no sense.
func (a *app) finishLater(ans *answer, leave func()) bool {
	if ans.abort == nil {
		return false
	}
	_ = ans.Body.Close() // from now on it does not end with the call
	return a.set.begin(func() {
		defer leave()
		timer := time.AfterFunc(tailTime, ans.abort)
		defer timer.Stop()
		_, err := io.CopyN(io.Discard, ans.Body, tailBytes)
		if errors.Is(err, io.EOF) && timer.Stop() {
			ans.done(nil)
			return
		}
		ans.done(errUnwanted)
	})
}

// refuse answers in an app's place.
func (a *app) refuse(r receipt.Request, send func(call.Piece) error, status int, words string) error {
	text, err := json.Marshal(map[string]any{"error": map[string]any{"message": words, "type": "invalid_request_error", "param": nil, "code": nil}})
	if err != nil {
		return err
	}
	return a.reply(r, send, status, text)
}

func (a *app) reply(r receipt.Request, send func(call.Piece) error, status int, text []byte) error {
	ans := &answer{Response: &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(string(text)))}}
	return a.deliver(ans, newBill(a.Config, r.MaxPrice, send))
}

// deliver sends an answer, piece by piece, for what it costs.
func (a *app) deliver(ans *answer, b *bill) error {
	head, err := httpcall.AppendHead(nil, ans.StatusCode, ans.Header)
	if err != nil {
		return err
	}
	if ans.StatusCode >= http.StatusInternalServerError {
		b.free = true // the node's own fault
	}
	kind, _, _ := strings.Cut(ans.Header.Get("Content-Type"), ";")
	kind = strings.TrimSpace(kind)
	if a.Unit == MeterTokens && kind == "application/json" {
		return a.deliverJSON(ans, head, b)
	}
	if err := b.head(head); err != nil {
		return err
	}
	if a.Unit == MeterTokens && kind == "text/event-stream" {
		return a.deliverEvents(ans, b)
	}
	return deliverBytes(ans.Body, b)
}

// deliverBytes sends a body as it comes.
func deliverBytes(body io.Reader, b *bill) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if err := b.bytes(buf[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
