package gateway_test

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/gateway/gatewaytest"
)

// faulty is a backend with a fault of its own.
type faulty struct{ *gatewaytest.Backend }

func (faulty) Call(_ context.Context, c gateway.Call) (*gateway.Answer, error) {
	if err := c.Reserve(50); err != nil {
		return nil, err
	}
	panic("planted-prompt in " + c.App)
}

// A panic is a 500, told by its place and not by its value, and leaves no reservation behind.
func TestPanic(t *testing.T) {
	s := newSite(t, nil)
	g, err := gateway.New(gateway.DefaultConfig(), gateway.Parts{
		Backend: faulty{s.backend}, Keys: s.keys, Log: slog.New(slog.NewTextHandler(s.logs, nil)), Registry: prometheus.NewRegistry(), Now: time.Now, Rand: rand.Reader,
	})
	require.NoError(t, err)
	server := httptest.NewServer(g)
	defer server.Close()
	r := s.request("POST", "/v1/chat/completions", hello)
	r.URL.Host = strings.TrimPrefix(server.URL, "http://")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	s.requireError(reply{answer, string(b)}, 500, "server_error", "internal_error", "")
	require.Equal(t, uint64(50), s.spent(s.key.ID), "it may have cost all of it")
	require.Contains(t, s.logs.String(), "panic_test.go")
	require.NotContains(t, s.logs.String(), "planted")
}

func TestConfig(t *testing.T) {
	for _, spoil := range []func(*gateway.Config){
		func(c *gateway.Config) { c.MaxPrice = 0 }, func(c *gateway.Config) { c.MaxMemory = gateway.MaxBody }, func(c *gateway.Config) { c.WriteTime = 0 },
		func(c *gateway.Config) { c.Units.Images = 0 }, func(c *gateway.Config) { c.CacheEntries = 0 }, func(c *gateway.Config) { c.MaxConns = -1 },
	} {
		cfg := gateway.DefaultConfig()
		require.NoError(t, cfg.Validate())
		spoil(&cfg)
		require.ErrorIs(t, cfg.Validate(), gateway.ErrConfig)
	}
	_, err := gateway.New(gateway.DefaultConfig(), gateway.Parts{})
	require.ErrorIs(t, err, gateway.ErrConfig)
}
