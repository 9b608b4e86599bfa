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
		// User is said back in every token, so that nobody's answer can be taken for another's.
		User string `json:"user"`
		// Pace is between two tokens, ms; -1 is none.
		Pace int `json:"pace_ms"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || !asked.Stream {
		http.Error(w, `{"error":{"message":"only streams"}}`, http.StatusBadRequest)
		return
	}
	pace := tokenEvery
	if asked.Pace != 0 {
		pace = time.Duration(max(asked.Pace, 0)) * time.Millisecond
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for i := range asked.MaxTokens {
		select {
		case <-r.Context().Done():
			a.cancelled.Add(1)
			return
		case <-time.After(pace):
		}
		_, _ = io.WriteString(w, "data: "+token(asked.User, i)+"\n\n")
		if out.Flush() != nil {
			a.cancelled.Add(1)
			return
		}
		a.tokens.Add(1)
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

// token is one event's data.
func token(user string, i int) string {
	return fmt.Sprintf(`{"choices":[{"index":0,"delta":{"content":"%s%d "}}]}`, user, i)
}
