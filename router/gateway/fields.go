package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"strconv"
)

// maxField is more than any field has that is read here.
const maxField = 4 << 10

// maxParts bounds the parts of a form.
const maxParts = 1000

// fields are what a request says of model and money. Everything else is the app's to judge.
type fields struct {
	model  string
	stream bool
	tokens *uint64 // that the answer may have, for each of its choices
	n      uint64  // choices
}

// field is a value of which only a short one is kept: the messages may have megabytes.
type field struct {
	first byte
	raw   []byte
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *field) UnmarshalJSON(b []byte) error {
	f.first = b[0]
	if len(b) <= maxField {
		f.raw = bytes.Clone(b)
	}
	return nil
}

// null is what OpenAI takes as not being there.
func (f *field) null() bool { return f == nil || f.first == 'n' }

// read reads the body of one of OpenAI's calls, in JSON or as a form.
func (e endpoint) read(header http.Header, body []byte) (fields, error) {
	if header.Get("Content-Encoding") != "" && header.Get("Content-Encoding") != "identity" {
		return fields{}, badRequest("", "A body with a Content-Encoding cannot be read here.")
	}
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err == nil && kind == "multipart/form-data" {
		values, err := readForm(body, params["boundary"])
		if err != nil {
			return fields{}, err
		}
		return e.judge(values)
	}
	values, err := readObject(body)
	if err != nil {
		return fields{}, err
	}
	return e.judge(values)
}

// known says which fields are read: each at most once, because an app might take the other one.
func known(name string) bool {
	switch name {
	case "model", "stream", "stream_options", "messages", "max_tokens", "max_completion_tokens", "n", "best_of":
		return true
	}
	return false
}

// readObject reads a JSON object to its end.
func readObject(body []byte) (map[string]*field, error) {
	bad := badRequest("", "We could not parse the JSON body of your request: a JSON object is expected.")
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, bad
	}
	values := map[string]*field{}
	for dec.More() {
		t, err := dec.Token()
		name, isName := t.(string)
		if err != nil || !isName {
			return nil, bad
		}
		var f field
		if err := dec.Decode(&f); err != nil {
			return nil, bad
		}
		if !known(name) {
			continue
		}
		if values[name] != nil {
			return nil, wrongValue(name, "it once")
		}
		values[name] = &f
	}
	if _, err := dec.Token(); err != nil {
		return nil, bad
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, bad
	}
	return values, nil
}

// readForm reads the fields of a form as JSON would have them: all of them are text there.
func readForm(body []byte, boundary string) (map[string]*field, error) {
	bad := badRequest("", "We could not parse the multipart form of your request.")
	if boundary == "" {
		return nil, bad
	}
	values := map[string]*field{}
	reader := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxParts {
		part, err := reader.NextRawPart()
		if err == io.EOF { //nolint:errorlint // a form that was cut wraps it
			return values, nil
		}
		if err != nil {
			return nil, bad
		}
		name := part.FormName()
		if !known(name) || name == "messages" || name == "stream_options" {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(part, maxField+1))
		switch {
		case err != nil:
			return nil, bad
		case values[name] != nil:
			return nil, wrongValue(name, "it once")
		case part.FileName() != "" || len(text) > maxField:
			return nil, wrongType(name, "a short text")
		}
		raw := text
		if name == "model" {
			if raw, err = json.Marshal(string(text)); err != nil {
				return nil, bad
			}
		}
		if len(raw) > 0 {
			values[name] = &field{first: raw[0], raw: raw}
		}
	}
	return nil, badRequest("", "The form has too many parts.")
}

// judge names the first field that is wrong.
func (e endpoint) judge(values map[string]*field) (f fields, err error) {
	if values["model"].null() {
		return f, missing("model")
	}
	if err := json.Unmarshal(values["model"].raw, &f.model); err != nil {
		return f, wrongType("model", "a string")
	}
	if f.model == "" {
		return f, missing("model")
	}
	if v := values["stream"]; !v.null() {
		if f.stream, err = strconv.ParseBool(string(v.raw)); err != nil || v.first != 't' && v.first != 'f' && v.first != 'T' && v.first != 'F' {
			return f, wrongType("stream", "a boolean")
		}
	}
	if v := values["stream_options"]; !v.null() && v.first != '{' {
		return f, wrongType("stream_options", "an object")
	}
	if e.messages {
		switch v := values["messages"]; {
		case v.null():
			return f, missing("messages")
		case v.first != '[':
			return f, wrongType("messages", "an array")
		}
	}
	return f, e.judgeUnits(values, &f)
}

// judgeUnits reads the bounds of the answer. An app may heed either name of one, so the larger counts.
func (e endpoint) judgeUnits(values map[string]*field, f *fields) error {
	f.n = 1
	for _, name := range []string{"n", "best_of"} {
		n, given, err := count(name, values[name])
		if err != nil {
			return err
		}
		if given && n == 0 {
			return wrongValue(name, "a positive integer")
		}
		f.n = max(f.n, n)
	}
	if !e.tokens {
		return nil
	}
	for _, name := range []string{"max_completion_tokens", "max_tokens"} {
		n, given, err := count(name, values[name])
		if err != nil {
			return err
		}
		if given && (f.tokens == nil || n > *f.tokens) {
			f.tokens = &n
		}
	}
	return nil
}

// count reads an integer that is not negative. 16.0 is one: JSON knows no other kind of number.
func count(name string, v *field) (n uint64, given bool, err error) {
	if v.null() {
		return 0, false, nil
	}
	if n, err = strconv.ParseUint(string(v.raw), 10, 53); err == nil {
		return n, true, nil
	}
	f, err := strconv.ParseFloat(string(v.raw), 64)
	if err != nil || v.first == '"' || f != math.Trunc(f) {
		return 0, false, wrongType(name, "an integer")
	}
	if f < 0 || f >= 1<<53 {
		return 0, false, wrongValue(name, "an integer from 0")
	}
	return uint64(f), true, nil
}

// bound is the most units of the answer.
func (f fields) bound(otherwise uint64) uint64 {
	n := otherwise
	if f.tokens != nil {
		n = max(*f.tokens, 1)
	}
	if f.n > 1 && n > math.MaxUint64/f.n {
		return math.MaxUint64
	}
	return n * max(f.n, 1)
}
