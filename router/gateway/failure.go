package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/edgematrix/emc/router/apikey"
)

// failure is an answer in OpenAI's shape that is none of an app. Its reason is a word for logs and metrics.
type failure struct {
	status     int
	kind       string // "type"
	code       string // null when empty
	param      string // null when empty
	message    string
	reason     string
	retryAfter time.Duration
	// final: clients that would try again should not.
	final bool
	allow string // the methods, of a 405
}

func (f *failure) Error() string { return f.message }

const (
	invalidRequest    = "invalid_request_error"
	serverError       = "server_error"
	insufficientQuota = "insufficient_quota"
	rateLimited       = "rate_limit_exceeded"
)

// badRequest names the parameter that is wrong.
func badRequest(param, message string) *failure {
	return &failure{status: http.StatusBadRequest, kind: invalidRequest, param: param, message: message, reason: "bad_request"}
}

func missing(param string) *failure {
	f := badRequest(param, "Missing required parameter: '"+param+"'.")
	f.code = "missing_required_parameter"
	return f
}

func wrongType(param, want string) *failure {
	f := badRequest(param, "Invalid type for '"+param+"': expected "+want+".")
	f.code = "invalid_type"
	return f
}

func wrongValue(param, want string) *failure {
	f := badRequest(param, "Invalid value for '"+param+"': expected "+want+".")
	f.code = "invalid_value"
	return f
}

func tooLarge() *failure {
	return &failure{status: http.StatusRequestEntityTooLarge, kind: invalidRequest, code: "request_too_large", reason: "too_large",
		message: "The request is too large: the most is " + strconv.Itoa(MaxBody) + " bytes."}
}

func noModel(words string) *failure {
	return &failure{status: http.StatusNotFound, kind: invalidRequest, code: "model_not_found", message: words, reason: NoModel.String()}
}

func busy(message, reason string) *failure {
	return &failure{status: http.StatusServiceUnavailable, kind: serverError, code: "overloaded", message: message, reason: reason, retryAfter: time.Second}
}

func tooMany(message, reason string, after time.Duration) *failure {
	return &failure{status: http.StatusTooManyRequests, kind: "requests", code: rateLimited, message: message, reason: reason, retryAfter: after}
}

// quota is final: the same call fails until somebody pays or raises a limit.
func quota(message, reason string) *failure {
	return &failure{status: http.StatusTooManyRequests, kind: insufficientQuota, code: insufficientQuota, message: message, reason: reason, final: true}
}

func internal() *failure {
	return &failure{status: http.StatusInternalServerError, kind: serverError, code: "internal_error", reason: KindInternal.String(),
		message: "The router had an error while processing your request. Tell its operator the request's id."}
}

// explain makes an answer of any error; what is unknown tells nothing of the inside.
func explain(err error) *failure {
	var f *failure
	var e *Error
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &e):
		return e.failure()
	case errors.As(err, &large):
		return tooLarge()
	case errors.Is(err, apikey.ErrLimit):
		return quota("The limit of this API key has no room for what the call may cost. Raise the key's limit, or ask for less.", "key_limit")
	case errors.Is(err, apikey.ErrPerCall):
		return quota("The call may cost more than this API key allows for one call. Ask for less, such as fewer tokens.", "key_per_call")
	case errors.Is(err, apikey.ErrRevoked), errors.Is(err, apikey.ErrExpired), errors.Is(err, apikey.ErrUnknown):
		return unauthorized(err)
	case errors.Is(err, context.DeadlineExceeded):
		return (&Error{Kind: Timeout, Words: "The call took too long."}).failure()
	case errors.Is(err, errBroke):
		return (&Error{Kind: NodeFault, Words: "The node broke off its answer."}).failure()
	}
	return internal()
}

func (e *Error) failure() *failure {
	var f *failure
	switch e.Kind {
	case NoModel:
		f = noModel(e.Words)
	case NoNode, Overloaded:
		f = busy(e.Words, e.Kind.String())
	case Limited:
		f = tooMany(e.Words, e.Kind.String(), time.Second)
	case Price, SessionExpired, SessionExhausted:
		f = quota(e.Words, e.Kind.String())
	case SessionGone:
		f = &failure{status: http.StatusUnauthorized, kind: invalidRequest, code: "invalid_api_key", message: e.Words, reason: e.Kind.String()}
	case NodeFault:
		f = &failure{status: http.StatusBadGateway, kind: serverError, code: "node_fault", message: e.Words, reason: e.Kind.String()}
	case Timeout:
		f = &failure{status: http.StatusGatewayTimeout, kind: serverError, code: "timeout", message: e.Words, reason: e.Kind.String()}
	case Invalid:
		f = badRequest("", e.Words)
	case KindInternal:
		fallthrough
	default:
		return internal()
	}
	if e.RetryAfter > 0 {
		f.retryAfter = e.RetryAfter
	}
	return f
}

// unauthorized tells why a key is refused, never which one.
func unauthorized(err error) *failure {
	f := &failure{status: http.StatusUnauthorized, kind: invalidRequest, code: "invalid_api_key", reason: "key_unknown",
		message: "Incorrect API key provided. Keys of this router begin with " + apikey.Prefix + "."}
	switch {
	case errors.Is(err, apikey.ErrRevoked):
		f.message, f.reason = "The API key was revoked.", "key_revoked"
	case errors.Is(err, apikey.ErrExpired):
		f.message, f.reason = "The API key has expired.", "key_expired"
	}
	return f
}

// body is the error as OpenAI writes it.
func (f *failure) body() []byte {
	optional := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	var out struct {
		Error struct {
			Message string  `json:"message"`
			Type    string  `json:"type"`
			Param   *string `json:"param"`
			Code    *string `json:"code"`
		} `json:"error"`
	}
	out.Error.Message, out.Error.Type, out.Error.Param, out.Error.Code = f.message, f.kind, optional(f.param), optional(f.code)
	b, err := json.Marshal(out)
	if err != nil { // strings always have a form
		return []byte(`{"error":{"message":"","type":"server_error","param":null,"code":null}}`)
	}
	return b
}

// write answers with the failure.
func (f *failure) write(w http.ResponseWriter) {
	h := w.Header()
	if f.retryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((f.retryAfter+time.Second-1)/time.Second), 10))
	}
	if f.allow != "" {
		h.Set("Allow", f.allow)
	}
	if f.final {
		h.Set("X-Should-Retry", "false") // OpenAI's own clients heed it
	}
	if f.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	writeJSON(w, f.status, f.body())
}

// writeJSON answers with JSON; a client that went away hears nothing.
func writeJSON(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
