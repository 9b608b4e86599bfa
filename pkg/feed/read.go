package feed

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Event is one that came.
type Event struct {
	ID   string // to come back with, as Last-Event-ID
	Kind string
	Data json.RawMessage
}

// ErrStream means bytes that are no stream of events.
var ErrStream = errors.New("not a stream of events")

// Read calls fn for every event until the stream ends, which is io.ErrUnexpectedEOF: a
// feed has no end of its own.
func Read(r io.Reader, fn func(Event) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4<<10), MaxEvent+1<<10)
	var e Event
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			e.ID = value
		case "event":
			e.Kind = value
		case "data":
			if len(e.Data) > 0 || !json.Valid([]byte(value)) {
				return fmt.Errorf("%w: expected one line of JSON as an event's data", ErrStream)
			}
			e.Data = json.RawMessage(value)
		case "":
			if lines.Text() == "" && e.Data != nil {
				if err := fn(e); err != nil {
					return err
				}
				e = Event{}
			}
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrStream, err)
	}
	return io.ErrUnexpectedEOF
}

// Listen is Read of a feed in the same process, until ctx ends or the feed is closed.
func (f *Feed) Listen(ctx context.Context, fn func(Event) error) error {
	if err := f.enter(""); err != nil {
		return err
	}
	defer f.leave("")
	at := uint64(0)
	for {
		events, news, state := f.from(&at)
		switch state {
		case over:
			return io.ErrUnexpectedEOF
		case anew:
			slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.number, b.number) })
			if err := fn(Event{Kind: Reset, Data: fmt.Appendf(nil, `{"things":%d}`, len(events))}); err != nil {
				return err
			}
		}
		for _, e := range events {
			if err := fn(Event{ID: fmt.Sprintf("%s-%d", f.life, e.number), Kind: e.kind, Data: e.data}); err != nil {
				return err
			}
		}
		if news == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-news:
		}
	}
}
