package service

import (
	"log/slog"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
)

const (
	// manyDeaths in a row make an app not ready for a while.
	manyDeaths = 3
	// A process that died is replaced after firstPause, then twice that, and so on.
	firstPause = 250 * time.Millisecond
	// After many deaths the first rest is firstRest, then twice that, up to maxRest.
	firstRest = 10 * time.Second
	maxRest   = 5 * time.Minute
)

// health is what is known of an app.
type health struct {
	app string
	log *slog.Logger
	now func() time.Time

	mu       sync.Mutex
	down     bool // a server that was not found well
	deaths   int  // in a row
	culprits map[receipt.SessionID]bool
	next     time.Time // before it no process is started
	rests    bool      // until next nobody is answered
	reason   string
}

// died notes a death of a process, or a fault for which it was killed. Of the
// same session it counts once: who finds a request that an app does not survive
// must not take the app from all others by repeating it. by is nil for a process
// that answered nobody.
func (h *health) died(by *receipt.SessionID, why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reason = why.Error()
	if by == nil || !h.culprits[*by] || h.deaths == 0 {
		h.deaths++
	}
	if by != nil {
		if h.culprits == nil {
			h.culprits = map[receipt.SessionID]bool{}
		}
		h.culprits[*by] = true
	}
	pause := firstPause << (min(h.deaths, manyDeaths) - 1)
	if h.rests = h.deaths >= manyDeaths; h.rests {
		pause = min(firstRest<<min(h.deaths-manyDeaths, 10), maxRest)
	}
	h.next = h.now().Add(pause)
	h.log.Error("an app's process failed", "app", h.app, "in a row", h.deaths, "next start after", pause, "error", why)
}

// answered notes that all is well.
func (h *health) answered() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deaths, h.culprits, h.rests, h.reason = 0, nil, false, ""
	h.next = time.Time{}
}

// found notes what a check of a server came to.
func (h *health) found(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	was := h.down
	h.down, h.reason = err != nil, ""
	if err != nil {
		h.reason = err.Error()
	}
	switch {
	case h.down && !was:
		h.log.Error("an app's server does not answer", "app", h.app, "error", err)
	case was && !h.down:
		h.log.Info("an app's server answers", "app", h.app)
	}
}

// ready says whether calls are taken, and why not.
func (h *health) ready() (bool, string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	rests := h.rests && h.now().Before(h.next)
	return !h.down && !rests, h.reason
}

// pause is how long to wait before a process is started.
func (h *health) pause() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return max(h.next.Sub(h.now()), 0)
}
