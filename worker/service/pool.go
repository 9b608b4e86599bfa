package service

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/worker/runtime"
)

// pool keeps the processes of one program. Whoever asks it for one has a place of
// the queue: there are never more of them than places.
type pool struct {
	*app

	mu      sync.Mutex
	started int
	idle    []*process // the last used one last
}

// checkTime is how long a process that has nothing to do may take to say that it lives.
const checkTime = 10 * time.Second

// errStopped means a process that we ended ourselves.
var errStopped = errors.New("the process was stopped")

const healthRequest = "GET /healthz HTTP/1.1\r\nHost: app\r\n\r\n"

// ask implements source.
func (p *pool) ask(ctx context.Context, by receipt.SessionID, r *http.Request, body []byte) (*answer, error) {
	request, err := httpcall.AppendRequest(nil, r.Method, r.URL.RequestURI(), r.Header, body)
	if err != nil {
		return nil, err
	}
	x, err := p.take(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := x.ask(ctx, r, request, p.Patience, p.MaxAnswer) //nolint:bodyclose // done closes it
	if err != nil {
		p.retire(ctx, x, &by, err)
		return nil, err
	}
	return &answer{Response: resp, abort: x.kill, done: func(err error) {
		_ = resp.Body.Close() // lets the process live, and cannot fail
		switch {
		case err == nil && x.dying:
			err = errUnwanted
		case err == nil && !x.hasRead():
			err = errUnread
		}
		if err != nil {
			p.retire(ctx, x, &by, err)
			return
		}
		p.health.answered()
		x.last = time.Now()
		x.listen()
		p.park(x)
	}}, nil
}

// take finds an idle process, or starts one.
func (p *pool) take(ctx context.Context) (*process, error) {
	for x := p.unpark(false); x != nil; x = p.unpark(false) {
		err := x.unasked(ctx)
		if err == nil {
			return x, nil
		}
		p.retire(ctx, x, nil, err)
	}
	pause := time.NewTimer(p.health.pause())
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	x, err := p.start()
	if err != nil {
		return nil, err
	}
	probed := make(chan error, 1)
	probe := func() {
		// Whether the app is broken or a customer's request breaks it is told by this.
		err := p.probe(p.set.ctx, x, p.Start)
		if err != nil {
			p.retire(p.set.ctx, x, nil, err)
		}
		probed <- err
	}
	if !p.set.begin(probe) {
		return nil, errStopped
	}
	select {
	case err := <-probed:
		return x, err
	case <-ctx.Done():
	}
	// It starts for the next one: customers who go away early keep no app from starting.
	p.queue.borrow()
	later := func() {
		defer p.queue.leave()
		if <-probed == nil {
			p.park(x)
		}
	}
	if !p.set.begin(later) {
		p.queue.leave()
	}
	return nil, ctx.Err()
}

// start begins a process.
func (p *pool) start() (*process, error) {
	p.mu.Lock()
	p.started++
	task := p.Task
	task.ID += "/" + strconv.Itoa(p.started)
	p.mu.Unlock()
	ctx, kill := context.WithCancel(p.set.ctx)
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	x := &process{in: in, kill: kill, gone: make(chan struct{}), last: time.Now()}
	x.raw = &bounded{from: out, patience: &patience{held: p.set.held.Load, abort: kill}}
	x.out = bufio.NewReader(x.raw)
	x.listen()
	life := func() {
		defer kill()
		result, err := p.Runtime.Serve(ctx, task, stdin, stdout)
		x.why = ended(ctx, result, err)
		close(x.gone)
		if p.remove(x) && !errors.Is(x.why, errStopped) {
			p.health.died(nil, x.why)
		}
	}
	if !p.set.begin(life) {
		kill()
		return nil, errStopped
	}
	return x, nil
}

func ended(ctx context.Context, result runtime.Result, err error) error {
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil && result.Reason == runtime.ReasonKilled:
		return errStopped
	}
	return fmt.Errorf("the program ended (%s, exit code %d): %s", result.Reason, result.ExitCode, result.Message)
}

// probe asks a process whether it lives; any answer will do.
func (p *pool) probe(ctx context.Context, x *process, limit time.Duration) (err error) {
	defer func() {
		if err == nil {
			x.listen()
		}
	}()
	resp, err := x.ask(ctx, &http.Request{Method: http.MethodGet}, []byte(healthRequest), limit, maxHead)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if !x.hasRead() {
		return errUnread
	}
	return nil
}

// retire ends a process that cannot be used any more, and says so when that is the
// app's fault: not when the customer went away, or has had enough.
func (p *pool) retire(ctx context.Context, x *process, by *receipt.SessionID, why error) {
	x.kill()
	<-x.gone
	if ctx.Err() == nil && p.set.ctx.Err() == nil && !errors.Is(why, errUnwanted) {
		p.health.died(by, why)
	}
}

// park keeps a process for the next call, for a while.
func (p *pool) park(x *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-x.gone:
		return
	default:
	}
	p.idle = append(p.idle, x)
	x.idle = time.AfterFunc(time.Until(x.last.Add(p.Idle)), func() {
		if p.remove(x) {
			x.kill()
		}
	})
}

// unpark takes the oldest of the idle processes, or the one that was used last, so
// that those become idle for good that are not needed; nil when there is none.
func (p *pool) unpark(oldest bool) *process {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := len(p.idle) - 1
	if oldest {
		at = min(at, 0)
	}
	if at < 0 {
		return nil
	}
	x := p.idle[at]
	p.idle = slices.Delete(p.idle, at, at+1)
	x.idle.Stop()
	return x
}

// remove takes this process out of the idle ones, unless a call has it.
func (p *pool) remove(x *process) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.Index(p.idle, x)
	if at < 0 {
		return false
	}
	p.idle = slices.Delete(p.idle, at, at+1)
	x.idle.Stop()
	return true
}

// check implements source: it asks the process that has been idle for longest, when
// there is a place for that.
func (p *pool) check(ctx context.Context) {
	if !p.queue.tryCheck() {
		return
	}
	defer p.queue.endCheck()
	x := p.unpark(true)
	if x == nil {
		return
	}
	if err := p.probe(ctx, x, min(p.Patience, checkTime)); err != nil {
		p.retire(ctx, x, nil, err)
		return
	}
	p.park(x)
}
