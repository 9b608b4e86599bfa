package main

import (
	"bytes"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"math"
	"unicode/utf8"
)

const (
	minText  = 1000    // symbols; the held-out tenth would otherwise say nothing
	maxText  = 8 << 20 // bytes; keeps the memory under 300 MiB
	maxSteps = 10_000_000

	// Steps by default: enough for the goal and no longer than half a minute, but no text is read more than
	// defaultEpochs times, because a small one would be learnt by heart.
	defaultSteps  = 20_000
	defaultEpochs = 2

	// Progress is reported after each fiftieth of the work.
	reports = 50
)

type trainOptions struct {
	input, out string
	steps      int
	seed       uint64
	minMargin  float64
}

func trainCommand(args []string, stdout, _ io.Writer) error {
	var o trainOptions
	flags := flag.NewFlagSet("charlm train", flag.ContinueOnError)
	flags.StringVar(&o.input, "input", "", "UTF-8 text to learn from (required)")
	flags.StringVar(&o.out, "out", "/out/weights.bin", "file for the weights")
	flags.IntVar(&o.steps, "steps", 0, fmt.Sprintf("training steps of %d characters; 0 chooses by the text's length, at most %d",
		defaultHyper.Batch, defaultSteps))
	flags.Uint64Var(&o.seed, "seed", 1, "start of the random numbers")
	flags.Float64Var(&o.minMargin, "min-margin", 0.15, "fail unless the model beats the bigram model by this many nats a character")
	if err := parse(flags, args, stdout); err != nil {
		return err
	}
	switch {
	case o.steps < 0 || o.steps > maxSteps:
		return fmt.Errorf("--steps: expected 0 to %d, got %d: %w", maxSteps, o.steps, errUsage)
	case math.IsNaN(o.minMargin) || math.IsInf(o.minMargin, 0):
		return fmt.Errorf("--min-margin: expected a number, got %v: %w", o.minMargin, errUsage)
	}
	text, err := readInput("--input", o.input, maxText)
	if err != nil {
		return err
	}
	if err := checkOutput(o.out); err != nil {
		return err
	}
	return o.run(text, stdout)
}

// run trains on text, writes the weights, and reports. It returns errMargin when the weights were written but miss
// the margin.
func (o trainOptions) run(text []byte, stdout io.Writer) error {
	if err := checkText(text); err != nil {
		return fmt.Errorf("--input %s %w", o.input, err)
	}
	vocab := newVocabulary(text)
	symbols, _ := vocab.encode(string(text))
	if len(symbols) < minText {
		return fmt.Errorf("--input %s is too small: it has %d characters, expected at least %d", o.input, len(symbols), minText)
	}
	end := len(symbols) - len(symbols)/10
	if o.steps == 0 {
		o.steps = min(defaultSteps, (defaultEpochs*end+defaultHyper.Batch-1)/defaultHyper.Batch)
	}
	m := newModel(defaultShape, vocab)
	fmt.Fprintf(stdout, "text      %d characters, %d different symbols; the last %d are held out\n",
		len(symbols), vocab.size(), len(symbols)-end)
	baseline := trainBigram(symbols[:end], vocab.size()).loss(symbols, end)
	fmt.Fprintf(stdout, "baseline  interpolated bigram model: %.4f nats on the held-out tenth\n", baseline)
	fmt.Fprintf(stdout, "model     %d parameters, %d steps of %d characters, seed %d\n",
		m.parameters(), o.steps, defaultHyper.Batch, o.seed)

	rng := newRandom(o.seed)
	m.randomize(rng)
	newTrainer(m, defaultHyper.Batch, end, rng).train(symbols, o.steps, stdout)

	heldOut := m.loss(symbols, end)
	if math.IsNaN(heldOut) || math.IsInf(heldOut, 0) {
		return fmt.Errorf("training diverged: try another --seed")
	}
	weights := m.encodeWeights()
	if err := writeOutput(o.out, weights); err != nil {
		return err
	}
	margin := baseline - heldOut
	fmt.Fprintf(stdout, "held out  model %.4f, bigram %.4f, margin %.4f nats\n", heldOut, baseline, margin)
	fmt.Fprintf(stdout, "wrote     %s, %d bytes\n", o.out, len(weights))
	fmt.Fprintf(stdout, `RESULT {"held_out_nats":%.6f,"bigram_nats":%.6f,"margin_nats":%.6f,"parameters":%d,"steps":%d,`+
		`"characters":%d,"symbols":%d,"weights_bytes":%d,"weights_sha256":"%x"}`+"\n",
		heldOut, baseline, margin, m.parameters(), o.steps, len(symbols), vocab.size(), len(weights), sha256.Sum256(weights))
	if margin < o.minMargin {
		return fmt.Errorf("%w: the model beats the bigram model by %.4f nats, expected at least %.4f: "+
			"use a longer text or more --steps", errMargin, margin, o.minMargin)
	}
	return nil
}

// checkText refuses what is not text; the error continues a sentence about the file.
func checkText(text []byte) error {
	if len(text) == 0 {
		return fmt.Errorf("is empty: name a file with text")
	}
	for at := 0; at < len(text); {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n == 1 {
			line := 1 + bytes.Count(text[:at], []byte("\n"))
			return fmt.Errorf("is not UTF-8 text: byte %d (line %d) is 0x%02x: convert it, e.g. with iconv -t utf-8", at, line, text[at])
		}
		at += n
	}
	return nil
}

// train runs steps batches and prints the mean loss since the last report at a steady rate.
func (t *trainer) train(text []uint16, steps int, stdout io.Writer) {
	every := max(1, steps/reports)
	sum, count := 0.0, 0
	for i := range steps {
		// The rate falls linearly, so that the last steps settle what the first ones found.
		sum += t.step(text, defaultHyper, 1-float32(i)/float32(steps))
		count++
		if done := i + 1; done%every == 0 || done == steps {
			fmt.Fprintf(stdout, "step %d/%d  loss %.3f nats\n", done, steps, sum/float64(count))
			sum, count = 0, 0
		}
	}
}
