package gateway_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/router/apikey"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/gateway/gatewaytest"
)

// site is a gateway that listens, with a session, its master key and an ordinary one.
type site struct {
	t        *testing.T
	url      string
	backend  *gatewaytest.Backend
	keys     *apikey.Store
	registry *prometheus.Registry
	logs     *logs
	master   string
	key      apikey.Key
	secret   string
	stop     func() error
}

// logs is a buffer for many writers.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newSite(t *testing.T, change func(*gateway.Config)) *site {
	t.Helper()
	cfg := gateway.DefaultConfig()
	cfg.DrainTime = time.Second
	if change != nil {
		change(&cfg)
	}
	s := &site{t: t, backend: gatewaytest.New(), registry: prometheus.NewRegistry(), logs: &logs{}}
	var err error
	s.keys, err = apikey.New(apikey.Config{Ledger: ledger.NewMemory(), MaxPerSession: 100, Now: time.Now, Rand: rand.Reader})
	require.NoError(t, err)
	_, s.master, err = s.keys.Create(apikey.Key{Session: "session-1", Master: true})
	require.NoError(t, err)
	s.key, s.secret = s.newKey(apikey.Key{Name: "test", Limit: 1_000_000})
	s.backend.Add(gateway.Model{ID: "chat", OwnedBy: "emc", Created: 1, OpenAI: true, Unit: "token", UnitPrice: 2, CallPrice: 1, Nodes: 3}, gatewaytest.Chat(0, "Hel", "lo"))
	s.backend.Add(gateway.Model{ID: "echo"}, echo)
	g, err := gateway.New(cfg, gateway.Parts{
		Backend: s.backend, Keys: s.keys, Log: slog.New(slog.NewJSONHandler(s.logs, nil)), Registry: s.registry, Now: time.Now, Rand: rand.Reader,
	})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(ctx, listener) }()
	var once sync.Once
	s.stop = func() (err error) {
		once.Do(func() { cancel(); err = <-ended })
		return err
	}
	t.Cleanup(func() { require.NoError(t, s.stop()) })
	return s
}

// echo answers what it was asked.
func echo(_ context.Context, r *http.Request, w *gatewaytest.Writer) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain")
	_, err = w.Write([]byte(r.Method + " " + r.URL.RequestURI() + "\n" + r.Header.Get("Content-Type") + "\n" + string(body)))
	return err
}

func (s *site) newKey(k apikey.Key) (apikey.Key, string) {
	s.t.Helper()
	k.Session = "session-1"
	k, secret, err := s.keys.Create(k)
	require.NoError(s.t, err)
	return k, secret
}

func (s *site) request(method, path, body string, headers ...string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	require.NoError(s.t, err)
	r.Header.Set("Authorization", "Bearer "+s.secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if r.Header.Set(headers[i], headers[i+1]); headers[i+1] == "" {
			r.Header.Del(headers[i])
		}
	}
	return r
}

// reply is an answer that was read to its end.
type reply struct {
	*http.Response
	body string
}

func (s *site) do(method, path, body string, headers ...string) reply {
	s.t.Helper()
	answer, err := http.DefaultClient.Do(s.request(method, path, body, headers...))
	require.NoError(s.t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(s.t, err)
	return reply{answer, string(b)}
}

func (s *site) chat(body string, headers ...string) reply {
	s.t.Helper()
	return s.do("POST", "/v1/chat/completions", body, headers...)
}

const hello = `{"model":"chat","messages":[{"role":"user","content":"hi"}]}`

const helloStream = `{"model":"chat","stream":true,"messages":[{"role":"user","content":"hi"}]}`

// apiError is an error in OpenAI's shape.
type apiError struct {
	Message, Type string
	Param, Code   *string
}

func (r reply) apiError(t *testing.T) (e apiError) {
	t.Helper()
	var all map[string]map[string]any
	require.NoError(t, json.Unmarshal([]byte(r.body), &all), "%s", r.body)
	require.Len(t, all, 1)
	require.Len(t, all["error"], 4, "message, type, param and code stand in every error")
	var out struct{ Error apiError }
	require.NoError(t, json.Unmarshal([]byte(r.body), &out))
	require.NotEmpty(t, out.Error.Message)
	require.NotEmpty(t, r.Header.Get("X-Request-Id"))
	require.Equal(t, "application/json", r.Header.Get("Content-Type"))
	return out.Error
}

func (s *site) requireError(r reply, status int, kind, code, param string) {
	s.t.Helper()
	e := r.apiError(s.t)
	require.Equal(s.t, status, r.StatusCode, r.body)
	require.Equal(s.t, kind, e.Type, r.body)
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return *p
	}
	require.Equal(s.t, code, text(e.Code), r.body)
	require.Equal(s.t, param, text(e.Param), r.body)
}

// spent waits until nothing of the key is reserved.
func (s *site) spent(id string) uint64 {
	s.t.Helper()
	var k apikey.Key
	require.Eventually(s.t, func() bool {
		var err error
		k, err = s.keys.Get(id)
		require.NoError(s.t, err)
		return k.Reserved == 0
	}, 5*time.Second, time.Millisecond, "a reservation was not settled")
	return k.Spent
}
