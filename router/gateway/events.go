package gateway

import (
	"bytes"
	"errors"
	"fmt"
)

// maxEvent is how much of an event is held back until its end comes. A longer one goes out in parts.
const maxEvent = 256 << 10

// events passes an event stream on, event by event: of one that the node breaks off the customer sees nothing, so that what
// comes after it, the error, is an event of its own. The bytes are the app's.
func (t *transfer) events() error {
	h := t.visit.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no") // nginx would wait for more
	t.visit.events = true
	t.head()
	cut := &eventWriter{to: t.visit.Write}
	if err := t.each(cut.write); err != nil {
		if !cut.done || !errors.Is(err, errBroke) {
			return err
		}
		// The customer has all of the answer; the node went away between its end and the receipt. An error behind [DONE] would be
		// about nothing, and have some ask and pay again.
		t.visit.failure = err
	}
	t.finish()
	if _, err := t.visit.Write(cut.held); err != nil {
		return errors.Join(errGone, err)
	}
	if t.order.terms.debug {
		if _, err := fmt.Fprintf(t.visit, ": emc cost=%d node=%s\n\n", t.visit.cost, t.answer.Node); err != nil {
			return errors.Join(errGone, err)
		}
	}
	if err := t.visit.flush(); err != nil {
		return errors.Join(errGone, err)
	}
	return nil
}

// eventWriter holds back an event that is not whole.
type eventWriter struct {
	to   func([]byte) (int, error)
	held []byte
	done bool // [DONE] was passed on, and nothing after it
}

func (e *eventWriter) write(b []byte) (int, error) {
	e.held = append(e.held, b...)
	end := eventsEnd(e.held)
	if end == 0 && len(e.held) > maxEvent {
		end = len(e.held)
	}
	if end == 0 {
		return len(b), nil
	}
	if _, err := e.to(e.held[:end]); err != nil {
		return 0, err
	}
	e.done = endsDone(e.held[:end])
	e.held = append(e.held[:0], e.held[end:]...)
	return len(b), nil
}

// endsDone tells whether the last of some events is the one that ends a stream of OpenAI's.
func endsDone(events []byte) bool {
	events = bytes.TrimRight(events, "\r\n")
	data, ok := bytes.CutPrefix(events[bytes.LastIndexAny(events, "\r\n")+1:], []byte("data:"))
	return ok && string(bytes.TrimSpace(data)) == "[DONE]"
}

// eventsEnd is where the last whole event ends: at an empty line.
func eventsEnd(b []byte) int {
	end := 0
	for _, mark := range []string{"\n\n", "\r\n\r\n", "\r\r"} {
		if i := bytes.LastIndex(b, []byte(mark)); i >= 0 {
			end = max(end, i+len(mark))
		}
	}
	return end
}

// writeBreak ends an event stream by an error. There is no [DONE]: nobody takes the answer for whole.
func writeBreak(v *visit, f *failure) error {
	if _, err := fmt.Fprintf(v, "data: %s\n\n", f.body()); err != nil {
		return err
	}
	return v.flush()
}
