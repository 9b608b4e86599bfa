package gateway

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
)

// transfer brings one answer to the customer.
type transfer struct {
	visit  *visit
	answer *Answer
	order  order
	lease  *lease
	most   int64
	settle func(charged uint64) error

	over  bool
	whole []byte // the answer, where it was passed on in one
}

// errBroke means a node that did not end its answer.
var errBroke = errors.New("the node broke off its answer")

// errGone means that the customer takes no more.
var errGone = errors.New("the customer takes no more of the answer")

// finish closes the answer and settles what it cost. Before the answer's end it cancels the call at the node.
func (t *transfer) finish() {
	if t.over {
		return
	}
	t.over = true
	err := t.answer.Body.Close()
	t.visit.cost = t.answer.Charged()
	if err := errors.Join(err, t.settle(t.visit.cost)); err != nil && t.visit.failure == nil {
		t.visit.failure = err
	}
}

// pass passes the answer on: events and what else comes by and by as it comes, all other at its end, when its cost is known.
func (t *transfer) pass() error {
	kind, _, err := mime.ParseMediaType(t.answer.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	switch {
	case kind == "text/event-stream":
		return t.events()
	case t.order.terms.stream, kind == "application/x-ndjson", kind == "application/jsonl", kind == "application/json-seq":
		return t.stream(nil)
	}
	size := int64(0)
	body, err := collect(t.answer.Body, func(n int) error {
		if size += int64(n); size > t.most {
			return errMemory
		}
		return t.lease.grow(n)
	})
	switch {
	case errors.Is(err, errMemory): // too long to be held, or no room to hold it
		return t.stream(body)
	case err != nil:
		return errors.Join(errBroke, err)
	}
	t.finish()
	t.whole = body
	return t.write(body)
}

func (t *transfer) write(body []byte) error {
	if t.order.terms.debug {
		t.visit.Header().Set(headerRoute, t.answer.Reason)
	}
	return writeWhole(t.visit, t.answer.Node, t.answer.Status, t.answer.Header, body, t.visit.cost)
}

// writeWhole writes an answer whose cost is known.
func writeWhole(v *visit, node string, status int, header http.Header, body []byte, cost uint64) error {
	writeHead(v, node, header)
	v.Header().Set(headerCost, strconv.FormatUint(cost, 10))
	if bodyAllowed(status) {
		v.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	v.WriteHeader(status)
	if !bodyAllowed(status) || len(body) == 0 {
		return nil
	}
	if _, err := v.Write(body); err != nil {
		return errors.Join(errGone, err)
	}
	return nil
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// writeHead sets what an app says of its body. Without a type nobody guesses one: what guesses may run it.
func writeHead(v *visit, node string, header http.Header) {
	for name := range header {
		v.Header().Set(name, header.Get(name))
	}
	if header.Get("Content-Type") == "" {
		v.Header().Set("Content-Type", "application/octet-stream")
	}
	v.Header().Set(headerNode, node)
}

// stream passes on what was read already, and all that comes.
func (t *transfer) stream(begun []byte) error {
	t.head()
	if _, err := t.visit.Write(begun); err != nil {
		return errors.Join(errGone, err)
	}
	return t.each(t.visit.Write)
}

func (t *transfer) head() {
	if t.order.terms.debug {
		t.visit.Header().Set(headerRoute, t.answer.Reason)
	}
	writeHead(t.visit, t.answer.Node, t.answer.Header)
	t.visit.WriteHeader(t.answer.Status)
}

// each hands on every piece as it comes, and flushes where it would have to wait for more. Who reads slowly pays slowly:
// nothing is read ahead of him.
func (t *transfer) each(write func([]byte) (int, error)) error {
	here, _ := t.answer.Body.(interface{ Buffered() int })
	buf := pieces.Get().(*[piece]byte)[:]
	defer pieces.Put((*[piece]byte)(buf))
	for flushed := false; ; {
		if !flushed && (here == nil || here.Buffered() == 0) {
			if err := t.visit.flush(); err != nil {
				return errors.Join(errGone, err)
			}
		}
		n, err := t.answer.Body.Read(buf)
		flushed = n == 0
		if n > 0 {
			if _, err := write(buf[:n]); err != nil {
				return errors.Join(errGone, err)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errors.Join(errBroke, err)
		}
	}
}
