package power

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/edgematrix/emc/worker/runtime"
)

const (
	// freezeTimeout is how much of a window the freezing may take.
	freezeTimeout = 2 * time.Second
	// thawTimeout is how long thawing is tried before the loop goes on and tries
	// again at the next block.
	thawTimeout = 20 * time.Second
	thawPause   = 500 * time.Millisecond
)

// freezing counts the time in which programs were held still.
type freezing struct {
	mu    sync.Mutex
	since time.Time // zero while they run
	total time.Duration
	stuck bool // thawing failed; the loop alone looks at it
}

func (f *freezing) begin(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.since.IsZero() {
		f.since = now
	}
}

func (f *freezing) end(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.since.IsZero() {
		f.total += now.Sub(f.since)
		f.since = time.Time{}
	}
}

func (f *freezing) frozen(now time.Time) (total time.Duration, is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.since.IsZero() {
		return f.total, false
	}
	return f.total + now.Sub(f.since), true
}

// freeze holds everything still. What cannot be frozen costs power and nothing
// else: the window is proved all the same.
func (l *Loop) freeze(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, freezeTimeout)
	defer cancel()
	l.freezing.begin(l.cfg.Now())
	if err := each(l.cfg.Freezers, func(f runtime.Freezer) error { return f.Freeze(ctx) }); err != nil {
		l.cfg.Logger.Warn("proof: not everything that runs could be frozen; the proof is weaker for it", "error", err)
	}
}

// thaw lets everything go on, whatever the loop's own context says.
func (l *Loop) thaw() {
	if _, frozen := l.freezing.frozen(l.cfg.Now()); !frozen {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), thawTimeout)
	defer cancel()
	err := Thaw(ctx, l.cfg.Freezers)
	l.freezing.stuck = err != nil
	if err != nil {
		l.cfg.Logger.Error("proof: not everything could be thawed; trying again at the next block", "error", err)
		return
	}
	l.freezing.end(l.cfg.Now())
	if l.cfg.Thawed != nil {
		l.cfg.Thawed()
	}
}

// Thaw lets everything go on, also what a killed worker left frozen: it comes
// before anything else at a start. It tries until the context ends.
func Thaw(ctx context.Context, all []runtime.Freezer) error {
	for {
		err := each(all, func(f runtime.Freezer) error { return f.Thaw(ctx) })
		if err == nil {
			return nil
		}
		pause := time.NewTimer(thawPause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return err
		case <-pause.C:
		}
	}
}

// each does something with all of them at once: one that does not answer keeps no
// other waiting.
func each(all []runtime.Freezer, do func(runtime.Freezer) error) error {
	errs := make([]error, len(all))
	var group sync.WaitGroup
	for i, f := range all {
		group.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					errs[i] = fmt.Errorf("panic: %v", r)
				}
			}()
			errs[i] = do(f)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}
