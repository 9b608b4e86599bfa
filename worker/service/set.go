package service

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
)

// Set is all apps that a node answers calls of.
type Set struct {
	log  *slog.Logger
	list []*app
	apps map[string]*app
	held atomic.Bool

	ctx  context.Context // of the processes
	stop context.CancelFunc

	mu      sync.Mutex
	stopped bool
	work    sync.WaitGroup
}

var _ call.App = (*Set)(nil)

// New checks the services. It starts nothing: Run looks after servers and idle
// processes, and the first call of an app starts its process.
func New(cfgs []Config, log *slog.Logger) (*Set, error) {
	s := &Set{log: log, apps: make(map[string]*app, len(cfgs))}
	s.ctx, s.stop = context.WithCancel(context.Background())
	for _, cfg := range cfgs {
		cfg, err := cfg.withDefaults()
		if err != nil {
			return nil, err
		}
		if s.apps[cfg.App] != nil {
			return nil, fmt.Errorf("%w: app %q is there twice", ErrConfig, cfg.App)
		}
		a := newApp(s, cfg)
		s.apps[cfg.App], s.list = a, append(s.list, a)
	}
	return s, nil
}

// Run looks after the apps until the context ends, and then ends all processes. It
// returns when nothing of them is left. A Set runs once.
func (s *Set) Run(ctx context.Context) error {
	var loops sync.WaitGroup
	for _, a := range s.list {
		loops.Go(func() { a.watch(ctx) })
	}
	loops.Wait()
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.stop()
	s.work.Wait()
	return nil
}

// begin starts what Run waits for; false when it is over.
func (s *Set) begin(do func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return false
	}
	s.work.Go(do)
	return true
}

// Answer implements call.App.
func (s *Set) Answer(ctx context.Context, r receipt.Request, body []byte, send func(call.Piece) error) error {
	a := s.apps[r.App]
	if a == nil {
		return fmt.Errorf("%w: app %q is not served here", session.ErrPrice, r.App)
	}
	// The body is looked at before it can wait: what is nothing takes no place.
	asked, err := httpcall.ReadRequest(body)
	if err != nil {
		return a.refuse(r, send, http.StatusBadRequest, err.Error())
	}
	return a.answer(ctx, r, asked, send)
}

// Admit refuses what would not be answered, before it costs anything. It is a
// session.NodeConfig's Price.
func (s *Set) Admit(app string, maxPrice uint64) error {
	a := s.apps[app]
	if a == nil {
		return fmt.Errorf("%w: app %q is not served here", session.ErrPrice, app)
	}
	if least := a.least(); maxPrice < least {
		return fmt.Errorf("%w: a call of %s costs %d uemc at least, at most %d are offered", session.ErrPrice, app, least, maxPrice)
	}
	if s.held.Load() {
		return fmt.Errorf("%w: the node proves its power for a moment", session.ErrBusy)
	}
	if ready, _ := a.health.ready(); !ready {
		return fmt.Errorf("%w: %s does not work at present", session.ErrBusy, app)
	}
	if a.queue.full() {
		return fmt.Errorf("%w: all places of %s are taken", session.ErrBusy, app)
	}
	return nil
}

// Load is how busy an app is.
type Load struct {
	App                  string
	UnitPrice, CallPrice uint64 // uemc
	Running, Queued      int
	Capacity             int // how many run at once
	Ready                bool
	Reason               string // for the operator: the last fault, while there is one
}

// Loads are those of all apps, in the order of their configuration.
func (s *Set) Loads() []Load {
	list := make([]Load, len(s.list))
	for i, a := range s.list {
		l := Load{App: a.App, UnitPrice: a.UnitPrice, CallPrice: a.CallPrice, Capacity: a.Processes}
		l.Running, l.Queued = a.queue.counts()
		l.Ready, l.Reason = a.health.ready()
		list[i] = l
	}
	return list
}

// Hold turns new calls away while the node proves, and lets none of those begin
// that wait. Running ones go on: what their processes do is the runtimes' to freeze.
func (s *Set) Hold(hold bool) {
	s.held.Store(hold)
	for _, a := range s.list {
		a.queue.hold(hold)
	}
}

// watch checks an app again and again.
func (a *app) watch(ctx context.Context) {
	ticker := time.NewTicker(a.Health)
	defer ticker.Stop()
	for {
		if !a.set.held.Load() {
			a.source.check(ctx)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
