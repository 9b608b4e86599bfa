package gateway_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/router/apikey"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/gateway/gatewaytest"
)

// A session makes as many keys as it likes: together they get its share and no more.
func TestSessionsShareOfCalls(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.MaxCalls, c.MaxCallsPerSession, c.MaxCallsPerKey = 10, 2, 2 })
	s.backend.Add(gateway.Model{ID: "events"}, endless("text/event-stream", "data: 1\n\n"))
	for range 2 {
		_, secret := s.newKey(apikey.Key{})
		answer, err := http.DefaultClient.Do(s.request("GET", "/call/events/", "", "Authorization", "Bearer "+secret))
		require.NoError(t, err)
		require.Equal(t, 200, answer.StatusCode)
		defer answer.Body.Close()
	}
	s.requireError(s.chat(hello), 429, "requests", "rate_limit_exceeded", "")
	_, other, err := s.keys.Create(apikey.Key{Session: "session-2"})
	require.NoError(t, err)
	require.Equal(t, 200, s.chat(hello, "Authorization", "Bearer "+other).StatusCode)
}

// Bodies of one session leave room for those of others.
func TestSessionsShareOfMemory(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.MaxMemoryPerSession = gateway.MinMemory })
	release := make(chan struct{})
	s.backend.Add(gateway.Model{ID: "holds"}, func(_ context.Context, _ *http.Request, w *gatewaytest.Writer) error {
		<-release
		_, err := io.WriteString(w, "done")
		return err
	})
	status := make(chan int, 2)
	large := strings.Repeat("b", 10<<20)
	go func() { status <- s.do("POST", "/call/holds/", large).StatusCode }()
	require.Eventually(t, func() bool { return s.backend.Running() == 1 }, 5*time.Second, time.Millisecond)
	_, second := s.newKey(apikey.Key{})
	s.requireError(s.do("POST", "/call/holds/", large, "Authorization", "Bearer "+second), 429, "requests", "rate_limit_exceeded", "")
	_, other, err := s.keys.Create(apikey.Key{Session: "session-2"})
	require.NoError(t, err)
	go func() { status <- s.do("POST", "/call/holds/", large, "Authorization", "Bearer "+other).StatusCode }()
	require.Eventually(t, func() bool { return s.backend.Running() == 2 }, 5*time.Second, time.Millisecond)
	close(release)
	require.Equal(t, 200, <-status)
	require.Equal(t, 200, <-status)
	require.Equal(t, 200, s.do("POST", "/call/holds/", large, "Authorization", "Bearer "+second).StatusCode, "it was given back")
}

// One address cannot hold all connections; who is above its bound is told at once.
func TestConnectionsOfAnAddress(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.MaxConnsPerAddress = 2 })
	dial := func(from string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
		return c
	}
	answered := func(c net.Conn) bool {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(5*time.Second)))
		n, _ := c.Read(make([]byte, 100))
		return n > 0
	}
	first := dial("127.0.0.2")
	require.True(t, answered(first))
	require.True(t, answered(dial("127.0.0.2")))
	require.False(t, answered(dial("127.0.0.2")))
	require.True(t, answered(dial("127.0.0.3")), "another address has places of its own")
	require.NoError(t, first.Close())
	require.Eventually(t, func() bool { return answered(dial("127.0.0.2")) }, 5*time.Second, 10*time.Millisecond)
}
