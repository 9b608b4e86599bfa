package service

import (
	"bytes"
	"encoding/json"
	"strings"
)

// rewrite makes a request of a customer's one of the server's: it names the server's
// model, and asks for the usage of a stream. It is written anew, so that what is said
// twice is read once. What is no object is the server's to refuse.
func (a *app) rewrite(body []byte) (rewritten []byte, addedUsage bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return body, false
	}
	// A server may take other cases of a name for the same.
	for key := range fields {
		for _, name := range []string{"model", "stream", "stream_options"} {
			if key != name && strings.EqualFold(key, name) {
				delete(fields, key)
			}
		}
	}
	if a.Model != "" {
		fields["model"] = quoted(a.Model)
	}
	stream := false
	if json.Unmarshal(fields["stream"], &stream) == nil && stream && a.Unit == MeterTokens {
		addedUsage = addUsage(fields)
	}
	rewritten, err := json.Marshal(fields)
	if err != nil {
		return body, false
	}
	return rewritten, addedUsage
}

// addUsage asks a stream for its usage; false when the customer does so himself, or says it in a way that only the server
// can refuse.
func addUsage(fields map[string]json.RawMessage) bool {
	options := map[string]json.RawMessage{}
	if given := fields["stream_options"]; len(given) > 0 && json.Unmarshal(given, &options) != nil {
		return false
	}
	asked := false
	if given := options["include_usage"]; len(given) > 0 && json.Unmarshal(given, &asked) != nil || asked {
		return false
	}
	if options == nil { // it was null
		options = map[string]json.RawMessage{}
	}
	options["include_usage"] = json.RawMessage("true")
	all, err := json.Marshal(options)
	if err != nil {
		return false
	}
	fields["stream_options"] = all
	return true
}

// renamer gives answers the app's name back. Inside a JSON text these bytes cannot be: its quotation marks are escaped.
func (a *app) renamer() func([]byte) []byte {
	if a.Model == "" || a.Model == a.App {
		return func(b []byte) []byte { return b }
	}
	return func(b []byte) []byte {
		for _, separator := range []string{`"model":`, `"model": `} {
			old, with := append([]byte(separator), quoted(a.Model)...), append([]byte(separator), quoted(a.App)...)
			b = bytes.ReplaceAll(b, old, with)
		}
		return b
	}
}

// withoutUsage takes away the sign that the usage will come: the customer did not ask for it.
func withoutUsage(b []byte) []byte {
	for _, usage := range []string{`,"usage":null`, `, "usage": null`, `"usage":null,`, `"usage": null, `} {
		b = bytes.ReplaceAll(b, []byte(usage), nil)
	}
	return b
}

func quoted(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // as other languages write it
	if err := enc.Encode(s); err != nil {
		panic(err) // a string has an encoding
	}
	return bytes.TrimSpace(b.Bytes())
}
