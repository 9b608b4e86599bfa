package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// How plain HTTP tries again, as OpenAI's clients do: a node that proves its power turns calls away for some seconds.
const (
	httpTries = 40
	httpPause = 500 * time.Millisecond
)

// streamsAtOnce is how many streams run beside each other.
const streamsAtOnce = 16

// ask sends a request until the gateway takes it. A body of nil is a GET.
func (g *gate) ask(ctx context.Context, path string, body any) (*http.Response, error) {
	var data []byte
	method := http.MethodGet
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return nil, err
		}
		method = http.MethodPost
	}
	for try := 1; ; try++ {
		request, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(data))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Authorization", "Bearer "+g.key)
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil || response.StatusCode == http.StatusOK {
			return response, err
		}
		words, _ := io.ReadAll(io.LimitReader(response.Body, 4<<10))
		_ = response.Body.Close()
		again := response.StatusCode == http.StatusServiceUnavailable || response.StatusCode == http.StatusTooManyRequests
		if !again || try == httpTries {
			return nil, fmt.Errorf("%s answered %s after %d tries: %s", path, response.Status, try, words)
		}
		pause := httpPause
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
			pause = time.Duration(seconds) * time.Second
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil, ctx.Err()
		case <-wait.C:
		}
	}
}

// fetch asks, and reads the JSON that comes.
func (g *gate) fetch(ctx context.Context, path string, body, into any) error {
	response, err := g.ask(ctx, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	return json.NewDecoder(response.Body).Decode(into)
}

// spoken is an answer, or a piece of one, as OpenAI writes it.
type spoken struct {
	Choices []struct {
		Text    string                   `json:"text"`
		Message struct{ Content string } `json:"message"`
		Delta   struct{ Content string } `json:"delta"`
	} `json:"choices"`
	Usage *tokenUsage `json:"usage"`
	Error *struct {
		Message string `json:"message"`
	} `json:"error"`
}

func (s spoken) text() (out string) {
	for _, c := range s.Choices {
		out += c.Text + c.Message.Content + c.Delta.Content
	}
	return out
}

func question(prompt string, seed int, more map[string]any) map[string]any {
	q := map[string]any{"model": model, "messages": []any{map[string]any{"role": "user", "content": prompt}}, "max_tokens": answerTokens, "seed": seed}
	for k, v := range more {
		q[k] = v
	}
	return q
}

// plain asks what OpenAI's clients ask, by net/http.
func (g *gate) plain(ctx context.Context) (h heard, err error) {
	var models struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := g.fetch(ctx, g.base+"/models", nil, &models); err != nil {
		return h, err
	}
	for _, m := range models.Data {
		h.Models = append(h.Models, m.ID)
	}
	const prompt = "func main() {"
	if h.Chat, err = g.whole(ctx, "/chat/completions", question(prompt, 11, nil)); err != nil {
		return h, err
	}
	if h.Stream, err = g.stream(ctx, prompt, 11); err != nil {
		return h, err
	}
	h.Completion, err = g.whole(ctx, "/completions", map[string]any{"model": model, "prompt": prompt, "max_tokens": answerTokens, "seed": 13})
	return h, err
}

func (g *gate) whole(ctx context.Context, path string, body any) (said, error) {
	var s spoken
	if err := g.fetch(ctx, g.base+path, body, &s); err != nil {
		return said{}, err
	}
	if s.Usage == nil {
		return said{}, fmt.Errorf("%s: the answer tells no usage", path)
	}
	return said{Text: s.text(), Usage: *s.Usage}, nil
}

// stream reads a streamed chat completion to its end.
func (g *gate) stream(ctx context.Context, prompt string, seed int) (out said, err error) {
	response, err := g.ask(ctx, g.base+"/chat/completions", question(prompt, seed, map[string]any{"stream": true, "stream_options": map[string]any{"include_usage": true}}))
	if err != nil {
		return out, err
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		data, event := strings.CutPrefix(lines.Text(), "data: ")
		if data == "[DONE]" {
			return out, nil
		}
		if !event {
			continue
		}
		var s spoken
		if err := json.Unmarshal([]byte(data), &s); err != nil {
			return out, fmt.Errorf("%q: %w", data, err)
		}
		if s.Error != nil {
			return out, fmt.Errorf("the stream broke: %s", s.Error.Message)
		}
		if text := s.text(); text != "" {
			out.Text += text
			out.Pieces++
		}
		if s.Usage != nil {
			out.Usage = *s.Usage
		}
	}
	return out, fmt.Errorf("the stream ended after %d pieces, without [DONE]", out.Pieces)
}

// atOnce runs streams beside each other.
func (g *gate) atOnce(ctx context.Context) error {
	begin := time.Now()
	var mu sync.Mutex
	texts := map[string]bool{}
	work, ctx := errgroup.WithContext(ctx)
	for i := range streamsAtOnce {
		work.Go(func() error {
			s, err := g.stream(ctx, fmt.Sprintf("// stream %d\nfunc ", i), 100+i)
			if err != nil {
				return fmt.Errorf("stream %d: %w", i, err)
			}
			mu.Lock()
			defer mu.Unlock()
			texts[s.Text] = true
			return g.count(s)
		})
	}
	if err := work.Wait(); err != nil {
		return err
	}
	g.say("%d streams at once, %d tokens each, all whole after %.1f s", streamsAtOnce, answerTokens, time.Since(begin).Seconds())
	if len(texts) != streamsAtOnce {
		return fmt.Errorf("%d streams brought %d texts", streamsAtOnce, len(texts))
	}
	return nil
}
