package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/edgematrix/emc/test/e2e/rig"
	"github.com/edgematrix/emc/test/nodejs"
)

// tokenUsage is OpenAI's.
type tokenUsage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Total      int64 `json:"total_tokens"`
}

// said is one answer as a client has it.
type said struct {
	Text   string     `json:"text"`
	Pieces int        `json:"pieces"` // of a stream
	Usage  tokenUsage `json:"usage"`
}

// heard is what a client got of everything that it asked.
type heard struct {
	Models     []string `json:"models"`
	Chat       said     `json:"chat"`
	Stream     said     `json:"stream"`
	Completion said     `json:"completion"`
}

// clients plays every OpenAI client that this machine has; without any, plain HTTP.
func (g *gate) clients(ctx context.Context) error {
	root, err := rig.Root()
	if err != nil {
		return err
	}
	arguments := []string{g.base, g.key, model, strconv.Itoa(answerTokens)}
	js := filepath.Join(root, "test", "openai", "js")
	missing := nodejs.Check(ctx)
	if missing == nil {
		missing = nodejs.Install(ctx, js)
	}
	if missing == nil {
		err = g.program(ctx, js, "OpenAI's client for Node", append([]string{"node", "chat.mjs"}, arguments...))
	} else {
		g.say("OpenAI's client for Node is left out, and Go's net/http calls instead: %v", missing)
		var h heard
		if h, err = g.plain(ctx); err == nil {
			err = g.hear("net/http", h)
		}
	}
	if err != nil || exec.CommandContext(ctx, "python3", "-c", "import openai").Run() != nil {
		return err
	}
	return g.program(ctx, filepath.Join(root, "test", "openai", "py"), "OpenAI's client for Python", append([]string{"python3", "chat.py"}, arguments...))
}

// program runs a client's script, which prints what it heard.
func (g *gate) program(ctx context.Context, dir, name string, command []string) error {
	answer, err := rig.Command(ctx, dir, nil, command[0], command[1:]...)
	if err != nil {
		return err
	}
	var h heard
	if err := json.Unmarshal([]byte(answer.Out), &h); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, answer.Out)
	}
	return g.hear(name, h)
}

// hear shows what a client got, and checks it.
func (g *gate) hear(name string, h heard) error {
	g.say("%s, unchanged but for base URL and key: models %v", name, h.Models)
	if !slices.Contains(h.Models, model) {
		return fmt.Errorf("%s is not among the models %v", model, h.Models)
	}
	for _, a := range []struct {
		what string
		said
	}{{"chat", h.Chat}, {"chat, streamed", h.Stream}, {"completion", h.Completion}} {
		if err := g.count(a.said); err != nil {
			return fmt.Errorf("%s: %s: %w", name, a.what, err)
		}
		g.say("  %-15s %d + %d = %d tokens: %q", a.what, a.Usage.Prompt, a.Usage.Completion, a.Usage.Total, a.Text)
	}
	// The same question and seed: what streams is what comes whole, a piece for each token.
	if h.Stream.Text != h.Chat.Text || h.Stream.Pieces != answerTokens {
		return fmt.Errorf("%s: %d pieces streamed with the text %q, expected %d with %q", name, h.Stream.Pieces, h.Stream.Text, answerTokens, h.Chat.Text)
	}
	return nil
}

// count checks an answer, and adds it to what has to be paid.
func (g *gate) count(a said) error {
	u := a.Usage
	if len([]rune(a.Text)) != answerTokens || u.Completion != answerTokens || u.Prompt <= 0 || u.Prompt+u.Completion != u.Total {
		return fmt.Errorf("%d characters came with usage %+v, expected %d", len([]rune(a.Text)), u, answerTokens)
	}
	g.tokens += u.Total
	g.answers++
	return nil
}
