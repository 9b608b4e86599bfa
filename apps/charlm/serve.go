package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"unicode/utf8"
)

// Bounds of one request to serve.
const (
	maxRequestBytes = 64 << 10
	// flushBytes is how much text is sent at once, when there is more.
	flushBytes = 64
)

// request is one line of serve's input.
type request struct {
	Prompt      string   `json:"prompt"`
	Length      int      `json:"length"`
	Temperature *float64 `json:"temperature"`
	Seed        uint64   `json:"seed"`
}

// answer is one line of serve's output: text as it comes, and then the end of
// the request with its characters counted, or with what was wrong.
type answer struct {
	Text       string `json:"text,omitempty"`
	Done       bool   `json:"done,omitempty"`
	Characters int    `json:"characters,omitempty"`
	Error      string `json:"error,omitempty"`
}

func serveCommand(args []string, stdin io.Reader, stdout io.Writer) error {
	flags := flag.NewFlagSet("charlm serve", flag.ContinueOnError)
	weights := flags.String("weights", "", "weights that charlm train has written (required)")
	if err := parse(flags, args, stdout); err != nil {
		return err
	}
	file, err := readInput("--weights", *weights, maxWeights)
	if err != nil {
		return err
	}
	m, err := decodeWeights(file)
	if err != nil {
		return fmt.Errorf("--weights %s: %w", *weights, err)
	}
	return serve(m, stdin, stdout)
}

// serve answers requests, one a line, until its input ends. A bad request is
// answered as such; the next one is a new line.
func serve(m *model, stdin io.Reader, stdout io.Writer) error {
	lines := bufio.NewScanner(stdin)
	lines.Buffer(make([]byte, 4<<10), maxRequestBytes)
	out := json.NewEncoder(stdout)
	out.SetEscapeHTML(false)
	for lines.Scan() {
		last, err := answerLine(m, lines.Bytes(), out)
		if err != nil {
			return err
		}
		if err := out.Encode(last); err != nil {
			return fmt.Errorf("send an answer: %w", err)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("a request of more than %d bytes, or no more of them: %w", maxRequestBytes, err)
	}
	return nil
}

// answerLine sends a request's text and returns its last line.
func answerLine(m *model, line []byte, out *json.Encoder) (answer, error) {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return refused(fmt.Errorf("not a request: %w", err))
	}
	if err := r.check(); err != nil {
		return refused(err)
	}
	temperature := 0.7
	if r.Temperature != nil {
		temperature = *r.Temperature
	}
	context, _ := m.vocab.encode(r.Prompt)
	g := newGenerator(m, context, temperature, newRandom(r.Seed))
	var text []byte
	characters := 0
	send := func() error {
		err := out.Encode(answer{Text: string(text)})
		text = text[:0]
		return err
	}
	for characters < r.Length || g.unfinished() {
		var err error
		if text, err = g.next(text); err != nil {
			return refused(err)
		}
		if !g.unfinished() {
			characters++
			if len(text) >= flushBytes {
				if err := send(); err != nil {
					return answer{}, fmt.Errorf("send text: %w", err)
				}
			}
		}
	}
	if len(text) > 0 {
		if err := send(); err != nil {
			return answer{}, fmt.Errorf("send text: %w", err)
		}
	}
	return answer{Done: true, Characters: characters}, nil
}

// refused is the last line of a request that cannot be answered: the program goes
// on with the next one.
func refused(err error) (answer, error) { return answer{Done: true, Error: err.Error()}, nil }

func (r request) check() error {
	switch {
	case r.Length < 1 || r.Length > maxLength:
		return fmt.Errorf("length: expected 1 to %d, got %d", maxLength, r.Length)
	case r.Temperature != nil && !(*r.Temperature >= 0 && *r.Temperature <= 10):
		return fmt.Errorf("temperature: expected 0 to 10, got %v", *r.Temperature)
	case !utf8.ValidString(r.Prompt):
		return errors.New("prompt is not UTF-8 text")
	}
	return nil
}
