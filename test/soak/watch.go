package soak

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// watch follows a job from outside: in the customer's words, in the worker's
// log, and on the chain.
type watch struct {
	lane *lane

	mu   sync.Mutex
	id   string
	step Step
	job  rig.Job // as last seen on the chain
	over bool    // nothing more will happen
	said *rig.Process

	log    *os.File
	offset int64
	rest   []byte // of the log, an unfinished line
}

func newWatch(l *lane) (*watch, error) {
	log, err := os.Open(l.worker.Home + ".log")
	if err != nil {
		return nil, err
	}
	w := &watch{lane: l, log: log}
	w.offset, err = log.Seek(0, io.SeekEnd)
	return w, err
}

// follow looks until the context ends.
func (w *watch) follow(ctx context.Context) {
	defer w.log.Close()
	for i := 0; ; i++ {
		w.hear()
		w.read()
		if i%4 == 0 {
			w.look(ctx)
		}
		if sleep(ctx, 40*time.Millisecond) != nil {
			return
		}
	}
}

// hear takes in what the customer's command says.
func (w *watch) hear() {
	w.mu.Lock()
	said := w.said
	w.mu.Unlock()
	if said == nil {
		return
	}
	for line := range strings.Lines(said.Output()) {
		switch {
		case strings.HasPrefix(line, "Job ") && strings.Contains(line, " is on the chain") && strings.HasSuffix(line, "\n"):
			w.name(strings.Fields(line)[1])
		case strings.HasPrefix(line, "Uploading"):
			w.reach(Uploading)
		case strings.HasPrefix(line, "Node ") && strings.Contains(line, "has the specification"):
			w.reach(Ready)
		case strings.HasPrefix(line, "spinning"):
			w.reach(Running)
		}
	}
}

// read takes in what the worker's log says of the job. Nothing is consumed
// before the job's id is known.
func (w *watch) read() {
	id := w.named()
	if id == "" {
		return
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := w.log.ReadAt(buffer, w.offset)
		w.offset += int64(n)
		w.rest = append(w.rest, buffer[:n]...)
		for {
			line, rest, whole := bytes.Cut(w.rest, []byte("\n"))
			if !whole {
				break
			}
			w.rest = rest
			if bytes.Contains(line, []byte(id)) {
				w.logged(string(line))
			}
		}
		if err != nil || n == 0 {
			return
		}
	}
}

func (w *watch) logged(line string) {
	switch {
	case strings.Contains(line, `"job: run ended"`):
		w.reach(Ended)
	case strings.Contains(line, `"job: run"`):
		w.reach(Running)
	case strings.Contains(line, `"job: message to the chain"`) && strings.Contains(line, "receipt"):
		w.reach(ReceiptQueued)
	}
}

// look asks the chain.
func (w *watch) look(ctx context.Context) {
	id := w.named()
	if id == "" {
		return
	}
	var j rig.Job
	if err := w.lane.chain.ask(func(n *rig.Network) (err error) {
		j, err = n.Job(ctx, id)
		return err
	}); err != nil {
		return // asked again soon; whoever waits has a deadline
	}
	w.mu.Lock()
	w.job = j
	w.mu.Unlock()
	switch {
	case j.Closed():
		w.mu.Lock()
		if j.Receipt != nil {
			w.step = max(w.step, ReceiptInBlock)
		}
		w.mu.Unlock()
		w.reach(Closed)
	case j.Status == rig.Finished:
		w.reach(ReceiptInBlock)
	case j.Status == rig.Running:
		w.reach(Started)
	case j.Status == rig.Ready:
		w.reach(Ready)
	}
}

func (w *watch) reach(s Step) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.step = max(w.step, s)
}

// name tells which job it is.
func (w *watch) name(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.id = id
	w.step = max(w.step, Submitted)
}

func (w *watch) named() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.id
}

// listen tells which command speaks for the customer now.
func (w *watch) listen(p *rig.Process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = p
}

// nothing tells that there is no job and will be none.
func (w *watch) nothing() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
}

// state is how far it has come. Over: nothing more will happen.
func (w *watch) state() (step Step, over bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.step, w.over || w.step == Closed
}

// until waits for a step; false when the job ended without it, or beyond it
// before it was seen.
func (w *watch) until(ctx context.Context, want Step, or <-chan struct{}) bool {
	for {
		step, over := w.state()
		switch {
		case want == Closed && step == Closed:
			return true
		case over:
			return false
		case step >= want:
			return true
		}
		select {
		case <-or:
			return false
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return false
		}
	}
}
