package gatewaytest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/router/gateway"
)

// Node is the address that answers have.
const Node = "emc1node"

// App plays an app: it answers a request as an http.Handler does, until its context ends. An error breaks the answer off, or
// is Call's where nothing was written yet.
type App func(ctx context.Context, r *http.Request, w *Writer) error

// Backend is a gateway.Backend.
type Backend struct {
	// Price is the most that a call can cost, Cost what it costs.
	Price, Cost uint64
	// Drain is how long a cancelled answer waits for its receipt.
	Drain time.Duration

	mu     sync.Mutex
	models []gateway.Model
	apps   map[string]App
	calls  []gateway.Call

	cancelled atomic.Int64
	running   atomic.Int64
}

// New returns a backend without apps.
func New() *Backend { return &Backend{Price: 100, Cost: 7, apps: map[string]App{}} }

// Add adds an app.
func (b *Backend) Add(m gateway.Model, app App) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.models, b.apps[m.ID] = append(b.models, m), app
	slices.SortFunc(b.models, func(a, b gateway.Model) int { return strings.Compare(a.ID, b.ID) })
}

// Models implements gateway.Backend.
func (b *Backend) Models(context.Context) ([]gateway.Model, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.models), nil
}

// Calls are all that were made so far.
func (b *Backend) Calls() []gateway.Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

// Cancelled is how many answers were closed before their end.
func (b *Backend) Cancelled() int { return int(b.cancelled.Load()) }

// Running is how many apps answer now.
func (b *Backend) Running() int { return int(b.running.Load()) }

// Call implements gateway.Backend.
func (b *Backend) Call(ctx context.Context, c gateway.Call) (*gateway.Answer, error) {
	b.mu.Lock()
	app := b.apps[c.App]
	b.calls = append(b.calls, c)
	b.mu.Unlock()
	if app == nil {
		return nil, &gateway.Error{Kind: gateway.NoModel, Words: "no node serves it"}
	}
	r, err := httpcall.ReadRequest(c.Message)
	if err != nil {
		return nil, err
	}
	if err := c.Reserve(b.Price); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	read, write := io.Pipe()
	context.AfterFunc(ctx, func() { read.CloseWithError(ctx.Err()); write.CloseWithError(ctx.Err()) })
	ended := make(chan error, 1)
	b.running.Add(1)
	go func() {
		defer b.running.Add(-1)
		w := &Writer{pipe: write}
		err := app(ctx, r, w)
		if err == nil {
			err = w.head(http.StatusOK)
		}
		ended <- err
		write.CloseWithError(err)
	}()
	body := &answerBody{pipe: read, reader: bufio.NewReader(read), backend: b, cancel: cancel}
	status, header, err := httpcall.ReadResponse(body.reader)
	if err != nil {
		cancel()
		if appErr := <-ended; appErr != nil {
			err = appErr
		}
		return nil, err
	}
	return &gateway.Answer{
		Node: Node, Reason: "the only one", Status: status, Header: header, Body: body,
		Charged: func() uint64 {
			if body.begun || body.ended {
				return b.Cost
			}
			return 0
		},
	}, nil
}

// answerBody counts who closes it too early.
type answerBody struct {
	pipe    *io.PipeReader
	reader  *bufio.Reader
	backend *Backend
	cancel  func()

	begun, ended, closed bool
}

// Read implements io.Reader.
func (a *answerBody) Read(p []byte) (int, error) {
	n, err := a.reader.Read(p)
	a.begun = a.begun || n > 0
	a.ended = a.ended || errors.Is(err, io.EOF)
	return n, err
}

// Close implements io.Closer.
func (a *answerBody) Close() error {
	if !a.ended && !a.closed {
		a.backend.cancelled.Add(1)
		time.Sleep(a.backend.Drain)
	}
	a.closed = true
	a.cancel()
	return a.pipe.Close()
}

// Writer is where an App answers.
type Writer struct {
	pipe   *io.PipeWriter
	header http.Header
	begun  bool
}

// Header is what goes out with the first byte.
func (w *Writer) Header() http.Header {
	if w.header == nil {
		w.header = http.Header{}
	}
	return w.header
}

// Status begins the answer.
func (w *Writer) Status(code int) error { return w.head(code) }

// Write implements io.Writer.
func (w *Writer) Write(b []byte) (int, error) {
	if err := w.head(http.StatusOK); err != nil {
		return 0, err
	}
	return w.pipe.Write(b)
}

func (w *Writer) head(code int) error {
	if w.begun {
		return nil
	}
	w.begun = true
	b, err := httpcall.AppendHead(nil, code, w.header)
	if err == nil {
		_, err = w.pipe.Write(b)
	}
	return err
}
