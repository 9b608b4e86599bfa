package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"unicode/utf8"

	"github.com/edgematrix/emc/apps/stdhttp"
)

// flushTokens is after how many of them a stream is sent on.
const flushTokens = 8

type usageObject struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

type messageObject struct {
	Role    string  `json:"role"`
	Content string  `json:"content"`
	Refusal *string `json:"refusal"`
}

// choice is one of four: a text, a message, a delta of it, or a delta without anything.
type choice struct {
	Index    int             `json:"index"`
	Text     *string         `json:"text,omitempty"`
	Message  *messageObject  `json:"message,omitempty"`
	Delta    any             `json:"delta,omitempty"`
	Logprobs json.RawMessage `json:"logprobs"`
	Finish   *string         `json:"finish_reason"`
}

// completion is an answer, or a chunk of one.
type completion struct {
	ID      string          `json:"id"`
	Object  string          `json:"object"`
	Created int64           `json:"created"`
	Model   string          `json:"model"`
	Choices []choice        `json:"choices"`
	Usage   json.RawMessage `json:"usage,omitempty"`
}

// complete answers /v1/completions and /v1/chat/completions.
func (s service) complete(w *stdhttp.ResponseWriter, r *stdhttp.Request) error {
	q, err := s.readQuestion(r.Body, r.Path == "/v1/chat/completions")
	if refused := (stdhttp.Error{}); errors.As(err, &refused) {
		return stdhttp.WriteError(w, refused)
	}
	// The same request has the same id everywhere.
	sum := sha256.Sum256(r.Body)
	a := completion{ID: "cmpl-" + hex.EncodeToString(sum[:12]), Object: "text_completion", Created: s.created, Model: s.name}
	if q.chat {
		a.ID, a.Object = "chat"+a.ID, "chat.completion"
	}
	if q.stream {
		return s.stream(w, q, a)
	}
	var text []byte
	finish, usage, err := s.write(q, func(token string) error {
		text = append(text, token...)
		return nil
	})
	if err != nil {
		return stdhttp.WriteError(w, stdhttp.Error{Status: 500, Message: err.Error()})
	}
	c := choice{Finish: &finish}
	if all := string(text); q.chat {
		c.Message = &messageObject{Role: "assistant", Content: all}
	} else {
		c.Text = &all
	}
	a.Choices = []choice{c}
	if a.Usage, err = json.Marshal(usage); err != nil {
		return err
	}
	return stdhttp.WriteJSON(w, 200, a)
}

// stream answers with a chunk for each token.
func (s service) stream(w *stdhttp.ResponseWriter, q question, a completion) error {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	if q.chat {
		a.Object += ".chunk"
	}
	if q.usage {
		a.Usage = json.RawMessage("null")
	}
	event := func(choices ...choice) error {
		a.Choices = append([]choice{}, choices...) // an empty list, not null
		b, err := json.Marshal(a)
		if err != nil {
			return err
		}
		_, err = w.Write(append(append([]byte("data: "), b...), "\n\n"...))
		return err
	}
	if q.chat {
		if err := event(choice{Delta: messageObject{Role: "assistant"}}); err != nil {
			return err
		}
	}
	tokens := 0
	finish, usage, err := s.write(q, func(token string) error {
		c := choice{Text: &token}
		if q.chat {
			c = choice{Delta: map[string]string{"content": token}}
		}
		if err := event(c); err != nil {
			return err
		}
		if tokens++; tokens%flushTokens == 1 { // the first one at once
			return w.Flush()
		}
		return nil
	})
	if err != nil {
		return err
	}
	last := choice{Text: new(string), Finish: &finish}
	if q.chat {
		last = choice{Delta: struct{}{}, Finish: &finish}
	}
	if err := event(last); err != nil {
		return err
	}
	if q.usage {
		if a.Usage, err = json.Marshal(usage); err != nil {
			return err
		}
		if err := event(); err != nil {
			return err
		}
	}
	_, err = w.WriteString("data: [DONE]\n\n")
	return err
}

// write makes the text, and passes each token on once it cannot be the beginning of a stop any more.
func (s service) write(q question, pass func(token string) error) (finish string, usage usageObject, err error) {
	context, _ := s.model.vocab.encode(q.prompt)
	g := newGenerator(s.model, context, q.temperature, newRandom(q.seed))
	usage = usageObject{Prompt: utf8.RuneCountInString(q.prompt)}
	held := holdback{stops: q.stops}
	release := func(text string) error {
		for _, r := range text {
			if err := pass(string(r)); err != nil {
				return err
			}
		}
		return nil
	}
	finish = "length"
	for token := []byte(nil); usage.Completion < q.tokens && finish == "length"; {
		if token, err = g.next(token); err != nil {
			return "", usage, err
		}
		if g.unfinished() {
			continue
		}
		usage.Completion++
		text, stopped := held.add(string(token))
		token = token[:0]
		if stopped {
			finish = "stop"
		}
		if err := release(text); err != nil {
			return "", usage, err
		}
	}
	usage.Total = usage.Prompt + usage.Completion
	if finish == "length" {
		err = release(held.text)
	}
	return finish, usage, err
}
