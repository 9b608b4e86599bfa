package service

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// maxHead bounds what stands before an answer's body.
	maxHead = 64 << 10
	// lateWrite is how long a request may still be on its way when its answer has
	// ended: the goroutine that wrote it may only not have said so yet.
	lateWrite = time.Second
)

// process is one running program. One call at a time uses it.
type process struct {
	in   io.Writer
	raw  *bounded // what the program says
	out  *bufio.Reader
	kill context.CancelFunc
	gone chan struct{} // closed when nothing of it is left
	why  error         // it ended; after gone

	first chan error // the program began to say something, or ended
	wrote chan error // the last request is written
	last  time.Time  // when a call ended
	dying bool       // its customer went away at the very end of his answer: nobody else may have it
	idle  *time.Timer
}

// listen waits for the program's next word, from when it has nothing to say until it
// is asked.
func (x *process) listen() {
	x.raw.left, x.raw.limit = maxHead, 0
	first := make(chan error, 1)
	x.first = first
	go func() {
		_, err := x.out.Peek(1)
		first <- err
	}()
}

// unasked is an error when the program ended, or said something without being asked:
// that would be taken for the next customer's answer.
func (x *process) unasked(ctx context.Context) error {
	select {
	case err := <-x.first:
		if err != nil {
			return x.fault(ctx, err)
		}
		return errUnasked
	default:
		return nil
	}
}

// ask writes a request and reads the head of its answer. When the context ends the
// process is killed: nobody else can use the rest of what it says.
func (x *process) ask(ctx context.Context, r *http.Request, request []byte, limit time.Duration, most int64) (*http.Response, error) {
	if err := x.unasked(ctx); err != nil {
		return nil, err
	}
	x.wrote = make(chan error, 1)
	// Beside the reading: a program may answer before it has read all.
	go func(wrote chan<- error) {
		_, err := x.in.Write(request)
		wrote <- err
	}(x.wrote)
	stop := context.AfterFunc(ctx, x.kill)
	var err error
	x.raw.wait(limit, func() { err = <-x.first })
	if err != nil {
		stop()
		return nil, x.fault(ctx, err)
	}
	x.raw.limit = limit
	for range 5 {
		x.raw.left = maxHead
		resp, err := http.ReadResponse(x.out, r)
		switch {
		case err != nil:
			stop()
			return nil, x.fault(ctx, err)
		case resp.StatusCode == http.StatusSwitchingProtocols:
			stop()
			return nil, fmt.Errorf("%w: it wants another protocol", errNoHTTP)
		case resp.StatusCode < 200: // more comes
			continue
		case resp.ContentLength < 0 && len(resp.TransferEncoding) == 0:
			stop()
			return nil, fmt.Errorf("%w: its body has no length and is not chunked", errNoHTTP)
		}
		x.raw.left = most
		resp.Body = &processBody{ReadCloser: resp.Body, process: x, ctx: ctx, stop: stop}
		return resp, nil
	}
	stop()
	return nil, fmt.Errorf("%w: only answers that are none yet", errNoHTTP)
}

// fault says why reading failed.
func (x *process) fault(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case x.raw.isSpent():
		return errSlow
	case errors.Is(err, errEndless):
		return errEndless
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return x.death()
	}
	return fmt.Errorf("%w: %w", errNoHTTP, err)
}

// death says what a process died of whose output has ended.
func (x *process) death() error {
	select {
	case <-x.gone:
	case <-time.After(lateWrite):
		x.kill() // it closed its output, and lives
		<-x.gone
	}
	if errors.Is(x.why, errStopped) {
		return fmt.Errorf("%w: its output ended", errNoHTTP)
	}
	return x.why
}

// hasRead says whether the process took the whole request. If not, it would take the
// rest for the beginning of the next one.
func (x *process) hasRead() bool {
	select {
	case err := <-x.wrote:
		return err == nil
	case <-time.After(lateWrite):
		return false
	}
}

// processBody is an answer's body, with the reason in its errors.
type processBody struct {
	io.ReadCloser
	*process
	ctx  context.Context
	stop func() bool
	once sync.Once
}

// Read implements io.Reader.
func (b *processBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = b.fault(b.ctx, err)
	}
	return n, err
}

// Close lets the process live when the call's context ends. It reads nothing.
func (b *processBody) Close() error {
	b.once.Do(func() { b.dying = !b.stop() })
	return nil
}
