package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/router/apikey"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/gateway/gatewaytest"
)

func TestCache(t *testing.T) {
	s := newSite(t, nil)
	n := 0
	count := func(status int) gatewaytest.App {
		return func(_ context.Context, _ *http.Request, w *gatewaytest.Writer) error {
			n++
			w.Header().Set("Content-Type", "text/x")
			if err := w.Status(status); err != nil {
				return err
			}
			_, err := fmt.Fprint(w, "answer ", n)
			return err
		}
	}
	s.backend.Add(gateway.Model{ID: "own", Deterministic: true}, count(200))
	s.backend.Add(gateway.Model{ID: "shared", Deterministic: true, SharedCache: true}, count(200))
	s.backend.Add(gateway.Model{ID: "bad", Deterministic: true}, count(400))
	s.backend.Add(gateway.Model{ID: "stream", Deterministic: true, OpenAI: true}, gatewaytest.Chat(0, "a"))
	_, other, err := s.keys.Create(apikey.Key{Session: "session-2"})
	require.NoError(t, err)
	_, sibling := s.newKey(apikey.Key{})

	ask := func(hit bool, cost string, r reply) string {
		t.Helper()
		require.Equal(t, map[bool]string{true: "hit", false: "miss"}[hit], r.Header.Get("X-EMC-Cache"))
		require.Equal(t, cost, r.Header.Get("X-EMC-Cost"))
		require.Equal(t, gatewaytest.Node, r.Header.Get("X-EMC-Node"))
		require.Equal(t, "text/x", r.Header.Get("Content-Type"))
		return r.body
	}
	first := ask(false, "7", s.do("POST", "/call/own/a", "x"))
	require.Equal(t, first, ask(true, "0", s.do("POST", "/call/own/a", "x")))
	require.Equal(t, uint64(7), s.spent(s.key.ID), "a hit costs nothing")
	require.Equal(t, first, ask(true, "0", s.do("POST", "/call/own/a", "x", "Authorization", "Bearer "+sibling)), "the session's other key")
	require.NotEqual(t, first, ask(false, "7", s.do("POST", "/call/own/a", "x", "Authorization", "Bearer "+other)), "another customer")
	ask(false, "7", s.do("POST", "/call/own/a", "y"))
	ask(false, "7", s.do("PUT", "/call/own/a", "x"))
	ask(false, "7", s.do("POST", "/call/own/a?q", "x"))
	ask(false, "7", s.do("POST", "/call/own/a", "x", "Content-Type", "text/y"))
	require.Equal(t, first, ask(true, "0", s.do("POST", "/call/own/a", "x")))
	r := s.do("POST", "/call/own/a", "x", "Cache-Control", "max-age=0, No-Store")
	require.Empty(t, r.Header.Get("X-EMC-Cache"))
	require.NotEqual(t, first, r.body)

	shared := ask(false, "7", s.do("POST", "/call/shared/", "x"))
	require.Equal(t, shared, ask(true, "0", s.do("POST", "/call/shared/", "x", "Authorization", "Bearer "+other)))
	require.Equal(t, 401, s.do("POST", "/call/shared/", "x", "Authorization", "Bearer none").StatusCode)
	for range 2 {
		ask(false, "7", s.do("POST", "/call/bad/", "x"))
	}
	for range 2 {
		r := s.chat(strings.Replace(helloStream, "chat", "stream", 1))
		require.Empty(t, r.Header.Get("X-EMC-Cache"))
	}
	require.Empty(t, s.chat(hello).Header.Get("X-EMC-Cache"), "an app that is not deterministic")
}

func TestCacheBytes(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.CacheBytes = 64 << 10 })
	s.backend.Add(gateway.Model{ID: "own", Deterministic: true}, echo)
	hit := func(i int) bool {
		return s.do("POST", fmt.Sprint("/call/own/", i), strings.Repeat("a", 2900)).Header.Get("X-EMC-Cache") == "hit"
	}
	for i := range 17 { // of some 4 KiB each
		require.False(t, hit(i))
	}
	require.False(t, hit(0), "the oldest had to go")
	require.True(t, hit(16))
}

// The cache is bounded in entries and time.
func TestCacheBounds(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) {
		c.CacheBytes, c.CacheEntries, c.CacheTime = 64<<10, 3, 300*time.Millisecond
	})
	s.backend.Add(gateway.Model{ID: "own", Deterministic: true}, echo)
	hit := func(path string, bytes int) bool {
		return s.do("POST", "/call/own/"+path, strings.Repeat("a", bytes)).Header.Get("X-EMC-Cache") == "hit"
	}
	require.False(t, hit("a", 1))
	require.True(t, hit("a", 1))
	for _, path := range []string{"b", "c", "d"} {
		require.False(t, hit(path, 1))
	}
	require.False(t, hit("a", 1), "three entries")
	require.False(t, hit("large", 5000))
	require.False(t, hit("large", 5000), "a sixteenth of it at most")
	require.True(t, hit("a", 1))
	time.Sleep(350 * time.Millisecond)
	require.False(t, hit("a", 1), "too old")
}
