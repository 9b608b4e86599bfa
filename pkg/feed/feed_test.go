package feed

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const patience = 20 * time.Second

type load struct {
	Running int `json:"running"`
}

func serve(t *testing.T, cfg Config) (*Feed, string) {
	t.Helper()
	f := New(cfg)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f.Serve(w, r, r.URL.Query().Get("who")); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(func() { f.Close(); s.Close() })
	return f, s.URL
}

// reader gets events in a channel.
func reader(t *testing.T, url, last string) <-chan Event {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	require.NoError(t, err)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	out := make(chan Event, 10_000)
	go func() {
		defer answer.Body.Close()
		defer close(out)
		_ = Read(answer.Body, func(e Event) error { out <- e; return nil })
	}()
	return out
}

func next(t *testing.T, events <-chan Event, kind, data string) Event {
	t.Helper()
	select {
	case e, ok := <-events:
		require.True(t, ok, "the stream ended before %s %s", kind, data)
		require.Equal(t, kind, e.Kind, string(e.Data))
		require.JSONEq(t, data, string(e.Data))
		return e
	case <-time.After(patience):
		t.Fatalf("%s %s did not come", kind, data)
		return Event{}
	}
}

// Who comes gets what there is, then what changes, in order; what is the same is not said again.
func TestOrder(t *testing.T) {
	f, url := serve(t, Default())
	require.NoError(t, f.Put(Thing{"node", "a", load{1}}))
	require.NoError(t, f.Put(Thing{"node", "b", load{2}}))
	require.NoError(t, f.Put(Thing{"node", "a", load{3}}))
	events := reader(t, url, "")
	next(t, events, Reset, `{"things":2}`)
	next(t, events, "node", `{"running":2}`)
	next(t, events, "node", `{"running":3}`)
	require.NoError(t, f.Put(Thing{"node", "a", load{3}}))
	require.NoError(t, f.Say("block", 7))
	require.NoError(t, f.Sync([]Thing{{"node", "b", load{2}}, {"node", "c", load{4}}}))
	next(t, events, "block", `7`)
	next(t, events, Gone, `{"kind":"node","id":"a"}`)
	next(t, events, "node", `{"running":4}`)
	for i := range 1000 { // more than one batch
		require.NoError(t, f.Put(Thing{"node", "c", load{i + 5}}))
	}
	for i := range 1000 {
		next(t, events, "node", fmt.Sprintf(`{"running":%d}`, i+5))
	}
}

// Who comes back gets what he missed and nothing else; whoever was away too long, or was elsewhere, begins anew.
func TestResume(t *testing.T) {
	cfg := Default()
	cfg.Keep = 3
	f, url := serve(t, cfg)
	events := reader(t, url, "")
	next(t, events, Reset, `{"things":0}`)
	require.NoError(t, f.Put(Thing{"node", "a", load{0}}))
	last := next(t, events, "node", `{"running":0}`).ID
	for i := range 3 {
		require.NoError(t, f.Put(Thing{"node", "a", load{i + 1}}))
	}
	again := reader(t, url, last)
	for i := range 3 {
		next(t, again, "node", fmt.Sprintf(`{"running":%d}`, i+1))
	}
	require.NoError(t, f.Put(Thing{"node", "a", load{9}}))
	other, _ := serve(t, cfg)
	for _, late := range []string{last, strings.Replace(last, f.life, other.life, 1), "x", f.life + "-99", f.life + "-", f.life + "--1"} {
		events := reader(t, url, late)
		next(t, events, Reset, `{"things":1}`)
		next(t, events, "node", `{"running":9}`)
	}
}

// A reader who reads nothing is cut after his time; nobody else waits for him, neither who tells nor who reads.
func TestSlowReader(t *testing.T) {
	cfg := Default()
	cfg.Write, cfg.Keep = 2*time.Second, 100
	f, url := serve(t, cfg)
	slow, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	defer slow.Close()
	_, err = io.WriteString(slow, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	_, err = bufio.NewReaderSize(slow, 16).ReadByte()
	require.NoError(t, err)
	quick := reader(t, url, "")
	next(t, quick, Reset, `{"things":0}`)
	require.Equal(t, 2, f.Readers())
	much := strings.Repeat("x", MaxEvent-100)
	for i := 0; f.Readers() == 2; i++ {
		require.Less(t, i, 5_000, "the slow reader keeps his place")
		require.NoError(t, f.Put(Thing{"node", "a", []any{i, much}}))
		for { // until the quick one has it
			e, ok := <-quick
			require.True(t, ok, "the quick reader was cut")
			if e.Kind == "node" && strings.HasPrefix(string(e.Data), fmt.Sprintf("[%d,", i)) {
				break
			}
		}
	}
	require.LessOrEqual(t, len(f.kept), cfg.Keep)
}

// A reader who falls behind what is kept skips: he gets everything as it is now.
func TestSkips(t *testing.T) {
	cfg := Default()
	cfg.Keep = 2
	f := New(cfg)
	at := uint64(1)
	for i := range 5 {
		require.NoError(t, f.Put(Thing{"node", fmt.Sprint(i % 2), load{i}}))
	}
	events, news, s := f.from(&at)
	require.Equal(t, anew, s)
	require.Len(t, events, 2)
	require.NotNil(t, news)
	require.NoError(t, f.Put(Thing{"node", "1", load{9}}))
	events, _, s = f.from(&at)
	require.Equal(t, goesOn, s)
	require.Len(t, events, 1)
}

func TestBounds(t *testing.T) {
	cfg := Default()
	cfg.Readers, cfg.ReadersOfAddress, cfg.Things, cfg.Bytes = 3, 2, 2, 100
	f, url := serve(t, cfg)
	for _, who := range []string{"a", "a", "b"} {
		next(t, reader(t, url+"?who="+who, ""), Reset, `{"things":0}`)
	}
	require.ErrorIs(t, f.enter("b"), ErrFull)
	f.leave("b")
	require.ErrorIs(t, f.enter("a"), ErrFull, "an address has its share")
	require.NoError(t, f.enter("b"))
	r := httptest.NewRecorder()
	f.ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/", nil))
	require.Equal(t, http.StatusServiceUnavailable, r.Code)
	require.NotEmpty(t, r.Header().Get("Retry-After"))

	require.NoError(t, f.Put(Thing{"node", "a", load{1}}))
	require.NoError(t, f.Put(Thing{"node", "b", load{1}}))
	require.ErrorIs(t, f.Put(Thing{"node", "c", load{1}}), ErrThing)
	require.NoError(t, f.Put(Thing{"node", "b", load{2}}))
	require.ErrorIs(t, f.Put(Thing{"node", "b", strings.Repeat("x", 100)}), ErrThing)
	require.NotContains(t, f.things, name{"node", "b"}, "what was said of it is no longer true")
	require.ErrorIs(t, f.Sync([]Thing{{"node", "x", load{1}}, {"node", "y", load{1}}, {"node", "z", load{1}}}), ErrThing)
	require.Len(t, f.things, 2)
	for _, kind := range []string{"", "A", "a\nb", "a:b", Reset, Gone} {
		require.ErrorIs(t, f.Say(kind, 1), ErrThing, kind)
	}
	require.ErrorIs(t, f.Say("node", strings.Repeat("x", MaxEvent)), ErrThing)
	require.ErrorIs(t, f.Say("node", func() {}), ErrThing)
	for range 100 {
		require.NoError(t, f.Say("node", strings.Repeat("x", 50)))
	}
	require.LessOrEqual(t, f.size, 2*cfg.Bytes)
	sum := 0
	for _, e := range f.kept {
		sum += len(e.wire)
	}
	require.Equal(t, sum, f.size)
}

// Nothing is looked at without readers; a first one does not wait for the next tick, and the end is everybody's.
func TestRun(t *testing.T) {
	cfg := Default()
	cfg.Heartbeat = time.Millisecond
	f, url := serve(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	looks := 0
	ended := make(chan error, 1)
	go func() {
		ended <- f.Run(ctx, time.Hour, func(context.Context) []Thing { looks++; return []Thing{{"node", "a", load{looks}}} }, nil)
	}()
	events := reader(t, url, "")
	next(t, events, Reset, `{"things":0}`)
	next(t, events, "node", `{"running":1}`)
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	for {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		if line == ": \n" {
			break
		}
	}
	cancel()
	require.NoError(t, <-ended)
	for range events { // until the stream ends
	}
	require.ErrorIs(t, f.enter(""), ErrFull)
}

// Who is in the same process hears the same.
func TestListen(t *testing.T) {
	f := New(Default())
	require.NoError(t, f.Put(Thing{"node", "a", load{1}}))
	var got []string
	err := f.Listen(t.Context(), func(e Event) error {
		got = append(got, e.Kind+string(e.Data))
		switch len(got) {
		case 2:
			require.NoError(t, f.Say("block", 7))
		case 3:
			f.Close()
		}
		return nil
	})
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, []string{`reset{"things":1}`, `node{"running":1}`, `block7`}, got)
	require.Zero(t, f.Readers())
}

func TestRead(t *testing.T) {
	var got []Event
	err := Read(strings.NewReader(": hello\nretry: 5\n\nid: a-1\nevent: node\ndata: {\"a\":1}\n\nevent: half"), func(e Event) error { got = append(got, e); return nil })
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, []Event{{ID: "a-1", Kind: "node", Data: json.RawMessage(`{"a":1}`)}}, got)
	for _, bad := range []string{"data: {\n\n", "data: 1\ndata: 2\n\n", "data: " + strings.Repeat("1", MaxEvent+2<<10)} {
		require.ErrorIs(t, Read(strings.NewReader(bad), func(Event) error { return nil }), ErrStream)
	}
	stop := errors.New("enough")
	require.ErrorIs(t, Read(strings.NewReader("data: 1\n\n"), func(Event) error { return stop }), stop)
}

func FuzzRead(f *testing.F) {
	f.Add([]byte("id: a-1\nevent: node\ndata: {\"a\":1}\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		err := Read(strings.NewReader(string(b)), func(e Event) error {
			require.True(t, json.Valid(e.Data))
			return nil
		})
		require.Error(t, err)
	})
}
