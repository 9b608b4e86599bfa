package router

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// ending is how a call ended.
type ending int

const (
	whole   ending = iota // all that was asked for, and [DONE]
	broke                 // an error after the answer had begun
	refused               // an error in the place of an answer
	gone                  // the program itself left
	wrong                 // another answer than what was asked for, or one that looks whole and is not
)

// outcome is one call as its program saw it.
type outcome struct {
	ending ending
	words  string // of an error
	node   string
	route  string // why this node, and whose signature pays
	tokens int
	cost   int64 // uemc, of a whole one

	began, first, ended time.Time
}

// asks is a call whose answer is known beforehand.
type asks struct {
	user   string
	tokens int
	pace   time.Duration
	// seen, if there is one, is told how many tokens have come, and of [DONE].
	seen func(tokens int, done bool)
}

func (a asks) see(tokens int, done bool) {
	if a.seen != nil {
		a.seen(tokens, done)
	}
}

// caller makes calls as a program does, over connections that it keeps.
type caller struct {
	base   func() string
	key    string
	client *http.Client
}

func newCaller(base func() string, key string) *caller {
	return &caller{base: base, key: key, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1_000, MaxConnsPerHost: 0}}}
}

func (c *caller) request(ctx context.Context, a asks) (*http.Request, error) {
	body := fmt.Sprintf(`{"model":%q,"max_tokens":%d,"stream":true,"user":%q,"pace_ms":%d,"messages":[{"role":"user","content":"count"}]}`,
		model, a.tokens, a.user, a.pace.Milliseconds())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base()+"/chat/completions", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	r.Header.Set("X-EMC-Debug", "1") // says what it cost
	return r, nil
}

// call asks, and holds every token of the answer against what was asked for.
func (c *caller) call(ctx context.Context, a asks) (o outcome) {
	o.began = time.Now()
	defer func() {
		o.ended = time.Now()
		if o.first.IsZero() {
			o.first = o.ended
		}
	}()
	r, err := c.request(ctx, a)
	if err == nil {
		var answer *http.Response
		if answer, err = c.client.Do(r); err == nil {
			defer answer.Body.Close()
			o.read(a, answer)
			if ctx.Err() != nil && o.ending != whole && o.ending != wrong {
				o.ending = gone
			}
			return o
		}
	}
	if o.ending, o.words = refused, err.Error(); ctx.Err() != nil {
		o.ending = gone
	}
	return o
}

func (o *outcome) read(a asks, answer *http.Response) {
	o.node, o.route = answer.Header.Get("X-EMC-Node"), answer.Header.Get("X-EMC-Route")
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1_000))
		o.ending, o.words = refused, fmt.Sprintf("%d %s", answer.StatusCode, text)
		return
	}
	o.ending, o.words = wrong, "it ended without an error and without [DONE]"
	done := false
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		line := lines.Text()
		if cost, ok := strings.CutPrefix(line, ": emc cost="); ok {
			_, _ = fmt.Sscan(cost, &o.cost)
			continue
		}
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		if o.first.IsZero() {
			o.first = time.Now()
		}
		switch {
		case done:
			o.ending, o.words = wrong, "it goes on after [DONE]: "+data
			return
		case strings.HasPrefix(data, `{"error"`):
			o.ending, o.words = broke, data
			return
		case data == "[DONE]" && o.tokens == a.tokens:
			done = true
			o.ending, o.words = whole, ""
			a.see(o.tokens, true)
		case o.tokens < a.tokens && data == token(a.user, o.tokens):
			o.tokens++
			a.see(o.tokens, false)
		default:
			o.ending, o.words = wrong, fmt.Sprintf("token %d of %d for %s is %s", o.tokens, a.tokens, a.user, data)
			return
		}
	}
	if err := lines.Err(); err != nil && !done {
		o.ending, o.words = broke, err.Error()
	}
}
