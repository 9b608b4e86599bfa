package openai

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/gateway/gatewaytest"
)

// add adds a model that speaks OpenAI's API.
func (s *site) add(id string, app gatewaytest.App) {
	s.backend.Add(gateway.Model{ID: id, OwnedBy: "emc", Created: 1_800_000_000, OpenAI: true}, app)
}

// script is what the nodes do.
func (s *site) script() {
	s.add("chat", gatewaytest.Chat(0, "Hel", "lo"))
	s.add("slow", gatewaytest.Chat(20*time.Millisecond, "a", "b", "c", "d", "e"))
	s.add("sloppy", gatewaytest.Fixed(200, "text/event-stream", "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":{\"total_tokens\":1}}\n\ndata: [DONE]\n\n"))
	s.add("completion", gatewaytest.Fixed(200, "application/json", `{"object":"text_completion","choices":[{"text":"b","index":0}]}`))
	s.add("embedding", gatewaytest.Fixed(200, "application/json", `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1]}]}`))
	s.add("image", gatewaytest.Fixed(200, "application/json", `{"created":1,"data":[{"b64_json":"AAEC"}]}`))
	s.add("speech", gatewaytest.Fixed(200, "audio/mpeg", "\x00\x01\xff"))
	s.add("transcription", gatewaytest.Fixed(200, "application/json", `{"text":"spoken"}`))
	s.add("refuses", gatewaytest.Fixed(422, "application/json", `{"error":{"message":"the app's own","type":"app","param":"x","code":"y"}}`))
	s.add("waits", func(ctx context.Context, _ *http.Request, _ *gatewaytest.Writer) error {
		<-ctx.Done()
		return ctx.Err()
	})
	s.add("endless", func(ctx context.Context, _ *http.Request, w *gatewaytest.Writer) error {
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			if _, err := io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"); err != nil {
				return err
			}
			select {
			case <-time.After(5 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	s.add("breaks", func(_ context.Context, _ *http.Request, w *gatewaytest.Writer) error {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"cho")
		return errors.New("the stream to the node broke")
	})
	for kind := gateway.KindInternal; kind <= gateway.Invalid; kind++ {
		s.add(kind.String(), gatewaytest.Fails(&gateway.Error{Kind: kind, Words: "these words"}))
	}
	var tries atomic.Int64
	s.add("busy_twice", func(ctx context.Context, r *http.Request, w *gatewaytest.Writer) error {
		if tries.Add(1) <= 2 {
			return &gateway.Error{Kind: gateway.Overloaded, Words: "full", RetryAfter: time.Second}
		}
		return gatewaytest.Chat(0, "at last")(ctx, r, w)
	})
}

// One gateway serves all of these.
func TestClient(t *testing.T) {
	s := newSite(t)
	s.script()
	for _, scenario := range []struct {
		name string
		test func(*testing.T)
	}{
		{"models", s.testModels}, {"chat", s.testChat}, {"endpoints", s.testEndpoints}, {"streams", s.testStreams}, {"cancel", s.testCancel},
		{"broken", s.testBroken}, {"errors", s.testErrors}, {"timeouts", s.testTimeouts}, {"parallel", s.testParallel}, {"retries", s.testRetries},
	} {
		t.Run(scenario.name, scenario.test)
	}
	require.Eventually(t, func() bool {
		k, err := s.keys.Get(s.key.ID)
		return err == nil && k.Reserved == 0 && s.backend.Running() == 0
	}, 5*time.Second, time.Millisecond, "everything is settled, and no node works any more")
}

func (s *site) testModels(t *testing.T) {
	var out struct {
		IDs []string
		One struct {
			ID, Object string
			Created    int64
			OwnedBy    string `json:"owned_by"`
		}
		Missing failure
	}
	s.play(t, "models", &out)
	require.Contains(t, out.IDs, "chat")
	require.Equal(t, "chat model 1800000000 emc", fmt.Sprint(out.One.ID, " ", out.One.Object, " ", out.One.Created, " ", out.One.OwnedBy))
	require.Equal(t, "NotFoundError model_not_found", out.Missing.Class+" "+out.Missing.Code)
}

type usage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

func (s *site) testChat(t *testing.T) {
	var out struct {
		Text, Node, Cost, ID string
		Usage                usage
	}
	s.play(t, "chat", &out)
	require.Equal(t, "Hello", out.Text)
	require.Equal(t, usage{3, 2, 5}, out.Usage)
	require.Equal(t, gatewaytest.Node, out.Node)
	require.Equal(t, "7", out.Cost)
	require.Regexp(t, "^req_[0-9a-f]{24}$", out.ID)
}

func (s *site) testEndpoints(t *testing.T) {
	var out struct {
		Completion, Generated, Edited, Speech, SpeechType, Transcription, Translation string

		Embedding []float64
	}
	s.play(t, "endpoints", &out)
	require.Equal(t, "b", out.Completion)
	require.Equal(t, []float64{.5, -1}, out.Embedding)
	require.Equal(t, "AAEC AAEC", out.Generated+" "+out.Edited)
	require.Equal(t, "0001ff audio/mpeg", out.Speech+" "+out.SpeechType)
	require.Equal(t, "spoken spoken", out.Transcription+" "+out.Translation)
}

func (s *site) testStreams(t *testing.T) {
	var out struct {
		Plain, Usage, Helper, Debug, Sloppy    string
		PlainUsage, Nulls, LastChoices, Chunks int
		Last                                   usage
		HelperUsage                            usage
	}
	s.play(t, "streams", &out)
	for _, text := range []string{out.Plain, out.Usage, out.Helper, out.Debug} {
		require.Equal(t, "Hello", text)
	}
	require.Equal(t, "a", out.Sloppy)
	require.Zero(t, out.PlainUsage, "nobody asked for it")
	require.Equal(t, []int{4, 3, 0}, []int{out.Chunks, out.Nulls, out.LastChoices})
	require.Equal(t, usage{3, 2, 5}, out.Last)
	require.Equal(t, usage{3, 2, 5}, out.HelperUsage)
}

func (s *site) testCancel(t *testing.T) {
	before := s.backend.Cancelled()
	var out struct {
		Chunks, Aborted int
		Waiting         failure
	}
	s.play(t, "cancel", &out)
	require.Equal(t, 3, out.Chunks)
	require.GreaterOrEqual(t, out.Aborted, 3)
	require.Equal(t, "APIUserAbortError", out.Waiting.Class)
	require.Eventually(t, func() bool { return s.backend.Running() == 0 && s.backend.Cancelled() == before+2 }, 5*time.Second, time.Millisecond, "the nodes go on")
}

func (s *site) testBroken(t *testing.T) {
	var out struct {
		Seen  []string
		Error failure
	}
	s.play(t, "broken", &out)
	require.Equal(t, []string{"a"}, out.Seen)
	require.Equal(t, "APIError node_fault", out.Error.Class+" "+out.Error.Code, out.Error.Message)
}

func (s *site) testErrors(t *testing.T) {
	var out map[string]failure
	s.play(t, "errors", &out)
	want := map[string]string{
		"no_model":          "NotFoundError 404 invalid_request_error model_not_found",
		"no_node":           "InternalServerError 503 server_error overloaded",
		"overloaded":        "InternalServerError 503 server_error overloaded",
		"limited":           "RateLimitError 429 requests rate_limit_exceeded",
		"price":             "RateLimitError 429 insufficient_quota insufficient_quota",
		"session_gone":      "AuthenticationError 401 invalid_request_error invalid_api_key",
		"session_expired":   "RateLimitError 429 insufficient_quota insufficient_quota",
		"session_exhausted": "RateLimitError 429 insufficient_quota insufficient_quota",
		"node_fault":        "InternalServerError 502 server_error node_fault",
		"timeout":           "InternalServerError 504 server_error timeout",
		"invalid":           "BadRequestError 400 invalid_request_error ",
		"internal":          "InternalServerError 500 server_error internal_error",
		"key":               "AuthenticationError 401 invalid_request_error invalid_api_key",
		"unknown_model":     "NotFoundError 404 invalid_request_error model_not_found",
		"no_messages":       "BadRequestError 400 invalid_request_error missing_required_parameter",
		"bad_model":         "BadRequestError 400 invalid_request_error invalid_type",
		"bad_tokens":        "BadRequestError 400 invalid_request_error invalid_value",
		"app_error":         "UnprocessableEntityError 422 app y",
		"unknown_url":       "NotFoundError 404 invalid_request_error unknown_url",
		"large":             "APIError 413 invalid_request_error request_too_large",
		"forbidden":         "PermissionDeniedError 403 invalid_request_error insufficient_permissions",
	}
	require.Len(t, out, len(want))
	for name, f := range out {
		require.Equal(t, want[name], fmt.Sprint(f.Class, " ", f.Status, " ", f.Type, " ", f.Code), "%s: %s", name, f.Message)
		require.NotEmpty(t, f.ID, "%s has no request id", name)
		if name != "internal" && s.isKind(name) {
			require.Contains(t, f.Message, "these words")
		}
	}
	require.Equal(t, "messages", out["no_messages"].Param)
	require.Equal(t, "max_tokens", out["bad_tokens"].Param)
}

func (s *site) isKind(name string) bool {
	for kind := gateway.KindInternal; kind <= gateway.Invalid; kind++ {
		if kind.String() == name {
			return true
		}
	}
	return false
}

func (s *site) testTimeouts(t *testing.T) {
	var out struct{ Client, Server failure }
	s.play(t, "timeouts", &out)
	require.Equal(t, "APIConnectionTimeoutError", out.Client.Class)
	require.Equal(t, "InternalServerError 504 timeout", fmt.Sprint(out.Server.Class, " ", out.Server.Status, " ", out.Server.Code))
}

func (s *site) testParallel(t *testing.T) {
	var out struct{ Texts []string }
	s.play(t, "parallel", &out)
	require.Len(t, out.Texts, 32)
	for _, text := range out.Texts {
		require.Equal(t, "abcde", text)
	}
}

func (s *site) testRetries(t *testing.T) {
	before := len(s.backend.Calls())
	var out struct {
		Text       string
		Took       int
		Quota, Bad failure
	}
	s.play(t, "retries", &out)
	require.Equal(t, "at last", out.Text)
	require.GreaterOrEqual(t, out.Took, 2000, "two waits of a second, as Retry-After says")
	require.Equal(t, "RateLimitError", out.Quota.Class)
	require.Equal(t, "BadRequestError", out.Bad.Class)
	require.Len(t, s.backend.Calls()[before:], 3+1+1, "what no retry mends is not tried again")
}
