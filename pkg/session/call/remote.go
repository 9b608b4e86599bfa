package call

import (
	"errors"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/internal/bin"
)

// Code classifies an error answer, so that the other side can decide what to do without reading its words.
type Code uint8

// The codes of error answers.
const (
	CodeInternal Code = 1 // the node's or router's own fault
	CodeInvalid  Code = 2 // it cannot be understood, or is not for this node or router
	CodeNonce    Code = 3 // the nonce is used or void: Resume
	CodeCredit   Code = 4 // a voucher is due first
	CodeBusy     Code = 5 // too much at once
	CodeSession  Code = 6 // the session or its key is not usable any more
	CodePrice    Code = 7 // the app, or the maximum price
	CodeCover    Code = 8 // the router's cover or allotment is used up
	CodeStale    Code = 9 // a later voucher is known
)

// Error is an error answer as it came over the stream.
type Error struct {
	Code  Code
	Words string
	Retry time.Duration // when trying again makes sense; 0 when it does not
}

// Error implements error.
func (e *Error) Error() string { return e.Words }

// Is matches the sentinels of package session that a code stands for.
func (e *Error) Is(target error) bool {
	for _, s := range sentinels {
		if s.code == e.Code && target == s.err {
			return true
		}
	}
	return false
}

var sentinels = []struct {
	err  error
	code Code
}{
	{session.ErrNonce, CodeNonce},
	{session.ErrCredit, CodeCredit},
	{session.ErrBusy, CodeBusy},
	{session.ErrSession, CodeSession},
	{session.ErrSealed, CodeSession},
	{session.ErrKey, CodeSession},
	{session.ErrPrice, CodePrice},
	{session.ErrCover, CodeCover},
	{session.ErrAllotment, CodeCover},
	{session.ErrStale, CodeStale},
	{session.ErrConflict, CodeInvalid},
	{session.ErrRoot, CodeInvalid},
	{session.ErrLane, CodeInvalid},
	{receipt.ErrSessionSignature, CodeInvalid},
	{receipt.ErrRouterSignature, CodeInvalid},
	{receipt.ErrRequest, CodeInvalid},
	{ErrFrame, CodeInvalid},
}

// told is what an error may say to the other side: what is not about its own message stays here.
func told(err error, retry time.Duration) *Error {
	var already *Error
	if errors.As(err, &already) {
		return already
	}
	for _, s := range sentinels {
		if errors.Is(err, s.err) && !errors.Is(err, session.ErrLedger) {
			e := &Error{Code: s.code, Words: err.Error()}
			if s.code == CodeBusy || s.code == CodeCover {
				e.Retry = retry
			}
			return e
		}
	}
	return &Error{Code: CodeInternal, Words: "it failed on the other side, whose operator finds the reason in the log", Retry: retry}
}

func (e *Error) encode() []byte {
	words := e.Words[:min(len(e.Words), maxWords)]
	return new(bin.Writer).U8(uint8(e.Code)).U32(uint32(e.Retry.Milliseconds())).Raw([]byte(words)).B
}

// decodeError keeps a peer's words from steering a terminal.
func decodeError(b []byte) error {
	r := bin.Reader{B: b}
	e := &Error{Code: Code(r.U8()), Retry: time.Duration(min(r.U32(), 3_600_000)) * time.Millisecond}
	words := r.Rest()
	if err := r.End(); err != nil {
		return frameError(err)
	}
	for i, c := range words {
		if c < 0x20 || c == 0x7f {
			words[i] = ' '
		}
	}
	e.Words = string(words[:min(len(words), maxWords)])
	return e
}
