package stdhttp

import (
	"bufio"
	"errors"
	"io"
)

// Handler answers a request. Its error means that the answer cannot be brought to an end: Serve ends with it.
type Handler func(w *ResponseWriter, r *Request) error

// Serve answers requests until the input ends between two of them. Nothing is read while a handler works: in WebAssembly a
// read of the input holds up the whole program.
//
// A request that cannot be understood is answered, and ends Serve: where the next one begins is unknown.
func Serve(handler Handler, in io.Reader, out io.Writer) error {
	requests := bufio.NewReader(in)
	for {
		r, err := readRequest(requests)
		if errors.Is(err, io.EOF) {
			return nil
		}
		w := &ResponseWriter{out: out, header: Header{}}
		var b badRequest
		if errors.As(err, &b) {
			w.Header().Set("Connection", "close")
			return errors.Join(err, WriteError(w, Error{Status: b.status, Message: b.words}), w.finish())
		}
		if err != nil {
			return err
		}
		w.silent = r.Method == methodHead
		if err := handler(w, r); err != nil {
			return err
		}
		if err := w.finish(); err != nil {
			return err
		}
	}
}
