package feed

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// batch is how many events, and piece how many bytes, go out before a reader's time begins anew.
const (
	batch = 256
	piece = 64 << 10
)

// Serve writes the stream to a reader until he goes, is too slow, or the feed is closed.
// who is his address, which is bounded by itself; empty is not. It fails with ErrFull
// before anything was written; what goes wrong after that is the reader's end.
func (f *Feed) Serve(w http.ResponseWriter, r *http.Request, who string) error {
	if err := f.enter(who); err != nil {
		return err
	}
	defer f.leave(who)
	s := stream{w: w, control: http.NewResponseController(w), patience: f.cfg.Write}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would wait for more
	if s.send([]byte("retry: 2000\n\n")) != nil {
		return nil // the reader has gone
	}
	f.follow(r.Context(), s, f.after(r.Header.Get("Last-Event-ID")))
	return nil
}

// ServeHTTP implements http.Handler, where nobody else answers refusals.
func (f *Feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := f.Serve(w, r, ""); err != nil {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Retry-After", "10")
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": err.Error()}) // the reader may have gone
	}
}

// follow writes what comes from a number on.
func (f *Feed) follow(ctx context.Context, s stream, at uint64) {
	beat := time.NewTimer(f.cfg.Heartbeat)
	defer beat.Stop()
	for {
		events, news, state := f.from(&at)
		switch state {
		case over:
			return
		case anew:
			slices.SortFunc(events, func(a, b event) int { return cmp.Compare(a.number, b.number) })
			if s.send(fmt.Appendf(nil, "event: %s\ndata: {\"things\":%d}\n\n", Reset, len(events))) != nil {
				return
			}
		}
		for len(events) > 0 {
			var b []byte
			for len(events) > 0 && len(b) < piece {
				b, events = append(b, events[0].wire...), events[1:]
			}
			if s.send(b) != nil {
				return
			}
			beat.Reset(f.cfg.Heartbeat)
		}
		if news == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-news:
		case <-beat.C:
			if s.send([]byte(": \n\n")) != nil {
				return
			}
			beat.Reset(f.cfg.Heartbeat)
		}
	}
}

type state int

const (
	goesOn state = iota
	anew         // all things: what comes before was not kept
	over
)

// from returns the events from a number on and moves it behind them, and what to wait for when there are no more now.
func (f *Feed) from(at *uint64) (events []event, news <-chan struct{}, s state) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := f.next - uint64(len(f.kept))
	switch {
	case f.closed:
		return nil, nil, over
	case *at < first || *at > f.next:
		events = make([]event, 0, len(f.things))
		for _, e := range f.things {
			events = append(events, e)
		}
		*at, s = f.next, anew
	default:
		events = slices.Clone(f.kept[*at-first:][:min(f.next-*at, batch)])
		*at += uint64(len(events))
	}
	if *at == f.next {
		news = f.news
	}
	return events, news, s
}

func (f *Feed) enter(who string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.all >= f.cfg.Readers || who != "" && f.of[who] >= f.cfg.ReadersOfAddress {
		return ErrFull
	}
	f.all++
	if who != "" {
		f.of[who]++
	}
	select {
	case f.came <- struct{}{}:
	default:
	}
	return nil
}

func (f *Feed) leave(who string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all--
	if f.of[who]--; f.of[who] <= 0 {
		delete(f.of, who)
	}
}

// Readers is how many there are now.
func (f *Feed) Readers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all
}

// Run has everything looked at every so often, and at once when somebody comes, as long
// as there are readers: without them it costs nothing. It closes the feed when ctx ends.
// What look cannot tell is no reason to end; failed hears of it, and may be nil.
func (f *Feed) Run(ctx context.Context, every time.Duration, look func(context.Context) []Thing, failed func(error)) error {
	defer f.Close()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-f.came:
		case <-tick.C:
		}
		if f.Readers() == 0 {
			continue
		}
		if err := f.Sync(look(ctx)); err != nil && failed != nil {
			failed(err)
		}
	}
}

// stream is a reader's end.
type stream struct {
	w        http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration
}

// send writes and flushes within the reader's time.
func (s stream) send(b []byte) error {
	// Not every ResponseWriter has deadlines: those of tests do not hang either.
	if err := s.control.SetWriteDeadline(time.Now().Add(s.patience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	return s.control.Flush()
}
