package gateway

import (
	"net/http"
	"strings"
)

// endpoint is a sort of call.
type endpoint struct {
	name     string // for logs
	units    func(Units) uint64
	messages bool // a list of them is expected
	tokens   bool // the customer may bound the answer's tokens
}

// endpointOf is the call of OpenAI's API that a path is.
func endpointOf(path string) (e endpoint, found bool) {
	e.name = path
	switch path {
	case "/v1/chat/completions":
		e.messages, e.tokens, e.units = true, true, textUnits
	case "/v1/completions":
		e.tokens, e.units = true, textUnits
	case "/v1/embeddings":
		e.units = func(u Units) uint64 { return u.Embeddings }
	case "/v1/images/generations", "/v1/images/edits":
		e.units = func(u Units) uint64 { return u.Images }
	case "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations":
		e.units = func(u Units) uint64 { return u.Audio }
	default:
		return endpoint{}, false
	}
	return e, true
}

func textUnits(u Units) uint64 { return u.Text }

// anyApp is a call of whatever an app has.
func anyApp() endpoint {
	return endpoint{name: "/call/", units: func(u Units) uint64 { return u.Other }}
}

// callTarget splits the path /call/{app}/{path...}, as it was escaped, and adds the query.
func callTarget(r *http.Request) (app, target string) {
	app, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/call/"), "/")
	target = "/" + rest
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	return app, target
}

// only refuses other methods.
func only(r *http.Request, methods ...string) error {
	for _, m := range methods {
		if r.Method == m {
			return nil
		}
	}
	return &failure{status: http.StatusMethodNotAllowed, kind: invalidRequest, code: "method_not_supported", reason: "method", allow: strings.Join(methods, ", "),
		message: "Not allowed to " + clip(r.Method) + " here. The methods are: " + strings.Join(methods, ", ") + "."}
}

func unknownURL(r *http.Request) error {
	return &failure{status: http.StatusNotFound, kind: invalidRequest, code: "unknown_url", reason: "unknown_url",
		message: "Unknown request URL: " + clip(r.Method) + " " + clip(r.URL.Path) + ". Please check the URL for typos."}
}

// clip keeps what is told back to a customer short.
func clip(s string) string { return s[:min(len(s), 200)] }
