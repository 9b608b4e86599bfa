package transfer

import (
	"errors"
	"fmt"
	"time"
)

// Code classifies an error answer, so that a client can decide what to do without reading its words.
type Code string

// The codes of error answers.
const (
	CodeUnknown   Code = "unknown"   // the worker has no such job, or no such blob in it
	CodeForbidden Code = "forbidden" // the access key is not this job's
	CodeBusy      Code = "busy"      // too much at once: try again after RetryAfter
	CodeMismatch  Code = "mismatch"  // bytes are not those that a digest names
	CodeTooLarge  Code = "too_large" // larger than declared, or than the worker takes
	CodeNotReady  Code = "not_ready" // there is no result yet, or no specification yet
	CodeGone      Code = "gone"      // it was there and has been wiped
	CodeConflict  Code = "conflict"  // the offset is not where the worker stands: offer again
	CodeSealed    Code = "sealed"    // the log is encrypted to the customer: ask for its age file
	CodeInvalid   Code = "invalid"   // the request cannot be understood
	CodeInternal  Code = "internal"  // the worker's own fault
)

// Error is an error answer. Backends return it; clients get it back as it was sent.
type Error struct {
	Code       Code
	Message    string        // plain words for the customer
	RetryAfter time.Duration // with CodeBusy
}

// Error implements error.
func (e *Error) Error() string {
	if e.RetryAfter > 0 {
		return fmt.Sprintf("%s: %s (try again in %s)", e.Code, e.Message, e.RetryAfter.Round(time.Millisecond))
	}
	return fmt.Sprintf("%s: %s", e.Code, e.Message)
}

// Is lets errors.Is match by code: errors.Is(err, &Error{Code: CodeBusy}).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// Errorf makes an Error.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Busy makes a CodeBusy Error with the time after which to try again.
func Busy(retryAfter time.Duration, format string, args ...any) *Error {
	e := Errorf(CodeBusy, format, args...)
	e.RetryAfter = retryAfter
	return e
}

// CodeOf returns the code of the Error in err's chain, and "" if there is none: the worker never answered.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}
