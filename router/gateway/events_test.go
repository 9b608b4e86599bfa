package gateway_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/gateway/gatewaytest"
)

func TestEvents(t *testing.T) {
	s := newSite(t, nil)
	r := s.chat(helloStream)
	require.Equal(t, 200, r.StatusCode)
	require.Equal(t, "text/event-stream; charset=utf-8", r.Header.Get("Content-Type"))
	require.Equal(t, "no-cache", r.Header.Get("Cache-Control"))
	require.Equal(t, "no", r.Header.Get("X-Accel-Buffering"))
	require.Equal(t, gatewaytest.Node, r.Header.Get("X-EMC-Node"))
	require.Empty(t, r.Header.Get("X-EMC-Cost"))
	require.True(t, strings.HasSuffix(r.body, "data: [DONE]\n\n"))
	require.NotContains(t, r.body, "usage")
	r = s.chat(strings.Replace(helloStream, "{", `{"stream_options":{"include_usage":true},`, 1), "X-EMC-Debug", "1")
	events := strings.Split(strings.TrimSuffix(r.body, "\n\n"), "\n\n")
	require.Len(t, events, 6)
	for _, e := range events[:3] {
		require.Contains(t, e, `"usage":null`)
	}
	require.Contains(t, events[3], `"choices":[],"usage":{"prompt_tokens":3`)
	require.Equal(t, []string{"data: [DONE]", ": emc cost=7 node=" + gatewaytest.Node}, events[4:])
	require.Equal(t, uint64(14), s.spent(s.key.ID))
}

// Each event is there as soon as the app wrote it.
func TestEventsAtOnce(t *testing.T) {
	s := newSite(t, nil)
	next := make(chan string)
	s.backend.Add(gateway.Model{ID: "slow"}, func(ctx context.Context, _ *http.Request, w *gatewaytest.Writer) error {
		w.Header().Set("Content-Type", "text/event-stream")
		for {
			select {
			case text, more := <-next:
				if !more {
					return nil
				}
				if _, err := io.WriteString(w, text); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	go func() { next <- ": begin\n\n" }()
	answer, err := http.DefaultClient.Do(s.request("GET", "/call/slow/", ""))
	require.NoError(t, err)
	defer answer.Body.Close()
	lines := bufio.NewReader(answer.Body)
	read := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		_, err := io.ReadFull(lines, got)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	read(": begin\n\n")
	next <- "data: 1\n\ndata: "
	read("data: 1\n\n")
	next <- "2\r\n\r\n"
	read("data: 2\r\n\r\n")
	next <- "data: the end has no empty line"
	close(next)
	read("data: the end has no empty line")
	_, err = lines.ReadByte()
	require.ErrorIs(t, err, io.EOF)
}

// A node that goes away behind [DONE] has broken nothing off: no error follows.
func TestEventsBreakAfterTheEnd(t *testing.T) {
	s := newSite(t, nil)
	over := map[string]string{"plain": "data: {}\n\ndata: [DONE]\n\n", "returns": "data: {}\r\n\r\ndata:[DONE]\r\n\r\n"}
	not := map[string]string{"word": "data: {\"text\":\"[DONE]\"}\n\n", "more": "data: [DONE]\n\ndata: {}\n\n"}
	for _, texts := range []map[string]string{over, not} {
		for name, text := range texts {
			s.backend.Add(gateway.Model{ID: name}, func(_ context.Context, _ *http.Request, w *gatewaytest.Writer) error {
				w.Header().Set("Content-Type", "text/event-stream")
				_, err := io.WriteString(w, text)
				return errors.Join(err, errors.New("gone"))
			})
		}
	}
	for name, text := range over {
		require.Equal(t, text, s.do("GET", "/call/"+name+"/", "").body)
	}
	require.Contains(t, s.logs.String(), "broke off", "its operator hears of it")
	for name := range not {
		require.Contains(t, s.do("GET", "/call/"+name+"/", "").body, "node_fault", name)
	}
}

// A stream that breaks ends by an error of its own, without half an event before it and without [DONE].
func TestEventsBreak(t *testing.T) {
	s := newSite(t, nil)
	s.backend.Add(gateway.Model{ID: "breaks"}, func(_ context.Context, _ *http.Request, w *gatewaytest.Writer) error {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: {}\n\ndata: {\"half")
		return errors.New("inside")
	})
	r := s.do("GET", "/call/breaks/", "")
	require.Equal(t, 200, r.StatusCode)
	require.Equal(t, "data: {}\n\ndata: {\"error\":{\"message\":\"The node broke off its answer.\",\"type\":\"server_error\",\"param\":null,\"code\":\"node_fault\"}}\n\n", r.body)
	require.Equal(t, uint64(7), s.spent(s.key.ID))
	require.Equal(t, 1, s.backend.Cancelled())

	// What is no event stream cannot say so: the connection ends before its time. What was not begun is an error.
	s.backend.Add(gateway.Model{ID: "lines"}, func(_ context.Context, _ *http.Request, w *gatewaytest.Writer) error {
		w.Header().Set("Content-Type", "application/x-ndjson")
		fmt.Fprint(w, "{}\n")
		return errors.New("inside")
	})
	s.backend.Add(gateway.Model{ID: "whole"}, func(_ context.Context, _ *http.Request, w *gatewaytest.Writer) error {
		fmt.Fprint(w, "half")
		return errors.New("inside")
	})
	time.Sleep(1100 * time.Millisecond)
	answer, err := http.DefaultClient.Do(s.request("GET", "/call/lines/", ""))
	require.NoError(t, err)
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "{}\n", string(b))
	s.requireError(s.do("GET", "/call/whole/", ""), 502, "server_error", "node_fault", "")
}

// endless answers as long as somebody reads.
func endless(kind, piece string) gatewaytest.App {
	return func(ctx context.Context, _ *http.Request, w *gatewaytest.Writer) error {
		w.Header().Set("Content-Type", kind)
		for ctx.Err() == nil {
			if _, err := io.WriteString(w, piece); err != nil {
				return err
			}
		}
		return ctx.Err()
	}
}

// Who goes away stops the node, before the head, in a stream, and while the answer is held back.
func TestGone(t *testing.T) {
	s := newSite(t, nil)
	waits := func(ctx context.Context, _ *http.Request, _ *gatewaytest.Writer) error {
		<-ctx.Done()
		return ctx.Err()
	}
	s.backend.Add(gateway.Model{ID: "waits"}, waits)
	s.backend.Add(gateway.Model{ID: "events"}, endless("text/event-stream", "data: 1\n\n"))
	s.backend.Add(gateway.Model{ID: "held"}, func(ctx context.Context, r *http.Request, w *gatewaytest.Writer) error {
		fmt.Fprint(w, "begin")
		return waits(ctx, r, w)
	})
	for i, app := range []string{"waits", "events", "held"} {
		ctx, cancel := context.WithCancel(context.Background())
		go func() {
			answer, err := http.DefaultClient.Do(s.request("POST", "/call/"+app+"/", "body").WithContext(ctx))
			if err == nil {
				io.CopyN(io.Discard, answer.Body, 100)
				answer.Body.Close()
			}
		}()
		require.Eventually(t, func() bool { return len(s.backend.Calls()) == i+1 }, 5*time.Second, time.Millisecond)
		time.Sleep(20 * time.Millisecond)
		cancel()
		require.Eventually(t, func() bool { return s.backend.Running() == 0 }, 5*time.Second, time.Millisecond, "%s goes on", app)
		s.spent(s.key.ID)
	}
	require.Equal(t, 2, s.backend.Cancelled(), "of one that had no head there is nothing to close")
	require.Eventually(t, func() bool { return strings.Count(s.logs.String(), "client_gone") == 3 }, 5*time.Second, time.Millisecond)
}

// Who reads slowly is cut, so that nobody holds a node by not reading.
func TestSlowReader(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.WriteTime = 200 * time.Millisecond })
	s.backend.Add(gateway.Model{ID: "events"}, endless("text/event-stream", "data: "+strings.Repeat("x", 20_000)+"\n\n"))
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "GET /call/events/ HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", s.secret)
	require.Eventually(t, func() bool { return s.backend.Running() == 1 }, 5*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return s.backend.Running() == 0 }, 10*time.Second, 5*time.Millisecond)
	require.Eventually(t, func() bool { return strings.Contains(s.logs.String(), "slow_reader") }, 5*time.Second, time.Millisecond)
}

// Who writes slowly is told so; headers that never end get nothing.
func TestSlowWriter(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.BodyTime, c.HeaderTime = 200*time.Millisecond, 300*time.Millisecond })
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nAuthorization: Bearer %s\r\n\r\n{", s.secret)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, 408, answer.StatusCode)
	require.True(t, answer.Close)

	// Nor does one who has no key hold anything.
	conn, err = net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprint(conn, "POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{")
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	all, err := io.ReadAll(conn)
	require.NoError(t, err, "the connection is closed")
	require.Contains(t, string(all), "401")

	conn, err = net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: a\r\n")
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err = io.ReadAll(conn)
	require.NoError(t, err, "the connection is closed")
}

// The whole call has its time, before the head and in a stream. A call that is longer than the time for a body lives.
func TestCallTime(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.CallTime, c.BodyTime = 600*time.Millisecond, 100*time.Millisecond })
	s.backend.Add(gateway.Model{ID: "long"}, gatewaytest.Chat(100*time.Millisecond, "a", "b", "c"))
	s.backend.Add(gateway.Model{ID: "waits"}, func(ctx context.Context, _ *http.Request, _ *gatewaytest.Writer) error {
		<-ctx.Done()
		return ctx.Err()
	})
	s.backend.Add(gateway.Model{ID: "events"}, gatewaytest.Chat(50*time.Millisecond, make([]string, 100)...))
	require.Contains(t, s.do("POST", "/call/long/", helloStream).body, "[DONE]")
	s.requireError(s.do("POST", "/call/waits/", "x"), 504, "server_error", "timeout", "")
	r := s.do("POST", "/call/events/", helloStream)
	require.Contains(t, r.body, `"code":"timeout"`)
	require.NotContains(t, r.body, "[DONE]")
	require.Eventually(t, func() bool { return s.backend.Running() == 0 }, 5*time.Second, time.Millisecond)
}

// A gateway that stops waits for what runs, and then cancels it.
func TestStop(t *testing.T) {
	s := newSite(t, func(c *gateway.Config) { c.DrainTime = 300 * time.Millisecond })
	s.backend.Drain = 200 * time.Millisecond
	s.backend.Add(gateway.Model{ID: "short"}, gatewaytest.Chat(50*time.Millisecond, "a", "b"))
	s.backend.Add(gateway.Model{ID: "events"}, endless("text/event-stream", "data: 1\n\n"))
	ended := make(chan string, 2)
	for _, app := range []string{"short", "events"} {
		go func() {
			answer, err := http.DefaultClient.Do(s.request("POST", "/call/"+app+"/", helloStream))
			if err != nil {
				ended <- err.Error()
				return
			}
			defer answer.Body.Close()
			b, err := io.ReadAll(answer.Body)
			ended <- fmt.Sprint(app, " ", strings.Contains(string(b), "[DONE]"), " ", err != nil)
		}()
	}
	require.Eventually(t, func() bool { return s.backend.Running() == 2 }, 5*time.Second, time.Millisecond)
	require.NoError(t, s.stop())
	k, err := s.keys.Get(s.key.ID)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"short true false", "events false true"}, []string{<-ended, <-ended})
	require.Zero(t, k.Reserved, "handlers have settled when Serve returns")
	require.Equal(t, uint64(14), k.Spent)
}
