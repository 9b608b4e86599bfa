package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/edgematrix/emc/apps/stdhttp"
)

// Bounds and defaults of one question.
const (
	maxPrompt = 1 << 20 // bytes; the model looks at the end of it
	maxStops  = 4
	maxStop   = 256 // bytes

	defaultTokens     = 16 // as OpenAI has it
	defaultChatTokens = 256
)

// question is a request for text. A token is a character.
type question struct {
	chat        bool
	prompt      string
	tokens      int
	temperature float64
	seed        uint64
	stops       []string
	stream      bool
	usage       bool // tell it at the end of a stream
}

// only are the parameters of OpenAI's that change what comes, and what alone charlm takes there: who asks for more hears of it.
var only = []struct {
	name  string
	taken []string
}{
	{"n", []string{"1"}}, {"best_of", []string{"1"}}, {"echo", []string{"false"}}, {"suffix", []string{`""`}},
	{"top_p", []string{"1", "1.0"}}, {"presence_penalty", []string{"0", "0.0"}}, {"frequency_penalty", []string{"0", "0.0"}},
	{"logprobs", []string{"false"}}, {"top_logprobs", []string{"0"}}, {"logit_bias", []string{"{}"}},
	{"tools", []string{"[]"}}, {"functions", []string{"[]"}}, {"audio", nil}, {"prediction", nil},
	{"response_format", []string{`{"type":"text"}`}}, {"modalities", []string{`["text"]`}},
}

// fields are a request's parameters as they came.
type fields map[string]json.RawMessage

// given says whether a parameter is there, and not null.
func (f fields) given(name string) bool { return len(f[name]) > 0 && string(f[name]) != "null" }

// read reads a parameter, and leaves the default where it is not given.
func (f fields) read(name, expected string, into any) error {
	if !f.given(name) {
		return nil
	}
	if json.Unmarshal(f[name], into) != nil {
		return invalid(name, "invalid_type", "Invalid type for '%s': expected %s.", name, expected)
	}
	return nil
}

func invalid(param, code, format string, args ...any) error {
	return stdhttp.Error{Status: 400, Message: fmt.Sprintf(format, args...), Param: param, Code: code}
}

// readQuestion understands a request's body, or fails with a stdhttp.Error.
func (s service) readQuestion(body []byte, chat bool) (q question, err error) {
	var f fields
	if err := json.Unmarshal(body, &f); err != nil || f == nil {
		return q, invalid("", "", "The body of the request is no JSON object: %v", err)
	}
	q = question{chat: chat, tokens: defaultTokens, temperature: 0.7, seed: 1}
	if chat {
		q.tokens = defaultChatTokens
	}
	for _, read := range []func(fields) error{s.readModel, readOnly, q.readPrompt, q.readLength, q.readSampling, q.readStops, q.readStream} {
		if err := read(f); err != nil {
			return q, err
		}
	}
	return q, nil
}

func (s service) readModel(f fields) error {
	if !f.given("model") {
		return invalid("model", "missing_required_parameter", "You must provide a model parameter.")
	}
	name := ""
	if err := f.read("model", "a string", &name); err != nil {
		return err
	}
	if name != s.name {
		return stdhttp.Error{Status: 404, Message: fmt.Sprintf("The model %.100q does not exist; here is %q.", name, s.name), Param: "model", Code: "model_not_found"}
	}
	return nil
}

func readOnly(f fields) error {
	for _, p := range only {
		if !f.given(p.name) {
			continue
		}
		// Written once more, without spaces.
		plain, err := json.Marshal(f[p.name])
		if err != nil || !slices.Contains(p.taken, string(plain)) {
			return invalid(p.name, "unsupported_value", "Unsupported value: '%s' is not what this model does; leave it out.", p.name)
		}
	}
	return nil
}

func (q *question) readPrompt(f fields) (err error) {
	if q.chat {
		q.prompt, err = readMessages(f)
	} else if err = f.read("prompt", "a string, or a list of one", &q.prompt); err != nil {
		var list []string
		if json.Unmarshal(f["prompt"], &list) != nil || len(list) != 1 {
			return err
		}
		q.prompt, err = list[0], nil
	}
	if err == nil && len(q.prompt) > maxPrompt {
		return invalid(q.from(), "context_length_exceeded", "The prompt has %d bytes, at most %d are read.", len(q.prompt), maxPrompt)
	}
	return err
}

// from is the parameter that the prompt comes from.
func (q *question) from() string {
	if q.chat {
		return "messages"
	}
	return "prompt"
}

// readMessages joins what all have said into one text, a message a line: the model continues characters and knows no roles.
func readMessages(f fields) (string, error) {
	var messages []struct {
		Role    *string
		Content json.RawMessage
	}
	if err := f.read("messages", "a list of objects with role and content", &messages); err != nil {
		return "", err
	}
	if len(messages) == 0 {
		return "", invalid("messages", "missing_required_parameter", "Missing required parameter: 'messages'.")
	}
	texts := make([]string, len(messages))
	for i, m := range messages {
		at := fmt.Sprintf("messages[%d]", i)
		if m.Role == nil || !slices.Contains([]string{"developer", "system", "user", "assistant", "tool", "function"}, *m.Role) {
			return "", invalid(at+".role", "invalid_value", "Invalid value for '%s.role': expected one of system, developer, user, assistant and tool.", at)
		}
		var parts []struct {
			Type string
			Text *string
		}
		if len(m.Content) == 0 || json.Unmarshal(m.Content, &texts[i]) == nil { // null is an empty text
			continue
		}
		if json.Unmarshal(m.Content, &parts) != nil {
			return "", invalid(at+".content", "invalid_type", "Invalid type for '%s.content': expected a string, or a list of parts.", at)
		}
		for _, p := range parts {
			if p.Type != "text" || p.Text == nil {
				return "", invalid(at+".content", "invalid_value", "Invalid value for '%s.content': this model reads parts of the type text.", at)
			}
			texts[i] += *p.Text
		}
	}
	return strings.Join(texts, "\n"), nil
}

func (q *question) readLength(f fields) error {
	for _, name := range []string{"max_tokens", "max_completion_tokens"} {
		if err := f.read(name, "an integer", &q.tokens); err != nil {
			return err
		}
		if q.tokens < 1 || q.tokens > maxLength {
			return invalid(name, "invalid_value", "Invalid '%s': expected 1 to %d, got %d.", name, maxLength, q.tokens)
		}
	}
	if f.given("max_tokens") && f.given("max_completion_tokens") {
		return invalid("max_tokens", "invalid_value", "Give 'max_completion_tokens' or 'max_tokens', not both.")
	}
	return nil
}

func (q *question) readSampling(f fields) error {
	if err := f.read("temperature", "a number", &q.temperature); err != nil {
		return err
	}
	if !(q.temperature >= 0 && q.temperature <= 2) {
		return invalid("temperature", "invalid_value", "Invalid 'temperature': expected 0 to 2, got %v.", q.temperature)
	}
	seed := int64(q.seed)
	err := f.read("seed", "an integer", &seed)
	q.seed = uint64(seed)
	return err
}

func (q *question) readStops(f fields) error {
	one := ""
	if err := f.read("stop", "a string, or a list of up to 4", &one); err == nil {
		if f.given("stop") {
			q.stops = []string{one}
		}
	} else if json.Unmarshal(f["stop"], &q.stops) != nil {
		return err
	}
	if len(q.stops) > maxStops {
		return invalid("stop", "invalid_value", "Invalid 'stop': expected at most %d, got %d.", maxStops, len(q.stops))
	}
	for _, s := range q.stops {
		if s == "" || len(s) > maxStop {
			return invalid("stop", "invalid_value", "Invalid 'stop': each has 1 to %d bytes.", maxStop)
		}
	}
	return nil
}

func (q *question) readStream(f fields) error {
	if err := f.read("stream", "a boolean", &q.stream); err != nil {
		return err
	}
	if !f.given("stream_options") {
		return nil
	}
	if !q.stream {
		return invalid("stream_options", "invalid_value", "'stream_options' goes with 'stream': true.")
	}
	var options struct {
		IncludeUsage bool `json:"include_usage"`
	}
	err := f.read("stream_options", "an object with include_usage", &options)
	q.usage = options.IncludeUsage
	return err
}
