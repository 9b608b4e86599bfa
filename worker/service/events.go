package service

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/edgematrix/emc/pkg/httpcall"
)

const (
	// maxEvent bounds one event of a stream.
	maxEvent = 1 << 20
	// together is how much of a stream goes out in one piece, where that much has
	// come at once.
	together = 16 << 10
)

// usage is what an OpenAI API counts.
type usage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Total      int64 `json:"total_tokens"`
}

func (u *usage) units() uint64 {
	if u == nil {
		return 0
	}
	return uint64(max(u.Total, max(u.Prompt, 0)+max(u.Completion, 0), 0))
}

// chunk is what is read of a stream's event, and of a whole answer.
type chunk struct {
	Choices []struct {
		Text  string
		Delta struct {
			Content, Refusal, Reasoning *string
			ReasoningContent            *string           `json:"reasoning_content"`
			ToolCalls                   []json.RawMessage `json:"tool_calls"`
			FunctionCall                json.RawMessage   `json:"function_call"`
		}
	}
	Usage *usage
}

// brings says whether there is something that a customer wants.
func (c chunk) brings() bool {
	for _, choice := range c.Choices {
		if choice.Text != "" || len(choice.Delta.ToolCalls) > 0 || len(choice.Delta.FunctionCall) > 4 { // more than null
			return true
		}
		for _, s := range []*string{choice.Delta.Content, choice.Delta.Refusal, choice.Delta.Reasoning, choice.Delta.ReasoningContent} {
			if s != nil && *s != "" {
				return true
			}
		}
	}
	return false
}

// events is a stream of server-sent events on its way to the customer.
type events struct {
	*bill
	rename     func([]byte) []byte
	addedUsage bool
	owed       uint64 // what usage said, less what was counted

	out   []byte // not sent yet
	units uint64 // of out
}

// deliverEvents sends a stream event by event, each for what it brings.
func (a *app) deliverEvents(ans *answer, b *bill) error {
	e := &events{bill: b, rename: a.renamer(), addedUsage: ans.addedUsage}
	body := bufio.NewReaderSize(ans.Body, together)
	for {
		event, err := readEvent(body)
		if len(event) > 0 {
			if data, _ := eventData(event); string(data) == "[DONE]" && ans.abort != nil {
				// Many clients go away now: that must not cost the process.
				ans.ended = true
				_ = ans.Body.Close() // it is read on
			}
			if err := e.take(event); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return e.end()
		}
		if err != nil {
			return err
		}
		if len(e.out) >= together || !wholeEvent(body) {
			if err := e.flush(); err != nil {
				return err
			}
		}
	}
}

// readEvent reads through the empty line that ends an event.
func readEvent(r *bufio.Reader) ([]byte, error) {
	var event []byte
	for {
		line, err := r.ReadSlice('\n')
		event = append(event, line...)
		switch {
		case len(event) > maxEvent:
			return nil, errEndless
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return event, err
		case len(bytes.TrimRight(line, "\r\n")) == 0 && (len(event) == len(line) || bytes.HasSuffix(event[:len(event)-len(line)], []byte("\n"))):
			return event, nil
		}
	}
}

// wholeEvent says whether another event is there without waiting for it.
func wholeEvent(r *bufio.Reader) bool {
	b, err := r.Peek(r.Buffered())
	return err == nil && (bytes.Contains(b, []byte("\n\n")) || bytes.Contains(b, []byte("\n\r\n")))
}

// take counts an event, and puts it behind those that wait to be sent.
func (e *events) take(event []byte) error {
	units := uint64(0)
	var c chunk
	if data, found := eventData(event); found && json.Unmarshal(data, &c) == nil {
		if c.brings() {
			units = 1
		}
		// Cumulative, whichever chunk tells it.
		if all, counted := c.Usage.units(), e.bill.units+e.units+units; all > counted {
			e.owed = all - counted
		}
		if e.addedUsage {
			if c.Usage != nil && len(c.Choices) == 0 {
				return nil // its units come with the next event
			}
			event = withoutUsage(event)
		}
	}
	event = e.rename(event)
	if !e.affords(e.units + units + e.owed) {
		if err := e.flush(); err != nil {
			return err
		}
	}
	// What is told late is charged as far as it was offered: all of it has been delivered.
	if e.owed > 0 && e.affords(units) {
		units += e.affordable(units+e.owed) - units
		e.owed = 0
	}
	e.out, e.units = append(e.out, event...), e.units+units
	return nil
}

func (e *events) flush() error {
	if len(e.out) == 0 {
		return nil
	}
	err := e.pass(e.out, e.units)
	e.out, e.units = e.out[:0], 0
	return err
}

func (e *events) end() error {
	err := e.flush()
	if units := e.affordable(e.owed); err == nil && units > 0 {
		err = e.pass(nil, units)
	}
	return err
}

// eventData is the data of an event that has one line of it, as OpenAI's have.
func eventData(event []byte) ([]byte, bool) {
	for line := range bytes.Lines(event) {
		if data, found := bytes.CutPrefix(line, []byte("data:")); found {
			return bytes.TrimSpace(data), true
		}
	}
	return nil, false
}

// deliverJSON sends a whole answer for the tokens that it says to have taken. One that
// costs more than the customer allows does not come, not even in part: it would be JSON
// without an end, or an answer for next to nothing.
func (a *app) deliverJSON(ans *answer, head []byte, b *bill) error {
	body, err := io.ReadAll(ans.Body)
	if err != nil {
		return err
	}
	var c struct{ Usage *usage }
	_ = json.Unmarshal(body, &c) // what tells no usage has none
	units := c.Usage.units()
	if ok := b.free || product(units, b.unitPrice, b.callPrice) <= b.left; !ok {
		return a.tooDear(units, b)
	}
	if err := b.head(head); err != nil {
		return err
	}
	return b.pass(a.renamer()(body), units)
}

// tooDear says what the answer would have cost.
func (a *app) tooDear(units uint64, b *bill) error {
	var said struct {
		Error struct {
			Message string  `json:"message"`
			Type    string  `json:"type"`
			Param   *string `json:"param"`
			Code    string  `json:"code"`
		} `json:"error"`
	}
	said.Error.Type, said.Error.Code = "invalid_request_error", "max_price"
	said.Error.Message = fmt.Sprintf("The answer has %d tokens with those of the request, at %d uemc each: more than this call may cost. Allow more (X-EMC-Max-Units, X-EMC-Max-Price), or ask for fewer.", units, b.unitPrice)
	body, err := json.Marshal(said)
	if err != nil {
		return err
	}
	head, err := httpcall.AppendHead(nil, http.StatusBadRequest, http.Header{"Content-Type": {"application/json"}})
	if err != nil {
		return err
	}
	if err := b.head(head); err != nil {
		return err
	}
	return b.pass(body, 0)
}
