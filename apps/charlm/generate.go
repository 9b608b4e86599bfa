package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"unicode/utf8"
)

const maxLength = 1_000_000

type generateOptions struct {
	weights, out string
	length       int
	prompt       string
	temperature  float64
	seed         uint64
}

func generateCommand(args []string, stdout, stderr io.Writer) error {
	var o generateOptions
	flags := flag.NewFlagSet("charlm generate", flag.ContinueOnError)
	flags.StringVar(&o.weights, "weights", "", "weights that charlm train has written (required)")
	flags.StringVar(&o.out, "out", "/out/text.txt", "file for the text")
	flags.IntVar(&o.length, "length", 1000, "characters to generate after the prompt")
	flags.StringVar(&o.prompt, "prompt", "", "text to continue")
	flags.Float64Var(&o.temperature, "temperature", 0.7, "0 always takes the likeliest character, 1 follows the model, more is wilder")
	flags.Uint64Var(&o.seed, "seed", 1, "start of the random numbers")
	if err := parse(flags, args, stdout); err != nil {
		return err
	}
	switch {
	case o.length < 1 || o.length > maxLength:
		return fmt.Errorf("--length: expected 1 to %d, got %d: %w", maxLength, o.length, errUsage)
	case !(o.temperature >= 0 && o.temperature <= 10):
		return fmt.Errorf("--temperature: expected 0 to 10, got %v: %w", o.temperature, errUsage)
	case !utf8.ValidString(o.prompt):
		return fmt.Errorf("--prompt is not UTF-8 text: %w", errUsage)
	}
	file, err := readInput("--weights", o.weights, maxWeights)
	if err != nil {
		return err
	}
	m, err := decodeWeights(file)
	if err != nil {
		return fmt.Errorf("--weights %s: %w", o.weights, err)
	}
	if err := checkOutput(o.out); err != nil {
		return err
	}
	return o.run(m, stdout, stderr)
}

// run prints the prompt and what follows it, and writes both to the output file.
func (o generateOptions) run(m *model, stdout, stderr io.Writer) error {
	context, unknown := m.vocab.encode(o.prompt)
	if len(unknown) > 0 {
		fmt.Fprintf(stderr, "charlm: the model has never seen %q of the prompt and looks past it\n", string(unknown))
	}
	g := newGenerator(m, context, o.temperature, newRandom(o.seed))
	text := []byte(o.prompt)
	printed := 0
	for n := 0; n < o.length || g.unfinished(); n++ {
		var err error
		if text, err = g.next(text); err != nil {
			return fmt.Errorf("--weights %s: %w", o.weights, err)
		}
		// Whole lines are printed as they come, so that a follower of the log sees progress.
		if text[len(text)-1] == '\n' {
			if _, err := stdout.Write(text[printed:]); err != nil {
				return fmt.Errorf("print the text: %w", err)
			}
			printed = len(text)
		}
	}
	if _, err := stdout.Write(text[printed:]); err != nil {
		return fmt.Errorf("print the text: %w", err)
	}
	return writeOutput(o.out, text)
}

// generator samples one symbol after the other.
type generator struct {
	model       *model
	pass        *pass
	text        []uint16
	spelled     []byte // bytes of an unfinished character
	temperature float32
	rng         *random
}

// newGenerator continues context; without one it starts as if on a new line.
func newGenerator(m *model, context []uint16, temperature float64, rng *random) *generator {
	if len(context) == 0 {
		context, _ = m.vocab.encode("\n\n")
	}
	return &generator{model: m, pass: m.newPass(1), text: context, temperature: float32(temperature), rng: rng}
}

func (g *generator) unfinished() bool { return len(g.spelled) > 0 }

// next samples a symbol and appends its text to dst. Only symbols that keep the text valid UTF-8 are candidates; an
// error means that the vocabulary has none.
func (g *generator) next(dst []byte) ([]byte, error) {
	m, at := g.model, []int32{int32(len(g.text))}
	m.forward(g.pass, g.text, at)
	logits := g.pass.logits[:m.vocab.size()]
	best, found := 0, false
	for s, x := range logits {
		switch {
		case !m.vocab.mayFollow(g.spelled, uint16(s)):
			logits[s] = float32(math.Inf(-1))
		case !found || x > logits[best]:
			best, found = s, true
		}
	}
	if !found {
		return dst, fmt.Errorf("%w: its symbols cannot spell a character", errWeights)
	}
	if g.temperature > 0 {
		best = g.sample(logits, best)
	}
	g.text = append(g.text, uint16(best))
	if m.vocab.symbols[best].isByte {
		g.spelled = append(g.spelled, byte(m.vocab.symbols[best].value))
		if utf8.FullRune(g.spelled) {
			g.spelled = g.spelled[:0]
		}
	}
	return m.vocab.appendText(dst, uint16(best)), nil
}

// sample draws from softmax(logits/temperature). Symbols of −∞ are never drawn; best is any symbol that may be.
func (g *generator) sample(logits []float32, best int) int {
	barred := math.Inf(-1)
	sum := float32(0)
	top := logits[best]
	weights := make([]float32, len(logits))
	for s, x := range logits {
		weights[s] = (x - top) / g.temperature
	}
	softmax(weights)
	for s, x := range logits {
		if float64(x) == barred {
			weights[s] = 0 // softmax leaves a trace where it should be zero
		}
		sum += weights[s]
	}
	mark := float32(g.rng.unit() * sum)
	for s, w := range weights {
		if mark < w {
			return s
		}
		mark -= w
	}
	return best // rounding left a little beyond the last symbol
}
