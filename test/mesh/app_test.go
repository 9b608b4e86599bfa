package mesh

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/testutil/netlab"
)

const tokenEvery = 10 * time.Millisecond

// app is a server on a worker's machine, as vLLM would be: it counts, a token every few
// milliseconds.
type app struct {
	*httptest.Server
	tokens atomic.Int64 // that it has said
}

func newApp(t *testing.T, h *netlab.Host) *app {
	t.Helper()
	a := &app{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"object":"list","data":[]}`) })
	mux.HandleFunc("POST /v1/chat/completions", a.chat)
	l, err := h.Listen(t.Context(), net.ListenConfig{}, "tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	a.Server = &httptest.Server{Listener: l, Config: &http.Server{Handler: mux}}
	a.Start()
	t.Cleanup(a.Close)
	return a
}

func (a *app) chat(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		MaxTokens int `json:"max_tokens"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	for i := range asked.MaxTokens {
		select {
		case <-r.Context().Done():
			return
		case <-time.After(tokenEvery):
		}
		_, _ = io.WriteString(w, "data: "+token(i)+"\n\n")
		if out.Flush() != nil {
			return
		}
		a.tokens.Add(1)
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

// token is one event's data.
func token(i int) string {
	return fmt.Sprintf(`{"choices":[{"index":0,"delta":{"content":"%d "}}]}`, i)
}
