package gatewaytest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// chatRequest is what Chat reads.
type chatRequest struct {
	Model         string `json:"model"`
	Stream        bool   `json:"stream"`
	StreamOptions *struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

const usage = `{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}`

// Chat answers chat completions by these words, one in every pause, with usage as OpenAI has it.
func Chat(pause time.Duration, words ...string) App {
	return func(ctx context.Context, r *http.Request, w *Writer) error {
		var in chatRequest
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			return err
		}
		head := fmt.Sprintf(`"id":"chatcmpl-1","created":1800000000,"model":%q`, in.Model)
		if !in.Stream {
			text := ""
			for _, word := range words {
				text += word
			}
			w.Header().Set("Content-Type", "application/json")
			_, err := fmt.Fprintf(w, `{%s,"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":%q},"logprobs":null,"finish_reason":"stop"}],"usage":%s}`, head, text, usage)
			return err
		}
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		asked := in.StreamOptions != nil && in.StreamOptions.IncludeUsage
		null := ""
		if asked {
			null = `,"usage":null`
		}
		for i, word := range words {
			role := ""
			if i == 0 {
				role = `"role":"assistant",`
			}
			if _, err := fmt.Fprintf(w, "data: {%s,\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{%s\"content\":%q},\"finish_reason\":null}]%s}\n\n", head, role, word, null); err != nil {
				return err
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if _, err := fmt.Fprintf(w, "data: {%s,\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]%s}\n\n", head, null); err != nil {
			return err
		}
		if asked {
			if _, err := fmt.Fprintf(w, "data: {%s,\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":%s}\n\n", head, usage); err != nil {
				return err
			}
		}
		_, err := fmt.Fprint(w, "data: [DONE]\n\n")
		return err
	}
}

// Fixed answers always the same.
func Fixed(status int, kind, body string) App {
	return func(_ context.Context, _ *http.Request, w *Writer) error {
		w.Header().Set("Content-Type", kind)
		if err := w.Status(status); err != nil {
			return err
		}
		_, err := fmt.Fprint(w, body)
		return err
	}
}

// Fails is a call that comes to nothing.
func Fails(err error) App { return func(context.Context, *http.Request, *Writer) error { return err } }
