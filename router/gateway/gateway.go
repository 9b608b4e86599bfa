package gateway

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edgematrix/emc/pkg/feed"
	"github.com/edgematrix/emc/router/apikey"
)

// Parts are what a gateway works with.
type Parts struct {
	Backend  Backend
	Keys     *apikey.Store
	Log      *slog.Logger
	Registry prometheus.Registerer
	Now      func() time.Time
	Rand     io.Reader  // for the ids of requests; safe for concurrent use
	Sessions Sessions   // nil: customers leave no sessions' keys here
	Feed     *feed.Feed // what everybody may follow; nil: nothing
}

// Gateway is the HTTP handler. It starts nothing by itself; Serve does.
type Gateway struct {
	Config
	backend   Backend
	keys      *apikey.Store
	log       *slog.Logger
	now       func() time.Time
	rand      io.Reader
	metrics   *metrics
	catalogue *catalogue
	cache     *cache
	slots     *slots
	memory    *memory
	guard     *guard
	sessions  Sessions
	feed      *feed.Feed
}

// New makes a gateway.
func New(cfg Config, p Parts) (*Gateway, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if p.Backend == nil || p.Keys == nil || p.Log == nil || p.Registry == nil || p.Now == nil || p.Rand == nil {
		return nil, fmt.Errorf("%w: a part is missing", ErrConfig)
	}
	g := &Gateway{
		Config: cfg, backend: p.Backend, keys: p.Keys, sessions: p.Sessions, feed: p.Feed, log: p.Log, now: p.Now, rand: p.Rand,
		catalogue: &catalogue{backend: p.Backend, now: p.Now}, slots: newSlots(cfg), memory: newMemory(cfg.MaxMemory, cfg.MaxMemoryPerSession),
	}
	var err, err2, err3 error
	g.guard, err = newGuard(cfg.FailedKeys, cfg.FailedKeysEvery)
	g.cache, err2 = newCache(cfg.CacheEntries, cfg.CacheBytes, cfg.CacheTime)
	g.metrics, err3 = newMetrics(p.Registry)
	return g, errors.Join(err, err2, err3)
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v := g.begin(w, r)
	defer g.end(v)
	allowed := g.cors(v.Header(), r)
	if isPreflight(r) {
		v.quiet = true
		g.preflight(v, r, allowed)
		return
	}
	defer g.recover(v)
	if err := g.route(v, r); err != nil {
		g.refuse(v, r, err)
	}
}

// refuse answers with an error, or ends an answer that has begun so that nobody takes it for whole.
func (g *Gateway) refuse(v *visit, r *http.Request, err error) {
	f := explain(err)
	v.reason = f.reason
	if errors.Is(err, errGone) || r.Context().Err() != nil && f.status != http.StatusRequestTimeout { // a read that timed out ends the context too
		v.reason = "client_gone"
		if errors.Is(err, errGone) && errors.Is(err, os.ErrDeadlineExceeded) {
			v.reason = "slow_reader"
		}
		panic(http.ErrAbortHandler) // and no empty 200 for one who only stopped sending
	}
	if f.status == http.StatusInternalServerError || f.status == http.StatusBadGateway {
		v.failure = err
	}
	switch {
	case v.status == 0:
		f.write(v)
	case v.events:
		v.failure = errors.Join(err, writeBreak(v, f))
	default:
		panic(http.ErrAbortHandler)
	}
}

// recover makes a 500 of a panic, which is told with its place and not with its value: that may be of a prompt.
func (g *Gateway) recover(v *visit) {
	p := recover()
	if p == nil {
		return
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	g.log.Error("panic", "request", v.id, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	v.reason = "panic"
	if v.status != 0 {
		panic(http.ErrAbortHandler)
	}
	internal().write(v)
}

func (g *Gateway) route(v *visit, r *http.Request) error {
	path := r.URL.EscapedPath()
	if e, found := endpointOf(path); found {
		v.route = e.name
		if err := only(r, http.MethodPost); err != nil {
			return err
		}
		return g.openAI(v, r, e)
	}
	switch {
	case path == "/healthz":
		v.quiet = true
		return g.health(v, r)
	case path == "/v1/models":
		v.route = path
		return g.listModels(v, r)
	case strings.HasPrefix(path, "/v1/models/"):
		v.route = "/v1/models/"
		return g.showModel(v, r)
	case strings.HasPrefix(path, "/call/"):
		v.route = "/call/"
		return g.anyCall(v, r)
	case path == "/emc/v1/events":
		v.route, v.quiet = path, true
		return g.follow(v, r)
	case path == "/emc/v1/usage":
		v.route = path
		return g.usage(v, r)
	case path == "/emc/v1/sessions":
		v.route = path
		return g.newSession(v, r)
	case strings.HasPrefix(path, "/emc/v1/sessions/"):
		v.route = "/emc/v1/sessions/"
		return g.claimSession(v, r)
	case path == "/emc/v1/keys":
		v.route = path
		return g.manageKeys(v, r)
	case strings.HasPrefix(path, "/emc/v1/keys/"):
		v.route = "/emc/v1/keys/"
		return g.manageKey(v, r)
	}
	return unknownURL(r)
}

func (g *Gateway) health(v *visit, r *http.Request) error {
	if err := only(r, http.MethodGet, http.MethodHead); err != nil {
		return err
	}
	writeJSON(v, http.StatusOK, []byte(`{"status":"ok"}`))
	return nil
}
