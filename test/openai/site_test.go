package openai

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/router/apikey"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/gateway/gatewaytest"
	"github.com/edgematrix/emc/test/e2e/rig"
	"github.com/edgematrix/emc/test/nodejs"
)

// site is a gateway, and the folder of the client.
type site struct {
	js, url, secret string
	keys            *apikey.Store
	key             apikey.Key
	backend         *gatewaytest.Backend
}

func newSite(t *testing.T) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("programs for Node are left out under -short")
	}
	nodejs.Needs(t, nodejs.Check(t.Context()))
	root, err := rig.Root()
	require.NoError(t, err)
	s := &site{js: filepath.Join(root, "test", "openai", "js"), backend: gatewaytest.New()}
	nodejs.Needs(t, nodejs.Install(t.Context(), s.js))

	s.keys, err = apikey.New(apikey.Config{Ledger: ledger.NewMemory(), MaxPerSession: 10, Now: time.Now, Rand: rand.Reader})
	require.NoError(t, err)
	s.key, s.secret, err = s.keys.Create(apikey.Key{Session: "session"})
	require.NoError(t, err)
	cfg := gateway.DefaultConfig()
	cfg.CallTime = 5 * time.Second
	g, err := gateway.New(cfg, gateway.Parts{
		Backend: s.backend, Keys: s.keys, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Registry: prometheus.NewRegistry(), Now: time.Now, Rand: rand.Reader,
	})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	return s
}

// play plays a scenario of js/scenarios.mjs.
func (s *site) play(t *testing.T, name string, out any) {
	t.Helper()
	answer, err := rig.Command(t.Context(), s.js, nil, "node", "scenarios.mjs", name, s.url, s.secret)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(answer.Out), out), answer.Out)
}

// failure is an error as the client's users see it.
type failure struct {
	Class, Code, Type, Param, Message, ID string
	Status                                int
}
