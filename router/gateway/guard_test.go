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

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/router/apikey"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/gateway/gatewaytest"
)

func TestAuthentication(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.FailedKeys = 100 })
	old, oldSecret := s.newKey(apikey.Key{})
	_, err := s.keys.Revoke(old.ID)
	require.NoError(t, err)
	for _, c := range []struct{ header, code, words string }{
		{"", "", "didn't provide"}, {"Basic abc", "", "didn't provide"}, {"Bearer", "", "didn't provide"},
		{"Bearer x", "invalid_api_key", "Incorrect"}, {"Bearer " + s.secret + "x", "invalid_api_key", "Incorrect"},
		{"Bearer " + oldSecret, "invalid_api_key", "revoked"},
	} {
		for _, path := range []string{"/v1/chat/completions", "/call/echo/", "/emc/v1/keys"} {
			r := s.do("POST", path, hello, "Authorization", c.header)
			s.requireError(r, 401, "invalid_request_error", c.code, "")
			require.Contains(t, r.body, c.words)
			require.Equal(t, "Bearer", r.Header.Get("WWW-Authenticate"))
			require.NotContains(t, r.body, s.secret)
		}
		s.requireError(s.do("GET", "/v1/models", "", "Authorization", c.header), 401, "invalid_request_error", c.code, "")
	}
	require.Empty(t, s.backend.Calls())
	require.Equal(t, 200, s.chat(hello, "Authorization", "bearer  "+s.secret).StatusCode)
}

// Too many wrong keys are told so; a right one passes still.
func TestWrongKeys(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.FailedKeys, c.FailedKeysEvery = 3, time.Hour })
	for i := range 6 {
		r := s.chat(hello, "Authorization", "Bearer wrong")
		if i < 3 {
			s.requireError(r, 401, "invalid_request_error", "invalid_api_key", "")
			continue
		}
		s.requireError(r, 429, "requests", "rate_limit_exceeded", "")
		require.Equal(t, "3600", r.Header.Get("Retry-After"))
	}
	require.Equal(t, 200, s.chat(hello).StatusCode)
}

func TestConcurrency(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.MaxCalls, c.MaxCallsPerKey = 3, 2 })
	s.backend.Add(gateway.Model{ID: "events"}, endless("text/event-stream", "data: 1\n\n"))
	hold := func(secret string) func() {
		answer, err := http.DefaultClient.Do(s.request("GET", "/call/events/", "", "Authorization", "Bearer "+secret))
		require.NoError(t, err)
		require.Equal(t, 200, answer.StatusCode)
		return func() { answer.Body.Close() }
	}
	one, two := hold(s.secret), hold(s.secret)
	r := s.chat(hello)
	s.requireError(r, 429, "requests", "rate_limit_exceeded", "")
	require.Equal(t, "1", r.Header.Get("Retry-After"))
	_, single := s.newKey(apikey.Key{MaxConcurrent: 1})
	three := hold(single)
	s.requireError(s.chat(hello, "Authorization", "Bearer "+single), 429, "requests", "rate_limit_exceeded", "")
	_, another := s.newKey(apikey.Key{})
	r = s.chat(hello, "Authorization", "Bearer "+another)
	s.requireError(r, 503, "server_error", "overloaded", "")
	require.Equal(t, "1", r.Header.Get("Retry-After"))
	one()
	require.Eventually(t, func() bool { return s.chat(hello).StatusCode == http.StatusOK }, 5*time.Second, 10*time.Millisecond)
	two()
	three()
}

// Bodies beyond the memory that there is are refused, and give it back.
func TestMemory(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.MaxMemory = 3 * gateway.MaxBody })
	release := make(chan struct{})
	s.backend.Add(gateway.Model{ID: "holds"}, func(_ context.Context, _ *http.Request, w *gatewaytest.Writer) error {
		<-release
		_, err := io.WriteString(w, "done")
		return err
	})
	status := make(chan int, 1)
	large := strings.Repeat("b", 10<<20)
	go func() { status <- s.do("POST", "/call/holds/", large).StatusCode }()
	require.Eventually(t, func() bool { return s.backend.Running() == 1 }, 5*time.Second, time.Millisecond)
	s.requireError(s.do("POST", "/call/holds/", large), 503, "server_error", "overloaded", "")
	close(release)
	require.Equal(t, 200, <-status)
	require.Equal(t, 200, s.do("POST", "/call/holds/", large).StatusCode)
}

func TestConnections(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.MaxConns = 2 })
	var conns []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		require.NoError(t, err)
		defer c.Close()
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
		conns = append(conns, c)
	}
	answered := func(c net.Conn) bool {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(300*time.Millisecond)))
		n, _ := c.Read(make([]byte, 100))
		return n > 0
	}
	require.True(t, answered(conns[0]))
	require.True(t, answered(conns[1]))
	require.False(t, answered(conns[2]))
	conns[0].Close()
	require.True(t, answered(conns[2]))
}

func TestCORS(t *testing.T) {
	asked := []string{"Authorization", "", "Origin", "https://chat.example", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "authorization,content-type,x-emc-max-price,x-stainless-retry-count"}
	s := newSite(t, nil)
	for _, path := range []string{"/v1/chat/completions", "/v1/models", "/call/echo/x", "/emc/v1/keys", "/emc/v1/keys/a/limit"} {
		r := s.do("OPTIONS", path, "", asked...)
		require.Equal(t, 204, r.StatusCode)
		require.Equal(t, "*", r.Header.Get("Access-Control-Allow-Origin"))
		require.Equal(t, asked[7], r.Header.Get("Access-Control-Allow-Headers"))
		require.Contains(t, r.Header.Get("Access-Control-Allow-Methods"), "DELETE")
		require.Empty(t, r.Header.Get("Access-Control-Allow-Credentials"))
	}
	asked[7] = "x-a\", evil"
	require.Empty(t, s.do("OPTIONS", "/v1/models", "", asked...).Header.Get("Access-Control-Allow-Headers"))
	r := s.chat(hello, "Origin", "https://chat.example")
	require.Equal(t, "*", r.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, r.Header.Get("Access-Control-Expose-Headers"), "X-EMC-Cost")
	r = s.chat("", "Origin", "https://chat.example", "Authorization", "")
	require.Equal(t, 401, r.StatusCode)
	require.Equal(t, "*", r.Header.Get("Access-Control-Allow-Origin"), "a page reads errors too")

	s = newSite(t, func(c *gateway.Config) { c.Origins = []string{"https://chat.example"} })
	r = s.chat(hello, "Origin", "https://chat.example")
	require.Equal(t, "https://chat.example", r.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "Origin", r.Header.Get("Vary"))
	r = s.chat(hello, "Origin", "https://evil.example")
	require.Empty(t, r.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "Origin", r.Header.Get("Vary"))
	asked[3] = "https://evil.example"
	require.Empty(t, s.do("OPTIONS", "/v1/models", "", asked...).Header.Get("Access-Control-Allow-Methods"))
}

// Neither logs nor metrics have what customers say, or their secrets, and unknown names are no labels.
func TestNothingSecretIsTold(t *testing.T) {
	s := newSite(t, nil)
	const plant = "planted-prompt-4711"
	body := strings.Replace(hello, "hi", plant, 1)
	require.Equal(t, 200, s.chat(body).StatusCode)
	require.Equal(t, 200, s.chat(strings.Replace(body, "{", `{"stream":true,`, 1)).StatusCode)
	require.Equal(t, 404, s.chat(`{"model":"`+plant+`","messages":[]}`).StatusCode)
	require.Equal(t, 404, s.do("GET", "/call/"+plant+"/", "").StatusCode)
	require.Equal(t, 404, s.do("GET", "/"+plant, "").StatusCode)
	require.Equal(t, 200, s.do("GET", "/call/echo/"+plant+"?key="+plant, "", "X-"+plant, plant).StatusCode)
	require.Equal(t, 400, s.chat(`{"model":"chat","messages":"`+plant).StatusCode)
	require.Equal(t, 401, s.chat(body, "Authorization", "Bearer "+plant).StatusCode)
	require.Equal(t, 405, s.do(plant, "/v1/models", "").StatusCode)
	require.Equal(t, 400, s.chat(body, "X-EMC-Region", plant).StatusCode)

	lines := func() int { return strings.Count(s.logs.String(), "\n") }
	require.Eventually(t, func() bool { return lines() == 10 }, 5*time.Second, time.Millisecond, "one line a request")
	told := s.logs.String()
	families, err := s.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		told += f.String()
	}
	for _, secret := range []string{plant, s.secret, strings.TrimPrefix(s.secret, apikey.Prefix), "Hello"} {
		require.NotContains(t, told, secret)
	}
	for _, wanted := range []string{s.key.ID, gatewaytest.Node, `"cost":7`, `"app":"chat"`, `"route":"/call/"`, "emc_router_calls_total"} {
		require.Contains(t, told, wanted)
	}
	require.Equal(t, map[string]float64{"chat 2xx": 2, "echo 2xx": 1, "other 4xx": 4}, series(families, "emc_router_calls_total"))
	require.Equal(t, map[string]float64{"chat": 14, "echo": 7, "other": 0}, series(families, "emc_router_charged_uemc_total"))
	require.Equal(t, map[string]float64{"": 0}, series(families, "emc_router_calls_running"))
	require.Equal(t, map[string]float64{"no_model": 2, "unknown_url": 1, "bad_request": 2, "key_unknown": 1, "method": 1}, series(families, "emc_router_refused_total"))
}

// series are a metric's values by its labels.
func series(families []*dto.MetricFamily, name string) map[string]float64 {
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			if f.GetName() == name {
				out[strings.Join(labels, " ")] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return out
}
