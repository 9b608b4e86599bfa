package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/apps/stdhttp"
)

// trained are small weights, made once.
var trained = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "charlm-test-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	input, weights := filepath.Join(dir, "in.txt"), filepath.Join(dir, "w.bin")
	if err := os.WriteFile(input, []byte(strings.Repeat("the quick brown fox jumps over the lazy dog.\n", 400)), 0o600); err != nil {
		return nil, err
	}
	if code, _, stderr := charlm("train", "--input", input, "--out", weights, "--steps", "60", "--min-margin", "-9"); code != exitOK {
		return nil, fmt.Errorf("train: %s", stderr)
	}
	return os.ReadFile(weights)
})

func testService(t *testing.T) service {
	t.Helper()
	raw, err := trained()
	require.NoError(t, err)
	m, err := decodeWeights(raw)
	require.NoError(t, err)
	return service{model: m, name: "charlm"}
}

// ask serves one request and returns its answer.
func (s service) ask(t *testing.T, method, target, body string) (*http.Response, string) {
	t.Helper()
	var out bytes.Buffer
	in := fmt.Sprintf("%s %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", method, target, len(body), body)
	require.NoError(t, stdhttp.Serve(s.answer, strings.NewReader(in), &out))
	answers := bufio.NewReader(&out)
	resp, err := http.ReadResponse(answers, nil)
	require.NoError(t, err)
	all, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Zero(t, answers.Buffered())
	return resp, string(all)
}

// events are a stream's chunks.
func events(t *testing.T, body string) []string {
	t.Helper()
	body, ended := strings.CutSuffix(body, "data: [DONE]\n\n")
	require.True(t, ended, body)
	var list []string
	for _, e := range strings.Split(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		data, ok := strings.CutPrefix(e, "data: ")
		require.True(t, ok, e)
		list = append(list, data)
	}
	return list
}

type answered struct {
	ID, Object, Model string
	Choices           []struct {
		Text    string
		Message struct{ Content string }
		Delta   struct{ Content string }
		Finish  *string `json:"finish_reason"`
	}
	Usage *usageObject
}

func parsed(t *testing.T, body string) (a answered) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(body), &a), body)
	return a
}

// What comes is what generate writes, as OpenAI writes it down.
func TestCompletions(t *testing.T) {
	s := testService(t)
	raw, err := trained()
	require.NoError(t, err)
	dir := t.TempDir()
	weights, out := filepath.Join(dir, "w.bin"), filepath.Join(dir, "text.txt")
	require.NoError(t, os.WriteFile(weights, raw, 0o600))
	code, _, stderr := charlm("generate", "--weights", weights, "--out", out, "--prompt", "the ", "--length", "40", "--seed", "7")
	require.Equal(t, exitOK, code, stderr)
	text, err := os.ReadFile(out)
	require.NoError(t, err)
	want, err := json.Marshal(string(text[len("the "):]))
	require.NoError(t, err)

	const request = `{"model":"charlm","prompt":"the ","max_tokens":40,"seed":7}`
	resp, body := s.ask(t, "POST", "/v1/completions", request)
	require.Equal(t, 200, resp.StatusCode, body)
	require.Equal(t, "application/json", resp.Header.Get("Content-Type"))
	a := parsed(t, body)
	require.Regexp(t, `^cmpl-[0-9a-f]{24}$`, a.ID)
	require.Equal(t, fmt.Sprintf(`{"id":"%s","object":"text_completion","created":0,"model":"charlm","choices":[{"index":0,"text":%s,"logprobs":null,"finish_reason":"length"}],`+
		`"usage":{"prompt_tokens":4,"completion_tokens":40,"total_tokens":44}}`+"\n", a.ID, want), body)
	_, again := s.ask(t, "POST", "/v1/completions", request)
	require.Equal(t, body, again, "the same request, another answer")

	_, body = s.ask(t, "POST", "/v1/chat/completions",
		`{"model":"charlm","messages":[{"role":"user","content":[{"type":"text","text":"the "}]}],"max_completion_tokens":40,"seed":7,"n":1,"top_p":1.0}`)
	a = parsed(t, body)
	require.Equal(t, fmt.Sprintf(`{"id":"%s","object":"chat.completion","created":0,"model":"charlm","choices":[{"index":0,"message":{"role":"assistant","content":%s,"refusal":null},"logprobs":null,`+
		`"finish_reason":"length"}],"usage":{"prompt_tokens":4,"completion_tokens":40,"total_tokens":44}}`+"\n", a.ID, want), body)
	require.Regexp(t, `^chatcmpl-`, a.ID)
}

// Streams bring the same text, a chunk for each token, and usage where it is asked for.
func TestStreams(t *testing.T) {
	s := testService(t)
	_, whole := s.ask(t, "POST", "/v1/completions", `{"model":"charlm","prompt":"a\nthe ","max_tokens":30,"seed":7}`)
	want := parsed(t, whole).Choices[0].Text

	resp, body := s.ask(t, "POST", "/v1/completions", `{"model":"charlm","prompt":["a\nthe "],"max_tokens":30,"seed":7,"stream":true}`)
	require.Equal(t, "text/event-stream", resp.Header.Get("Content-Type"))
	require.NotContains(t, body, "usage")
	list, got := events(t, body), ""
	require.Len(t, list, 31)
	for _, e := range list {
		require.Contains(t, e, `"object":"text_completion"`)
		got += parsed(t, e).Choices[0].Text
	}
	require.Equal(t, want, got)
	require.Contains(t, list[30], `"choices":[{"index":0,"text":"","logprobs":null,"finish_reason":"length"}]`)

	_, body = s.ask(t, "POST", "/v1/chat/completions", `{"model":"charlm","messages":[{"role":"system","content":"a"},{"role":"user","content":"the "}],
		"max_tokens":30,"seed":7,"stream":true,"stream_options":{"include_usage":true}}`)
	list, got = events(t, body), ""
	require.Len(t, list, 33)
	require.Contains(t, list[0], `"object":"chat.completion.chunk","created":0,"model":"charlm","choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"logprobs":null,"finish_reason":null}],"usage":null}`)
	require.Contains(t, list[31], `"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"length"}],"usage":null}`)
	require.Contains(t, list[32], `"choices":[],"usage":{"prompt_tokens":6,"completion_tokens":30,"total_tokens":36}}`)
	for _, e := range list[:32] {
		got += parsed(t, e).Choices[0].Delta.Content
	}
	require.Equal(t, want, got)
}

func TestStops(t *testing.T) {
	s := testService(t)
	_, whole := s.ask(t, "POST", "/v1/completions", `{"model":"charlm","prompt":"the ","max_tokens":200}`)
	text := parsed(t, whole).Choices[0].Text
	stop := text[20:24]
	want := text[:strings.Index(text, stop)]
	for _, stops := range []any{stop, []string{"never seen", stop}} {
		for _, stream := range []bool{false, true} {
			request, err := json.Marshal(map[string]any{"model": "charlm", "prompt": "the ", "max_tokens": 200, "stop": stops, "stream": stream})
			require.NoError(t, err)
			_, body := s.ask(t, "POST", "/v1/completions", string(request))
			list, got, finish := []string{body}, "", ""
			if stream {
				list = events(t, body)
			}
			for _, e := range list {
				c := parsed(t, e).Choices[0]
				if got += c.Text; c.Finish != nil {
					finish = *c.Finish
				}
			}
			require.Equal(t, want, got)
			require.Equal(t, "stop", finish)
		}
	}
}

func TestHoldback(t *testing.T) {
	h, got := holdback{stops: []string{"abac", "ba!"}}, []string{}
	for _, c := range "xababac" {
		shown, stopped := h.add(string(c))
		got = append(got, shown)
		require.Equal(t, c == 'c', stopped)
	}
	require.Equal(t, []string{"x", "", "", "", "ab", "", ""}, got)
}

func TestRefusedQuestions(t *testing.T) {
	s := testService(t)
	const chat, text = "/v1/chat/completions", "/v1/completions"
	for _, c := range []struct {
		target, body string
		status       int
		param, code  string
	}{
		{text, `nonsense`, 400, "", ""}, {text, `null`, 400, "", ""}, {text, `[]`, 400, "", ""},
		{text, `{"prompt":"a"}`, 400, "model", "missing_required_parameter"},
		{text, `{"model":"gpt-4","prompt":"a"}`, 404, "model", "model_not_found"},
		{text, `{"model":"charlm","prompt":[1,2]}`, 400, "prompt", "invalid_type"},
		{text, `{"model":"charlm","prompt":["a","b"]}`, 400, "prompt", "invalid_type"},
		{text, `{"model":"charlm","prompt":"` + strings.Repeat("a", maxPrompt+1) + `"}`, 400, "prompt", "context_length_exceeded"},
		{text, `{"model":"charlm","n":2}`, 400, "n", "unsupported_value"}, {text, `{"model":"charlm","echo":true}`, 400, "echo", "unsupported_value"},
		{text, `{"model":"charlm","max_tokens":0}`, 400, "max_tokens", "invalid_value"}, {text, `{"model":"charlm","max_tokens":1.5}`, 400, "max_tokens", "invalid_type"},
		{text, `{"model":"charlm","max_tokens":1000001}`, 400, "max_tokens", "invalid_value"},
		{text, `{"model":"charlm","max_tokens":1,"max_completion_tokens":1}`, 400, "max_tokens", "invalid_value"},
		{text, `{"model":"charlm","temperature":2.1}`, 400, "temperature", "invalid_value"}, {text, `{"model":"charlm","temperature":"1"}`, 400, "temperature", "invalid_type"},
		{text, `{"model":"charlm","seed":"x"}`, 400, "seed", "invalid_type"},
		{text, `{"model":"charlm","stop":["a","b","c","d","e"]}`, 400, "stop", "invalid_value"}, {text, `{"model":"charlm","stop":""}`, 400, "stop", "invalid_value"},
		{text, `{"model":"charlm","stop":7}`, 400, "stop", "invalid_type"},
		{text, `{"model":"charlm","stream":1}`, 400, "stream", "invalid_type"}, {text, `{"model":"charlm","stream_options":{}}`, 400, "stream_options", "invalid_value"},
		{chat, `{"model":"charlm"}`, 400, "messages", "missing_required_parameter"}, {chat, `{"model":"charlm","messages":[{"role":"cat","content":"a"}]}`, 400, "messages[0].role", "invalid_value"},
		{chat, `{"model":"charlm","messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, 400, "messages[0].content", "invalid_value"},
		{chat, `{"model":"charlm","messages":[{"role":"user","content":7}]}`, 400, "messages[0].content", "invalid_type"},
	} {
		resp, body := s.ask(t, "POST", c.target, c.body)
		require.Equal(t, c.status, resp.StatusCode, "%.100s", c.body)
		var e struct {
			Error struct{ Message, Type, Param, Code string }
		}
		require.NoError(t, json.Unmarshal([]byte(body), &e))
		require.Equal(t, c.param, e.Error.Param, body)
		require.Equal(t, c.code, e.Error.Code, body)
		require.Equal(t, "invalid_request_error", e.Error.Type)
		require.NotEmpty(t, e.Error.Message)
	}
}

func TestOtherPaths(t *testing.T) {
	s := testService(t)
	for _, c := range []struct {
		method, target string
		status         int
		body           string
	}{
		{"GET", "/healthz", 200, `{"status":"ok"}`},
		{"GET", "/v1/models", 200, `{"object":"list","data":[{"id":"charlm","object":"model","created":0,"owned_by":"charlm"}]}`},
		{"GET", "/v1/models/charlm", 200, `{"id":"charlm","object":"model","created":0,"owned_by":"charlm"}`},
		{"GET", "/", 404, ""}, {"GET", "/v1/completions", 405, ""}, {"POST", "/healthz", 405, ""},
	} {
		resp, body := s.ask(t, c.method, c.target, "")
		require.Equal(t, c.status, resp.StatusCode, c.target)
		if c.body != "" {
			require.JSONEq(t, c.body, body)
		}
	}
}
