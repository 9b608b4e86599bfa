package gateway

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

const piece = 32 << 10

// pieces are buffers that nobody uses.
var pieces = sync.Pool{New: func() any { return new([piece]byte) }}

// readBody reads a request's body within its time, and holds memory for what came.
func (g *Gateway) readBody(v *visit, r *http.Request, l *lease) ([]byte, error) {
	if r.ContentLength > MaxBody {
		drain(v, r)
		return nil, tooLarge()
	}
	body, err := collect(http.MaxBytesReader(v, r.Body, MaxBody), func(n int) error {
		v.read += int64(n)
		return l.grow(bodyFactor * n)
	})
	var large *http.MaxBytesError
	switch {
	case err == nil:
		// The server watches the connection from here on: with a deadline it would take the customer for gone.
		_ = v.control.SetReadDeadline(time.Time{}) // a test's ResponseWriter has none
		return body, nil
	case errors.As(err, &large):
		drain(v, r)
		return nil, tooLarge()
	case errors.Is(err, errShare):
		v.Header().Set("Connection", "close")
		return nil, tooMany("This session's requests hold as much memory as they may. Wait for one to end.", "session_memory", time.Second)
	case errors.Is(err, errMemory):
		return nil, busy("The router holds as many requests as it can. Please try again.", "memory")
	case errors.Is(err, os.ErrDeadlineExceeded):
		v.Header().Set("Connection", "close")
		return nil, &failure{status: http.StatusRequestTimeout, kind: invalidRequest, code: "request_timeout", reason: "slow_body", message: "The request's body took too long."}
	}
	f := badRequest("", "The request's body broke off.")
	f.reason = "broken_body"
	return nil, f
}

// drained is how much of a request that is too large is read and forgotten.
const drained = 64 << 20

// drain lets a client that sends too much come to its end: most look for the answer only then, and take a connection that is
// closed on them for a fault of the network, after which they send it all again.
func drain(v *visit, r *http.Request) {
	v.Header().Set("Connection", "close")
	if r.Header.Get("Expect") != "" || r.ContentLength > drained {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, drained) // whatever ends it, the answer is the same
}

// collect reads to the end; grow is asked before a piece is kept.
func collect(r io.Reader, grow func(n int) error) (all []byte, err error) {
	buf := pieces.Get().(*[piece]byte)[:]
	defer pieces.Put((*[piece]byte)(buf))
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if err := grow(n); err != nil {
				return append(all, buf[:n]...), err
			}
			all = append(all, buf[:n]...)
		}
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
	}
}
