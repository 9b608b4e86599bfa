package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// What the trained model must be.
const (
	minMargin     = 0.15
	minParameters = 40_000
)

// trained is the last line of charlm's training.
type trained struct {
	HeldOut    float64 `json:"held_out_nats"`
	Bigram     float64 `json:"bigram_nats"`
	Margin     float64 `json:"margin_nats"`
	Parameters int     `json:"parameters"`
	SHA256     string  `json:"weights_sha256"`

	weights string
}

func (d *demo) train(ctx context.Context) (t trained, err error) {
	d.head("A job: train a language model on " + filepath.Base(d.input))
	s, log, err := d.job(ctx, rig.Order{
		App: "charlm", AppFile: d.bin.Charlm(), Inputs: []string{"text.txt=" + d.input}, Output: filepath.Join(d.dir, "model"),
		Flags: []string{"--max-time", "10m"}, Args: []string{"train", "--input", "/in/text.txt"},
	})
	if err != nil {
		return t, err
	}
	at := strings.LastIndex(log, "RESULT ")
	if at < 0 {
		return t, errors.New("the training printed no RESULT line")
	}
	line, _, _ := strings.Cut(log[at+len("RESULT "):], "\n")
	if err := json.Unmarshal([]byte(line), &t); err != nil {
		return t, fmt.Errorf("the training's RESULT line: %w", err)
	}
	d.say("model   %d parameters; loss on the held-out tenth %.3f nats a character, bigram model %.3f: better by %.3f", t.Parameters, t.HeldOut, t.Bigram, t.Margin)
	t.weights = filepath.Join(s.OutputDir, "weights.bin")
	digest, err := rig.Digest(t.weights)
	switch {
	case err != nil:
		return t, err
	case t.Margin < minMargin || t.Bigram-t.HeldOut < minMargin:
		return t, fmt.Errorf("the model beats bigrams by %.3f nats, expected at least %.2f", t.Margin, minMargin)
	case t.Parameters < minParameters:
		return t, fmt.Errorf("the model has %d parameters, expected at least %d", t.Parameters, minParameters)
	case t.SHA256 != digest:
		return t, fmt.Errorf("the weights have digest %s, the training said %s", digest, t.SHA256)
	}
	return t, nil
}

func (d *demo) generate(ctx context.Context, t trained) error {
	d.head("A second job: the model writes")
	s, log, err := d.job(ctx, rig.Order{
		App: "charlm", AppFile: d.bin.Charlm(), Inputs: []string{"weights.bin=" + t.weights}, Output: filepath.Join(d.dir, "text"),
		Flags: []string{"--max-time", "2m"}, Args: []string{"generate", "--weights", "/in/weights.bin", "--length", "600"},
	})
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(s.OutputDir, "text.txt"))
	if err != nil {
		return err
	}
	d.say("it wrote:")
	d.lines(string(text))
	if len(text) < 300 || !strings.Contains(log, strings.TrimSpace(string(text))) {
		return fmt.Errorf("%d bytes were written, expected about 600 characters, the same as in the log", len(text))
	}
	return nil
}
