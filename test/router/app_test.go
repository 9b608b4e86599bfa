package router

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// app is a server on the worker's machine, as vLLM would be: it speaks OpenAI's API, a
// token every few milliseconds.
type app struct {
	*httptest.Server
	running, cancelled, tokens atomic.Int64
}

const tokenEvery = 10 * time.Millisecond

func newApp(t *testing.T) *app {
	a := &app{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"object":"list","data":[]}`) })
	mux.HandleFunc("POST /v1/chat/completions", a.chat)
	a.Server = httptest.NewServer(mux)
	t.Cleanup(a.Close)
	return a
}

func (a *app) chat(w http.ResponseWriter, r *http.Request) {
	a.running.Add(1)
	defer a.running.Add(-1)
	var asked struct {
		MaxTokens int  `json:"max_tokens"`
		Stream    bool `json:"stream"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || !asked.Stream {
		http.Error(w, `{"error":{"message":"only streams"}}`, http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for i := range asked.MaxTokens {
		select {
		case <-r.Context().Done():
			a.cancelled.Add(1)
			return
		case <-time.After(tokenEvery):
		}
		fmt.Fprintf(w, "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%d \"}}]}\n\n", i)
		if out.Flush() != nil {
			a.cancelled.Add(1)
			return
		}
		a.tokens.Add(1)
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}
