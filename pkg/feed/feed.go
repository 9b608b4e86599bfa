// Package feed tells readers what changes, as it changes: a stream of server-sent
// events over HTTP, which a web page reads with EventSource and a shell with curl.
//
// A feed knows things, each by its kind and id, and what is the case about each; an
// event says all that is the case about one thing, so that it may come twice without
// harm. Who comes anew gets all things, who comes back gets what he missed. All readers
// share one bounded row of events: one that is slow costs nothing but his own place,
// and nobody who tells something ever waits for a reader.
package feed

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Errors.
var (
	// ErrFull means as many readers as there may be.
	ErrFull = errors.New("as many readers as there may be; try again later")
	// ErrThing means a thing that is not told: badly named, too large, or one too many.
	ErrThing = errors.New("not told")
)

// MaxEvent bounds one event's data, bytes.
const MaxEvent = 32 << 10

// Kinds of a feed's own.
const (
	// Reset: forget what you know, all things follow. Its data say how many.
	Reset = "reset"
	// Gone: a thing is no more. Its data are its kind and id.
	Gone = "gone"
)

// Config bounds a feed.
type Config struct {
	Readers          int // at a time
	ReadersOfAddress int // of one address
	Things           int // that are known at a time
	Keep             int // events that are kept for readers who come back
	Bytes            int // of all things, and as many of the kept events
	Heartbeat        time.Duration
	Write            time.Duration // for a piece of the stream: a reader who is slower is cut
}

// Default is a feed of up to ten thousand nodes. Its events take 64 MiB at most.
func Default() Config {
	return Config{Readers: 256, ReadersOfAddress: 64, Things: 20_000, Keep: 20_000, Bytes: 32 << 20, Heartbeat: 15 * time.Second, Write: 10 * time.Second}
}

// Thing is one that a feed knows. Its data are marshalled as JSON.
type Thing struct {
	Kind, ID string
	Data     any
}

type name struct{ kind, id string }

type event struct {
	number uint64
	kind   string
	data   []byte
	wire   []byte // as it goes out, made once for all readers
}

// Feed is safe for concurrent use. It starts nothing by itself.
type Feed struct {
	cfg  Config
	life string // of this feed: numbers of an earlier one are not ours
	came chan struct{}

	mu     sync.Mutex
	next   uint64 // number of the event that comes next
	kept   []event
	size   int // of the kept ones
	things map[name]event
	weight int           // of the things
	news   chan struct{} // closed by the next event
	of     map[string]int
	all    int
	closed bool
}

// New returns a feed that knows nothing yet.
func New(cfg Config) *Feed {
	return &Feed{
		cfg: cfg, life: rand.Text()[:12], came: make(chan struct{}, 1), next: 1,
		things: map[name]event{}, news: make(chan struct{}), of: map[string]int{},
	}
}

// Put says what is the case about a thing. Nothing is told when that is what was said before.
func (f *Feed) Put(t Thing) error {
	data, err := marshal(t)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.put(name{t.Kind, t.ID}, data)
}

// Say tells what happened at this moment; who comes later does not hear of it.
func (f *Feed) Say(kind string, data any) error {
	b, err := marshal(Thing{Kind: kind, Data: data})
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tell(kind, b)
	return nil
}

// Sync makes these all the things that there are: it tells those that are new or
// changed, and which are gone. What cannot be told is left out, and named in the error.
func (f *Feed) Sync(things []Thing) error {
	var errs []error
	now := make(map[name]bool, len(things))
	datas := make([][]byte, len(things))
	for i, t := range things {
		b, err := marshal(t)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		datas[i], now[name{t.Kind, t.ID}] = b, true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var gone []name
	for n := range f.things {
		if !now[n] {
			gone = append(gone, n)
		}
	}
	slices.SortFunc(gone, func(a, b name) int { return bytes.Compare([]byte(a.kind+" "+a.id), []byte(b.kind+" "+b.id)) })
	for _, n := range gone { // first: they make room
		f.gone(n)
	}
	full := 0
	for i, t := range things {
		if datas[i] != nil && f.put(name{t.Kind, t.ID}, datas[i]) != nil {
			full++
		}
	}
	if full > 0 {
		errs = append(errs, fmt.Errorf("%w: %d things are more than a feed of %d, or of %d bytes, knows", ErrThing, full, f.cfg.Things, f.cfg.Bytes))
	}
	return errors.Join(errs...)
}

// Close ends all readers' streams, and turns away those that come.
func (f *Feed) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed = true
		close(f.news)
	}
}

func (f *Feed) put(n name, data []byte) error {
	was, known := f.things[n]
	if known && bytes.Equal(was.data, data) {
		return nil
	}
	if weight := f.weight + len(data) - len(was.data); !known && len(f.things) >= f.cfg.Things || weight > f.cfg.Bytes {
		if known { // it changed, and what was said of it is no longer true
			f.gone(n)
		}
		return fmt.Errorf("%w: %s %s is one more than the feed knows", ErrThing, n.kind, n.id)
	}
	f.weight += len(data) - len(was.data)
	f.things[n] = f.tell(n.kind, data)
	return nil
}

func (f *Feed) gone(n name) {
	f.weight -= len(f.things[n].data)
	delete(f.things, n)
	data, _ := json.Marshal(map[string]string{"kind": n.kind, "id": n.id}) // of strings it cannot fail
	f.tell(Gone, data)
}

// tell adds an event to the row, and wakes the readers. It is called with the lock held.
func (f *Feed) tell(kind string, data []byte) event {
	e := event{number: f.next, kind: kind, data: data}
	e.wire = fmt.Appendf(nil, "id: %s-%d\nevent: %s\ndata: %s\n\n", f.life, e.number, kind, data)
	f.next++
	f.kept = append(f.kept, e)
	f.size += len(e.wire)
	drop := 0
	for size := f.size; drop < len(f.kept) && (len(f.kept)-drop > f.cfg.Keep || size > 2*f.cfg.Bytes); drop++ {
		size -= len(f.kept[drop].wire)
		f.size = size
	}
	clear(f.kept[:drop])
	f.kept = f.kept[drop:]
	if !f.closed {
		close(f.news)
		f.news = make(chan struct{})
	}
	return e
}

// word is a kind: it stands in a line of its own on the wire.
var word = regexp.MustCompile(`^[a-z][a-z0-9_.]{0,63}$`)

func marshal(t Thing) ([]byte, error) {
	if !word.MatchString(t.Kind) || t.Kind == Reset || t.Kind == Gone {
		return nil, fmt.Errorf("%w: %q is no kind", ErrThing, t.Kind)
	}
	b, err := json.Marshal(t.Data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s %s: %w", ErrThing, t.Kind, t.ID, err)
	}
	if len(b) > MaxEvent {
		return nil, fmt.Errorf("%w: %s %s has %d bytes, the most is %d", ErrThing, t.Kind, t.ID, len(b), MaxEvent)
	}
	return b, nil
}

// after is the number that follows what a reader has; 0 when it is none of ours.
func (f *Feed) after(lastEventID string) uint64 {
	if len(lastEventID) <= len(f.life) || lastEventID[:len(f.life)] != f.life || lastEventID[len(f.life)] != '-' {
		return 0
	}
	n, err := strconv.ParseUint(lastEventID[len(f.life)+1:], 10, 63)
	if err != nil {
		return 0
	}
	return n + 1
}
