package selection

import (
	"sync"
	"time"
)

// record is what this router measured of a node. It outlives the node's entry by Config.Forget.
type record struct {
	mu        sync.Mutex
	breaker   breaker
	meters    map[string]*meter // app → meter
	roundTrip peak
	faults    uint64
	usedAt    time.Time
}

func newRecord() *record { return &record{meters: make(map[string]*meter)} }

// hear takes an announcement's loads. Meters of apps that are gone are kept while there is room, so that a node cannot
// take back what was measured by taking an app out for a moment.
func (r *record) hear(loads []Load, now time.Time, cfg *Config) []*meter {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.usedAt = now
	meters := make([]*meter, len(loads))
	for i, l := range loads {
		m := r.meters[l.App]
		if m == nil {
			m = new(meter)
			r.meters[l.App] = m
		}
		m.announced(l, now, cfg.Memory)
		meters[i] = m
	}
	for app, m := range r.meters {
		if len(r.meters) <= 2*cfg.MaxApps {
			break
		}
		if m.outstanding == 0 && !serves(loads, app) {
			delete(r.meters, app)
		}
	}
	return meters
}

func serves(loads []Load, app string) bool {
	_, ok := Node{Loads: loads}.Load(app)
	return ok
}

// admits says whether a call of an app may go to the node now; if not, why, and in how long it is worth asking again.
func (r *record) admits(m *meter, now time.Time, cfg *BreakerConfig) (reason, time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.admitted(m, now, cfg)
}

func (r *record) admitted(m *meter, now time.Time, cfg *BreakerConfig) (reason, time.Duration) {
	if ok, wait := r.breaker.admits(now, cfg); !ok {
		return failing, wait
	}
	if wait := m.busyUntil.Sub(now); wait > 0 {
		return busy, wait
	}
	return fits, 0
}

// begin counts a call in, unless somebody else took the node's last chance meanwhile.
func (r *record) begin(m *meter, capacity uint32, now time.Time, cfg *BreakerConfig) (crowd float64, probe, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if why, _ := r.admitted(m, now, cfg); why != fits {
		return 0, false, false
	}
	crowd, probe = m.crowd(capacity), r.breaker.begin(now, cfg)
	if m.waiting == 0 {
		m.sign(now)
	}
	m.outstanding++
	m.waiting++
	m.calls++
	return crowd, probe, true
}

// predict is when a call that comes now should be done: a round trip, and its service after those that are ahead of it.
func (r *record) predict(m *meter, capacity uint32, now time.Time, unknown float64, memory time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.predicted(m, capacity, now, unknown, memory)
}

func (r *record) predicted(m *meter, capacity uint32, now time.Time, unknown float64, memory time.Duration) time.Duration {
	return max(m.silence(now), time.Duration(r.roundTrip.value+m.service.guess(now, unknown, memory)*m.crowd(capacity)))
}

// typical is how long a call of an app takes anywhere: what is thought of a node of which nothing is known.
type typical struct {
	mu    sync.Mutex
	value float64 // ns; zero: nothing was measured yet
}

func (t *typical) observe(v float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == 0 {
		t.value = v
		return
	}
	t.value += (v - t.value) / 32
}

// guess is somewhat better than the mean, so that a new node gets calls, and no more than others once it has some.
func (t *typical) guess(first time.Duration) float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == 0 {
		return float64(first)
	}
	return t.value * 3 / 4
}

func (r *record) idle(now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Sub(r.usedAt)
}

func (t *typical) mean() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Duration(t.value)
}
