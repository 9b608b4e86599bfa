package router

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// app is a server on the worker's machine, as vLLM would be: it speaks OpenAI's API, a
// token every few milliseconds.
type app struct {
	*httptest.Server
	running, cancelled, tokens atomic.Int64

	mu   sync.Mutex
	said map[string]int // tokens, by whom they were for
	at   func(user string, said, of int)
}

// ask notes that somebody asked.
func (a *app) ask(user string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said[user] += 0
}

// say counts a token before it is sent: nobody is charged for one that is not counted.
func (a *app) say(user string) {
	a.tokens.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.said[user]++
}

// stop lets a test act between two tokens, or before the first one or [DONE].
func (a *app) stop(user string, said, of int) {
	a.mu.Lock()
	at := a.at
	a.mu.Unlock()
	if at != nil {
		at(user, said, of)
	}
}

const tokenEvery = 10 * time.Millisecond

func newApp(t *testing.T) *app {
	a := &app{said: map[string]int{}}
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
	a.ask(asked.User)
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for i := range asked.MaxTokens {
		a.stop(asked.User, i, asked.MaxTokens)
		select {
		case <-r.Context().Done():
			a.cancelled.Add(1)
			return
		case <-time.After(pace):
		}
		a.say(asked.User)
		_, _ = io.WriteString(w, "data: "+token(asked.User, i)+"\n\n")
		if out.Flush() != nil {
			a.cancelled.Add(1)
			return
		}
	}
	a.stop(asked.User, asked.MaxTokens, asked.MaxTokens)
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

// token is one event's data.
func token(user string, i int) string {
	return fmt.Sprintf(`{"choices":[{"index":0,"delta":{"content":"%s%d "}}]}`, user, i)
}

// hook has at called from now on.
func (a *app) hook(at func(user string, said, of int)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at = at
}

// saidTo is how many tokens were said to somebody, if he came so far as to ask.
func (a *app) saidTo(user string) (tokens int, asked bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	tokens, asked = a.said[user]
	return tokens, asked
}
