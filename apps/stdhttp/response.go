package stdhttp

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
)

// maxWhole is how much of an answer is kept back in order to say its length.
const maxWhole = 256 << 10

// What net/http has names for, which is not imported here.
const (
	statusOK   = 200
	methodHead = "HEAD"
)

// ResponseWriter takes a handler's answer.
type ResponseWriter struct {
	out     io.Writer
	header  Header
	status  int
	body    bytes.Buffer
	chunked bool // the head is out
	silent  bool // the method is HEAD
}

// Header is the answer's, to be set before the first Flush.
func (w *ResponseWriter) Header() Header { return w.header }

// WriteHeader sets the status, 200 without it. Only the first one counts.
func (w *ResponseWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

// Write adds to the body.
func (w *ResponseWriter) Write(p []byte) (int, error) {
	w.WriteHeader(statusOK)
	n, _ := w.body.Write(p)
	if w.body.Len() < maxWhole {
		return n, nil
	}
	return n, w.Flush()
}

// WriteString is Write.
func (w *ResponseWriter) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// Flush sends what was written: the answer comes in chunks from then on.
func (w *ResponseWriter) Flush() error {
	w.WriteHeader(statusOK)
	var b []byte
	if !w.chunked {
		w.chunked = true
		b = w.head("transfer-encoding: chunked\r\n")
	}
	if n := w.body.Len(); n > 0 && !w.empty() {
		b = fmt.Appendf(b, "%x\r\n", n)
		b = append(append(b, w.body.Bytes()...), "\r\n"...)
	}
	w.body.Reset()
	return w.send(b)
}

// finish ends the answer.
func (w *ResponseWriter) finish() error {
	w.WriteHeader(statusOK)
	switch {
	case w.chunked && w.empty():
		return nil
	case w.chunked:
		if err := w.Flush(); err != nil {
			return err
		}
		return w.send([]byte("0\r\n\r\n"))
	case w.status == 204 || w.status == 304:
		return w.send(w.head(""))
	}
	b := w.head("content-length: " + strconv.Itoa(w.body.Len()) + "\r\n")
	if !w.silent {
		b = append(b, w.body.Bytes()...)
	}
	return w.send(b)
}

// empty is an answer that has no body whatever its headers say.
func (w *ResponseWriter) empty() bool { return w.silent || w.status == 204 || w.status == 304 }

func (w *ResponseWriter) head(length string) []byte {
	b := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n", w.status, statusText(w.status))
	b = w.header.append(b)
	return append(append(b, length...), "\r\n"...)
}

// send writes in one call: a reader sees whole chunks.
func (w *ResponseWriter) send(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if _, err := w.out.Write(b); err != nil {
		return fmt.Errorf("send an answer: %w", err)
	}
	return nil
}

func statusText(status int) string {
	for _, s := range []struct {
		status int
		words  string
	}{
		{200, "OK"}, {204, "No Content"}, {400, "Bad Request"}, {404, "Not Found"}, {405, "Method Not Allowed"}, {411, "Length Required"},
		{413, "Content Too Large"}, {415, "Unsupported Media Type"}, {422, "Unprocessable Content"}, {431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"}, {503, "Service Unavailable"}, {505, "HTTP Version Not Supported"},
	} {
		if s.status == status {
			return s.words
		}
	}
	return "Status"
}
