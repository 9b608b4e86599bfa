package service

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
)

// openAI is a server of vLLM's kind. It notes what it was asked.
type openAI struct {
	last  atomic.Value // of map[string]any
	ended atomic.Int32 // requests that were cancelled
	sick  atomic.Bool
}

func (o *openAI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var asked map[string]any
	_ = json.Unmarshal(body, &asked)
	if asked != nil {
		o.last.Store(asked)
	}
	if o.sick.Load() {
		http.Error(w, "out of memory", http.StatusServiceUnavailable)
		return
	}
	switch r.URL.Path {
	case "/v1/models":
		fmt.Fprint(w, `{"data":[{"id":"/models/llama"}]}`)
	case "/v1/completions":
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"model": %q,"choices":[{"text":"say \"model\":\"/models/llama\""}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`, asked["model"])
	case "/v1/chat/completions":
		o.stream(w, r, asked)
	case "/redirect":
		http.Redirect(w, r, "/admin/delete", http.StatusFound)
	default:
		panic("a customer reached " + r.URL.Path)
	}
}

func (o *openAI) stream(w http.ResponseWriter, r *http.Request, asked map[string]any) {
	options, _ := asked["stream_options"].(map[string]any)
	wants := options["include_usage"] == true
	null := ""
	if wants {
		null = `,"usage":null`
	}
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	event := func(format string, args ...any) {
		fmt.Fprintf(w, "data: "+format+"\n\n", args...)
		w.(http.Flusher).Flush()
	}
	event(`{"model":"/models/llama","choices":[{"delta":{"role":"assistant","content":""}}]%s}`, null)
	for n := 0; n < 4 || asked["user"] == "forever"; n++ {
		event(`{"model":"/models/llama","choices":[{"delta":{"content":"word "}}]%s}`, null)
		select {
		case <-r.Context().Done():
			o.ended.Add(1)
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	if wants {
		event(`{"model":"/models/llama","choices":[],"usage":{"prompt_tokens":6,"completion_tokens":5,"total_tokens":11}}`)
	}
	event("[DONE]")
}

func newServerScene(t *testing.T, change func(*Config)) (*scene, *openAI) {
	t.Helper()
	o := &openAI{}
	web := httptest.NewServer(o)
	t.Cleanup(web.Close)
	s := newScene(t, func(c *Config) {
		c.Runtime, c.URL, c.Model, c.Health = nil, web.URL+"/v1/", "/models/llama", 20*time.Millisecond
		if change != nil {
			change(c)
		}
	})
	s.soon(func() bool { return s.Loads()[0].Ready }, "the server is not found well")
	return s, o
}

func (s *scene) chat(ctx context.Context, body string, each func(call.Piece) error) got {
	s.Helper()
	return s.ask(ctx, 1, 1<<40, "POST", "/v1/chat/completions", body, each)
}

// The server's model is the app's to customers, and nothing but inference is theirs.
func TestServerOfAModel(t *testing.T) {
	s, o := newServerScene(t, nil)
	g := s.ask(t.Context(), 1, 1000, "POST", "/v1/completions", `{"model":"other","model":"app","seed":12345678901234567890}`, nil)
	require.NoError(t, g.err)
	require.Equal(t, "/models/llama", o.last.Load().(map[string]any)["model"])
	require.Equal(t, `{"model": "app","choices":[{"text":"say \"model\":\"/models/llama\""}],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}`, g.body)
	require.Equal(t, uint64(7), g.units)
	require.JSONEq(t, `{"object":"list","data":[{"id":"app","object":"model","created":0,"owned_by":"emc"}]}`, s.get("/v1/models").body)
	for _, c := range []struct{ method, target string }{
		{"POST", "/admin/delete"}, {"POST", "/v1/completions/../../admin"}, {"DELETE", "/v1/models"}, {"POST", "/v1/load_lora_adapter"}, {"GET", "/v1/completions"},
	} {
		g := s.ask(t.Context(), 1, 1000, c.method, c.target, "{}", nil)
		require.NoError(t, g.err)
		require.Equal(t, 404, g.status, c)
		require.Equal(t, uint64(3), g.amount)
	}
	require.Equal(t, 200, s.ask(t.Context(), 1, 1000, "POST", "/v1/%63ompletions", "{}", nil).status)
}

// Its usage is asked for, and shown to him alone who asked as well.
func TestServerUsage(t *testing.T) {
	s, o := newServerScene(t, nil)
	g := s.chat(t.Context(), `{"stream":true,"stream_options":null}`, nil)
	require.NoError(t, g.err)
	require.Equal(t, map[string]any{"include_usage": true}, o.last.Load().(map[string]any)["stream_options"])
	require.NotContains(t, g.body, "usage")
	require.NotContains(t, g.body, "/models/llama")
	require.Contains(t, g.body, `data: {"model":"app","choices":[{"delta":{"content":"word "}}]}`)
	require.Contains(t, g.body, "data: [DONE]\n\n")
	require.Equal(t, uint64(11), g.units)
	require.Greater(t, g.pieces, 4, "it does not flow")

	g = s.chat(t.Context(), `{"stream":true,"stream_options":{"include_usage":true}}`, nil)
	require.Contains(t, g.body, `"usage":{"prompt_tokens":6`)
	require.Contains(t, g.body, `"usage":null`)
	require.Equal(t, uint64(11), g.units)
}

func TestServerIsCancelled(t *testing.T) {
	s, o := newServerScene(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	seen := 0
	g := s.chat(ctx, `{"stream":true,"user":"forever"}`, func(call.Piece) error {
		if seen++; seen == 4 {
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, g.err, context.Canceled)
	s.soon(func() bool { return o.ended.Load() == 1 }, "it works on for nobody")
	g = s.ask(t.Context(), 1, 33, "POST", "/v1/chat/completions", `{"stream":true,"user":"forever"}`, nil)
	require.ErrorIs(t, g.err, session.ErrPrice)
	require.Equal(t, uint64(3), g.units)
	s.soon(func() bool { return o.ended.Load() == 2 }, "it works on for nobody")
	require.NoError(t, s.get("/v1/models").err)
}

func TestServerHealth(t *testing.T) {
	s, o := newServerScene(t, nil)
	o.sick.Store(true)
	s.soon(func() bool { return !s.Loads()[0].Ready }, "it is ready")
	require.Contains(t, s.Loads()[0].Reason, "503")
	require.ErrorIs(t, s.Admit("app", 1000), session.ErrBusy)
	o.sick.Store(false)
	s.soon(func() bool { return s.Loads()[0].Ready }, "it is not ready again")
	require.NoError(t, s.Admit("app", 1000))
	require.Empty(t, s.Loads()[0].Reason)
}

func TestServerDoesNotRedirect(t *testing.T) {
	s, _ := newServerScene(t, func(c *Config) { c.Paths = []string{"GET /redirect"} })
	g := s.get("/redirect")
	require.NoError(t, g.err)
	require.Equal(t, 302, g.status)
}

func TestConfig(t *testing.T) {
	program := newScene(t, nil).list[0].Config
	for says, c := range map[string]Config{
		"no name":                  {},
		"a program or a URL":       {App: "a"},
		"and not both":             {App: "a", URL: "http://a", Runtime: program.Runtime},
		"no address":               {App: "a", URL: "localhost:8000"},
		"none of tokens":           {App: "a", URL: "http://a", Unit: "words"},
		"say with paths":           {App: "a", URL: "http://a", Unit: MeterCalls},
		"is not as POST":           {App: "a", URL: "http://a", Paths: []string{"/v1"}},
		"is negative":              {App: "a", URL: "http://a", Queue: -1},
		"go with a URL":            {App: "a", Runtime: program.Runtime, Task: program.Task, Model: "x"},
		"the task has no id":       {App: "a", Runtime: program.Runtime},
		"app \"a\" is there twice": {App: "a", URL: "http://a"},
	} {
		_, err := New([]Config{c, c}, nil)
		require.ErrorIs(t, err, ErrConfig)
		require.ErrorContains(t, err, says)
	}
}

// FuzzRewrite: whatever a customer sends, the server is asked for its own model.
func FuzzRewrite(f *testing.F) {
	f.Add([]byte(`{"model":"x","stream":true}`))
	f.Add([]byte(`{"stream":true,"stream_options":{"include_usage":false}}`))
	a := &app{Config: Config{App: "app", Model: "own", Unit: MeterTokens}}
	f.Fuzz(func(t *testing.T, body []byte) {
		out, added := a.rewrite(body)
		var fields struct {
			Model   *string
			Options *struct {
				IncludeUsage bool `json:"include_usage"`
			} `json:"stream_options"`
		}
		var object map[string]json.RawMessage
		if json.Unmarshal(body, &object) != nil || object == nil {
			return
		}
		var written map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(out, &written))
		require.Equal(t, `"own"`, string(written["model"]))
		if added {
			require.NoError(t, json.Unmarshal([]byte(`{"stream_options":`+string(written["stream_options"])+`}`), &fields))
			require.True(t, fields.Options.IncludeUsage)
		}
	})
}
