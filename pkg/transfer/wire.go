package transfer

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/edgematrix/emc/pkg/job"
)

// Protocol is the libp2p protocol id.
const Protocol protocol.ID = "/emc/job/1"

const (
	maxRequestBytes  = 4 << 10
	maxResponseBytes = 512 << 10 // about 1,000 wants
	chunkBytes       = 64 << 10
	// logEnd stands in place of a chunk's length when the last frame of a log follows; 0 is a sign of life.
	logEnd = 1<<32 - 1
)

const (
	verbOffer  = "offer"
	verbPut    = "put"
	verbStatus = "status"
	verbLogs   = "logs"
	verbResult = "result"
	verbGet    = "get"
	verbSealed = "sealed_log"
)

type request struct {
	Verb   string   `json:"verb"`
	Job    string   `json:"job"`
	SHA256 string   `json:"sha256,omitempty"`
	Size   int64    `json:"size,omitempty"` // offer: bytes of the specification that follow; put: size of the whole blob
	Offset int64    `json:"offset,omitempty"`
	Follow bool     `json:"follow,omitempty"`
	Salt   job.Salt `json:"salt,omitzero"`
	// Recipient stands in an offer; clients that cannot decrypt leave it out.
	Recipient string `json:"recipient,omitempty"`
}

type response struct {
	Code     Code     `json:"code,omitempty"` // empty: success
	Message  string   `json:"message,omitempty"`
	RetryMS  int64    `json:"retry_ms,omitempty"`
	Wants    []Want   `json:"wants,omitempty"`
	Status   *Status  `json:"status,omitempty"`
	Size     int64    `json:"size,omitempty"`   // result: bytes that follow; get: size of the whole blob
	Sealed   bool     `json:"sealed,omitempty"` // get: the blob is an age file
	Salt     job.Salt `json:"salt,omitzero"`
	Complete bool     `json:"complete,omitempty"`
}

// err returns the error in an answer. What came over the wire is bounded, because it is shown to a person.
func (r response) err() error {
	if r.Code == "" {
		return nil
	}
	retry := time.Duration(min(max(r.RetryMS, 0), 3_600_000)) * time.Millisecond
	return &Error{Code: Code(printable(string(r.Code))), Message: printable(r.Message), RetryAfter: retry}
}

func errorResponse(e *Error) response {
	return response{Code: e.Code, Message: e.Message, RetryMS: e.RetryAfter.Milliseconds()}
}

// conn puts a deadline on every chunk that is read or written. A whole chunk must arrive within it, so that a peer that
// sends a byte now and then is cut off like one that sends nothing. With idle zero, reads keep the stream's own deadline.
type conn struct {
	network.Stream
	idle time.Duration
}

func (c conn) readFull(buf []byte) error {
	if c.idle > 0 {
		if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
			return err
		}
	}
	_, err := io.ReadFull(c.Stream, buf)
	return err
}

func (c conn) write(buf []byte) error {
	for len(buf) > 0 {
		n := min(len(buf), chunkBytes)
		if err := c.SetWriteDeadline(time.Now().Add(c.idle)); err != nil {
			return err
		}
		if _, err := c.Write(buf[:n]); err != nil {
			return err
		}
		buf = buf[n:]
	}
	return nil
}

// errRead marks an error of the side that a copy reads from.
type errRead struct{ error }

func (e errRead) Unwrap() error { return e.error }

// receive copies exactly n bytes from the peer to w. An error of w is returned as it is, one of the peer as errRead.
func (c conn) receive(w io.Writer, n int64) error {
	buf := make([]byte, min(n, chunkBytes))
	for n > 0 {
		chunk := buf[:min(n, int64(len(buf)))]
		if err := c.readFull(chunk); err != nil {
			return errRead{err}
		}
		if _, err := w.Write(chunk); err != nil {
			return err
		}
		n -= int64(len(chunk))
	}
	return nil
}

// send copies exactly n bytes from r to the peer. An error of r is returned as errRead.
func (c conn) send(r io.Reader, n int64) error {
	buf := make([]byte, min(n, chunkBytes))
	for n > 0 {
		chunk := buf[:min(n, int64(len(buf)))]
		if _, err := io.ReadFull(r, chunk); err != nil {
			return errRead{err}
		}
		if err := c.write(chunk); err != nil {
			return err
		}
		n -= int64(len(chunk))
	}
	return nil
}

func (c conn) writeFrame(v any, most int) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(body) > most {
		return fmt.Errorf("frame of %d bytes: the most is %d", len(body), most)
	}
	return c.write(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...))
}

var errFrame = errors.New("malformed frame")

func (c conn) readFrame(v any, most int) error {
	var head [4]byte
	if err := c.readFull(head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || uint64(n) > uint64(most) {
		return fmt.Errorf("%w: length %d, expected 1 to %d", errFrame, n, most)
	}
	body := make([]byte, n)
	if err := c.readFull(body); err != nil {
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%w: %w", errFrame, err)
	}
	return nil
}

// printable keeps a peer's words from steering a terminal.
func printable(s string) string {
	const most = 2000
	out := make([]rune, 0, min(len(s), most))
	for _, r := range s {
		if len(out) == most {
			out = append(out, '…')
			break
		}
		if r < 0x20 || (r >= 0x7f && r < 0xa0) {
			r = ' '
		}
		out = append(out, r)
	}
	return string(out)
}
