package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/router/apikey"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/gateway/gatewaytest"
)

// The body goes on as the very bytes, the key does not, and the call has what the customer said.
func TestCall(t *testing.T) {
	s := newSite(t, nil)
	body := "{ \"model\":\"chat\", \"messages\":[],\n\"x\":{\"model\":1,\"stream\":3},\"max_tokens\":10,\"n\":3 ,\"seed\":1e400}"
	r := s.chat(body, "X-EMC-Region", "DE", "X-EMC-Min-Isolation", "2", "X-EMC-Min-Power", "5000000", "X-EMC-Debug", "1")
	require.Equal(t, 200, r.StatusCode, r.body)
	require.Equal(t, gatewaytest.Node, r.Header.Get("X-EMC-Node"))
	require.Equal(t, "7", r.Header.Get("X-EMC-Cost"))
	require.Equal(t, "the only one", r.Header.Get("X-EMC-Route"))
	require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"))
	require.Empty(t, r.Header.Get("X-EMC-Cache"))
	var answer struct {
		Choices []struct{ Message struct{ Content string } }
	}
	require.NoError(t, json.Unmarshal([]byte(r.body), &answer))
	require.Equal(t, "Hello", answer.Choices[0].Message.Content)

	c := s.backend.Calls()[0]
	require.Equal(t, "session-1", c.Session)
	require.Equal(t, uint64(30+len(body)), c.Units, "the request counts, too")
	require.Equal(t, uint64(1_000_000), c.MaxPrice, "what the key has left")
	require.Equal(t, []any{"DE", uint32(2), uint64(5_000_000)}, []any{c.Region, c.MinIsolation, c.MinPower})
	require.True(t, bytes.HasSuffix(c.Message, []byte("\r\n\r\n"+body)))
	require.NotContains(t, string(c.Message), s.secret)
	require.Equal(t, uint64(7), s.spent(s.key.ID))

	r = s.chat(hello, "X-EMC-Max-Units", "77", "X-EMC-Max-Price", "500")
	require.Equal(t, 200, r.StatusCode)
	require.Empty(t, r.Header.Get("X-EMC-Route"))
	c = s.backend.Calls()[1]
	require.Equal(t, []uint64{77, 500}, []uint64{c.Units, c.MaxPrice})
	require.ErrorContains(t, c.Reserve(1), "over", "nobody settles what is reserved after the end")
}

func TestUnits(t *testing.T) {
	s := newSite(t, nil)
	s.backend.Add(gateway.Model{ID: "all", OpenAI: true}, gatewaytest.Fixed(200, "application/json", "{}"))
	for _, c := range []struct {
		path, fields string
		units        uint64
	}{
		{"chat/completions", `"messages":[]`, 4096},
		{"chat/completions", `"messages":[],"max_tokens":null,"n":null,"stream":null,"stream_options":null`, 4096},
		{"chat/completions", `"messages":[],"max_tokens":5,"max_completion_tokens":9`, 9},
		{"chat/completions", `"messages":[],"max_tokens":16.0`, 16},
		{"chat/completions", `"messages":[],"max_tokens":0`, 1},
		{"chat/completions", `"messages":[],"n":2`, 8192},
		{"completions", `"prompt":"a","max_tokens":5,"best_of":4,"n":2`, 20},
		{"completions", `"max_tokens":9007199254740991,"n":9007199254740991`, 1<<64 - 1},
		{"embeddings", `"input":"a","max_tokens":5`, 8192},
		{"images/generations", `"prompt":"a","n":4`, 4},
		{"audio/speech", `"input":"a"`, 4096},
	} {
		r := s.do("POST", "/v1/"+c.path, `{"model":"all",`+c.fields+`}`)
		require.Equal(t, 200, r.StatusCode, r.body)
		calls := s.backend.Calls()
		asked := `{"model":"all",` + c.fields + `}`
		if strings.HasSuffix(c.path, "completions") && c.units < math.MaxUint64 { // what is asked counts there, too
			c.units += uint64(len(asked))
		}
		require.Equal(t, c.units, calls[len(calls)-1].Units, "%s", c.fields)
	}
}

// What is wrong is named, and costs nothing.
func TestBadRequests(t *testing.T) {
	s := newSite(t, nil)
	for _, c := range []struct{ body, param, code string }{
		{``, "", ""}, {`{`, "", ""}, {`[]`, "", ""}, {`"a"`, "", ""}, {`{"model":"chat"`, "", ""}, {`{"model":"chat"} {}`, "", ""}, {`{"model":"chat",}`, "", ""},
		{`{"messages":[[` + strings.Repeat("[", 20_000), "", ""},
		{`{"messages":[]}`, "model", "missing_required_parameter"},
		{`{"model":null,"messages":[]}`, "model", "missing_required_parameter"},
		{`{"model":"","messages":[]}`, "model", "missing_required_parameter"},
		{`{"model":5,"messages":[]}`, "model", "invalid_type"},
		{`{"model":"chat"}`, "messages", "missing_required_parameter"},
		{`{"model":"chat","messages":"hi"}`, "messages", "invalid_type"},
		{`{"model":"chat","messages":{}}`, "messages", "invalid_type"},
		{`{"model":"chat","messages":[],"stream":"true"}`, "stream", "invalid_type"},
		{`{"model":"chat","messages":[],"stream":1}`, "stream", "invalid_type"},
		{`{"model":"chat","messages":[],"stream_options":true}`, "stream_options", "invalid_type"},
		{`{"model":"chat","messages":[],"max_tokens":-1}`, "max_tokens", "invalid_value"},
		{`{"model":"chat","messages":[],"max_tokens":1.5}`, "max_tokens", "invalid_type"},
		{`{"model":"chat","messages":[],"max_tokens":"5"}`, "max_tokens", "invalid_type"},
		{`{"model":"chat","messages":[],"max_tokens":1e300}`, "max_tokens", "invalid_value"},
		{`{"model":"chat","messages":[],"max_completion_tokens":-5}`, "max_completion_tokens", "invalid_value"},
		{`{"model":"chat","messages":[],"n":0}`, "n", "invalid_value"},
		{`{"model":"chat","messages":[],"n":[]}`, "n", "invalid_type"},
		{`{"model":"echo","messages":[],"mod\u0065l":"chat"}`, "model", "invalid_value"},
		{`{"model":"chat","messages":[],"max_tokens":1,"max_tokens":100000}`, "max_tokens", "invalid_value"},
	} {
		r := s.chat(c.body, "Content-Type", "application/json")
		s.requireError(r, 400, "invalid_request_error", c.code, c.param)
	}
	for _, h := range []string{"X-EMC-Max-Units", "X-EMC-Max-Price", "X-EMC-Min-Isolation", "X-EMC-Min-Power", "X-EMC-Region"} {
		s.requireError(s.chat(hello, h, "-1"), 400, "invalid_request_error", "invalid_value", h)
	}
	s.requireError(s.chat(hello, "X-EMC-Max-Price", "0"), 400, "invalid_request_error", "invalid_value", "X-EMC-Max-Price")
	s.requireError(s.chat(hello, "Content-Encoding", "gzip"), 400, "invalid_request_error", "", "")
	s.requireError(s.chat(strings.Replace(hello, "chat", "gpt-9", 1)), 404, "invalid_request_error", "model_not_found", "")
	s.requireError(s.chat(strings.Replace(hello, "chat", "echo", 1)), 404, "invalid_request_error", "model_not_found", "")
	s.requireError(s.do("GET", "/v1/chat/completions", ""), 405, "invalid_request_error", "method_not_supported", "")
	require.Equal(t, "POST", s.do("GET", "/v1/chat/completions", "").Header.Get("Allow"))
	for _, path := range []string{"/", "/v1", "/v1/", "/v1/chat/completions/", "/v2/models", "/emc/v1/keys/a/b", "/v1/chat/../models"} {
		r := s.do("POST", path, hello)
		s.requireError(r, 404, "invalid_request_error", "unknown_url", "")
		require.Contains(t, r.body, "Unknown request URL: POST "+path)
	}
	require.Empty(t, s.backend.Calls())
	require.Zero(t, s.spent(s.key.ID))
}

func form(t *testing.T, fields ...string) (body, kind string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	file, err := w.CreateFormFile("file", "model")
	require.NoError(t, err)
	_, err = file.Write([]byte{0, 1, 2, '\r', '\n', 255})
	require.NoError(t, err)
	for i := 0; i < len(fields); i += 2 {
		require.NoError(t, w.WriteField(fields[i], fields[i+1]))
	}
	require.NoError(t, w.Close())
	return b.String(), w.FormDataContentType()
}

func TestForms(t *testing.T) {
	s := newSite(t, nil)
	s.backend.Add(gateway.Model{ID: "form", OpenAI: true}, echo)
	for _, path := range []string{"/v1/audio/transcriptions", "/v1/audio/translations", "/v1/images/edits"} {
		body, kind := form(t, "language", "de", "model", "form", "n", "2", "stream", "false")
		r := s.do("POST", path, body, "Content-Type", kind)
		require.Equal(t, 200, r.StatusCode, r.body)
		require.Equal(t, "POST "+path+"\n"+kind+"\n"+body, r.body, "passed through")
	}
	body, kind := form(t)
	s.requireError(s.do("POST", "/v1/audio/transcriptions", body, "Content-Type", kind), 400, "invalid_request_error", "missing_required_parameter", "model")
	body, kind = form(t, "model", "form", "model", "chat")
	s.requireError(s.do("POST", "/v1/audio/transcriptions", body, "Content-Type", kind), 400, "invalid_request_error", "invalid_value", "model")
	body, kind = form(t, "model", "form", "n", "-2")
	s.requireError(s.do("POST", "/v1/images/edits", body, "Content-Type", kind), 400, "invalid_request_error", "invalid_value", "n")
	s.requireError(s.do("POST", "/v1/audio/transcriptions", body[:len(body)/2], "Content-Type", kind), 400, "invalid_request_error", "", "")
	s.requireError(s.do("POST", "/v1/audio/transcriptions", body, "Content-Type", "multipart/form-data"), 400, "invalid_request_error", "", "")
}

// Any app that speaks HTTP is called as it is.
func TestAnyApp(t *testing.T) {
	s := newSite(t, nil)
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
		r := s.do(method, "/call/echo/a/b%2Fc/?q=1&q=%20", "body", "Content-Type", "text/x")
		require.Equal(t, 200, r.StatusCode)
		require.Equal(t, method+" /a/b%2Fc/?q=1&q=%20\ntext/x\nbody", r.body)
		require.Equal(t, "7", r.Header.Get("X-EMC-Cost"))
	}
	require.Equal(t, "GET /\n\n", s.do("GET", "/call/echo", "").body)
	r := s.do("HEAD", "/call/echo/x", "")
	require.Equal(t, 200, r.StatusCode)
	require.Equal(t, "text/plain", r.Header.Get("Content-Type"))
	s.requireError(s.do("GET", "/call/none/x", ""), 404, "invalid_request_error", "model_not_found", "")
	s.requireError(s.do("GET", "/call/echo//x", ""), 400, "invalid_request_error", "", "")

	s.backend.Add(gateway.Model{ID: "teapot"}, gatewaytest.Fixed(418, "text/html", "<b>"))
	s.backend.Add(gateway.Model{ID: "empty"}, gatewaytest.Fixed(204, "", ""))
	time.Sleep(1100 * time.Millisecond) // the list of models is a second old at most
	r = s.do("GET", "/call/teapot/", "")
	require.Equal(t, "418 text/html <b>", fmt.Sprint(r.StatusCode, " ", r.Header.Get("Content-Type"), " ", r.body))
	r = s.do("GET", "/call/empty/", "")
	require.Equal(t, 204, r.StatusCode)
	require.Equal(t, "7", r.Header.Get("X-EMC-Cost"))
}

func TestModels(t *testing.T) {
	s := newSite(t, nil)
	r := s.do("GET", "/v1/models", "")
	require.Equal(t, 200, r.StatusCode)
	one := `{"id":"chat","object":"model","created":1,"owned_by":"emc","emc":{"openai":true,"unit":"token","unit_price":2,"call_price":1,"nodes":3,"deterministic":false}}`
	require.JSONEq(t, `{"object":"list","data":[`+one+`,{"id":"echo","object":"model","created":0,"owned_by":"","emc":{"openai":false,"unit":"","unit_price":0,"call_price":0,"nodes":0,"deterministic":false}}]}`, r.body)
	r = s.do("GET", "/v1/models/chat", "")
	require.JSONEq(t, one, r.body)
	s.requireError(s.do("GET", "/v1/models/meta%2Fllama", ""), 404, "invalid_request_error", "model_not_found", "")
	s.requireError(s.do("DELETE", "/v1/models/chat", ""), 405, "invalid_request_error", "method_not_supported", "")
	r = s.do("GET", "/healthz", "", "Authorization", "")
	require.Equal(t, "200 {\"status\":\"ok\"}", fmt.Sprint(r.StatusCode, " ", r.body))
}

// Every kind of a backend's error is what OpenAI would answer.
func TestErrors(t *testing.T) {
	for _, c := range []struct {
		err        error
		status     int
		kind, code string
		after      string
		final      bool
	}{
		{&gateway.Error{Kind: gateway.NoModel, Words: "w"}, 404, "invalid_request_error", "model_not_found", "", false},
		{&gateway.Error{Kind: gateway.NoNode, Words: "w"}, 503, "server_error", "overloaded", "1", false},
		{&gateway.Error{Kind: gateway.Overloaded, Words: "w", RetryAfter: 1500 * time.Millisecond}, 503, "server_error", "overloaded", "2", false},
		{&gateway.Error{Kind: gateway.Limited, Words: "w"}, 429, "requests", "rate_limit_exceeded", "1", false},
		{&gateway.Error{Kind: gateway.Price, Words: "w"}, 429, "insufficient_quota", "insufficient_quota", "", true},
		{&gateway.Error{Kind: gateway.SessionGone, Words: "w"}, 401, "invalid_request_error", "invalid_api_key", "", false},
		{&gateway.Error{Kind: gateway.SessionExpired, Words: "w"}, 429, "insufficient_quota", "insufficient_quota", "", true},
		{&gateway.Error{Kind: gateway.SessionExhausted, Words: "w"}, 429, "insufficient_quota", "insufficient_quota", "", true},
		{&gateway.Error{Kind: gateway.NodeFault, Words: "w"}, 502, "server_error", "node_fault", "", false},
		{&gateway.Error{Kind: gateway.Timeout, Words: "w"}, 504, "server_error", "timeout", "", false},
		{&gateway.Error{Kind: gateway.Invalid, Words: "w"}, 400, "invalid_request_error", "", "", false},
		{&gateway.Error{Kind: gateway.KindInternal, Words: "inside"}, 500, "server_error", "internal_error", "", false},
		{&gateway.Error{Kind: 200, Words: "inside"}, 500, "server_error", "internal_error", "", false},
		{fmt.Errorf("wrapped: %w", &gateway.Error{Kind: gateway.Timeout, Words: "w"}), 504, "server_error", "timeout", "", false},
		{errors.New("inside"), 500, "server_error", "internal_error", "", false},
		{context.DeadlineExceeded, 504, "server_error", "timeout", "", false},
	} {
		s := newSite(t, nil)
		s.backend.Add(gateway.Model{ID: "fails", OpenAI: true}, gatewaytest.Fails(c.err))
		r := s.chat(strings.Replace(hello, "chat", "fails", 1))
		s.requireError(r, c.status, c.kind, c.code, "")
		require.Equal(t, c.after, r.Header.Get("Retry-After"))
		require.Equal(t, c.final, r.Header.Get("X-Should-Retry") == "false")
		require.NotContains(t, r.body, "inside")
		require.Zero(t, s.spent(s.key.ID), "what was reserved is free again")
	}
	s := newSite(t, nil)
	s.backend.Add(gateway.Model{ID: "fails", OpenAI: true}, gatewaytest.Fails(&gateway.Error{Kind: gateway.NodeFault, Words: "w", Charged: 5}))
	s.chat(strings.Replace(hello, "chat", "fails", 1))
	require.Equal(t, uint64(5), s.spent(s.key.ID), "what attempts cost is counted")
}

// A key's limits end calls before they are made.
func TestKeyLimits(t *testing.T) {
	s := newSite(t, nil)
	for _, k := range []apikey.Key{{Limit: 99}, {PerCall: 99}} {
		_, secret := s.newKey(k)
		r := s.chat(hello, "Authorization", "Bearer "+secret)
		s.requireError(r, 429, "insufficient_quota", "insufficient_quota", "")
		require.Equal(t, "false", r.Header.Get("X-Should-Retry"))
		calls := s.backend.Calls()
		require.Equal(t, uint64(99), calls[len(calls)-1].MaxPrice)
	}
	k, secret := s.newKey(apikey.Key{Limit: 107})
	require.Equal(t, 200, s.chat(hello, "Authorization", "Bearer "+secret).StatusCode)
	require.Equal(t, 200, s.chat(hello, "Authorization", "Bearer "+secret).StatusCode)
	s.requireError(s.chat(hello, "Authorization", "Bearer "+secret), 429, "insufficient_quota", "insufficient_quota", "")
	require.Equal(t, uint64(14), s.spent(k.ID))
	_, err := s.keys.SetLimit(k.ID, 14)
	require.NoError(t, err)
	before := len(s.backend.Calls())
	s.requireError(s.chat(hello, "Authorization", "Bearer "+secret), 429, "insufficient_quota", "insufficient_quota", "")
	require.Len(t, s.backend.Calls(), before, "with nothing left no node is asked")
}

func TestLarge(t *testing.T) {
	s := newSite(t, nil)
	body := func(n int) string {
		return `{"model":"chat","messages":["` + strings.Repeat("a", n-len(`{"model":"chat","messages":[""]}`)) + `"]}`
	}
	r := s.chat(body(gateway.MaxBody))
	require.Equal(t, 200, r.StatusCode, r.body)
	require.LessOrEqual(t, len(s.backend.Calls()[0].Message), 16<<20)
	s.requireError(s.chat(body(gateway.MaxBody+1)), 413, "invalid_request_error", "request_too_large", "")
	big := s.request("POST", "/v1/chat/completions", "x")
	big.Body, big.ContentLength = io.NopCloser(strings.NewReader(body(gateway.MaxBody+5))), -1 // chunked
	answer, err := http.DefaultClient.Do(big)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, 413, answer.StatusCode)
	s.requireError(s.do("GET", "/call/echo/"+strings.Repeat("a", httpcall.MaxHead), ""), 400, "invalid_request_error", "", "")
	long, err := http.DefaultClient.Do(s.request("GET", "/v1/models", "", "X-Long", strings.Repeat("a", gateway.MaxHeader+8<<10)))
	if err == nil { // the connection may be closed on what was not read
		defer long.Body.Close()
		require.Equal(t, 431, long.StatusCode)
	}
	require.Len(t, s.backend.Calls(), 1)
}

// An answer that is too long to be held is passed on as it comes, without its cost.
func TestLongAnswer(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.MaxAnswer = 100_000 })
	long := strings.Repeat("0123456789", 50_000)
	s.backend.Add(gateway.Model{ID: "long"}, gatewaytest.Fixed(200, "text/plain", long))
	r := s.do("GET", "/call/long/", "")
	require.Equal(t, 200, r.StatusCode)
	require.True(t, r.body == long)
	require.Empty(t, r.Header.Get("X-EMC-Cost"))
	require.Equal(t, uint64(7), s.spent(s.key.ID))
}
