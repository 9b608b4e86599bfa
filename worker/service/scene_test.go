package service

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/apps/stdhttp"
	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/worker/runtime"
)

// programs is a runtime whose programs are functions of the test.
type programs struct {
	main    func(number int, in io.Reader, out io.Writer) error
	started atomic.Int32
	live    atomic.Int32
	most    atomic.Int32 // at once
}

func (*programs) Name() string { return "test" }

func (p *programs) Serve(ctx context.Context, _ runtime.Task, stdin io.ReadCloser, stdout io.WriteCloser) (runtime.Result, error) {
	number := int(p.started.Add(1))
	p.most.Store(max(p.most.Load(), p.live.Add(1)))
	defer p.live.Add(-1)
	done := make(chan error, 1)
	go func() { done <- p.main(number, stdin, stdout) }()
	result := runtime.Result{Reason: runtime.ReasonExited, Message: "it ended"}
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		result.Reason = runtime.ReasonKilled
	}
	stdin.Close()
	stdout.Close()
	if result.Reason == runtime.ReasonKilled {
		<-done
	} else if err != nil {
		result.ExitCode, result.Message = 1, err.Error()
	}
	return result, nil
}

// program is one that does what its requests say.
func program(number int, in io.Reader, out io.Writer) error {
	return stdhttp.Serve(func(w *stdhttp.ResponseWriter, r *stdhttp.Request) error { return play(number, w, r, in, out) }, in, out)
}

const chunkText = `data: {"choices":[{"text":"x"}]}` + "\n\n"

func play(number int, w *stdhttp.ResponseWriter, r *stdhttp.Request, in io.Reader, out io.Writer) error {
	arg, name := "", r.Path
	if at := strings.LastIndexByte(r.Path, '/'); at > 0 {
		name, arg = r.Path[:at], r.Path[at+1:]
	}
	events := func(n int, pause time.Duration) error {
		w.Header().Set("Content-Type", "text/event-stream")
		for range n {
			_, _ = w.WriteString(chunkText)
			if err := w.Flush(); err != nil {
				return err
			}
			time.Sleep(pause)
		}
		return nil
	}
	switch name {
	case "/healthz":
		return stdhttp.WriteJSON(w, 200, "ok")
	case "/say":
		_, err := fmt.Fprintf(w, "%d: %s", number, r.Body)
		return err
	case "/stream":
		n := 0
		fmt.Sscan(arg, &n)
		if err := events(n, 0); err != nil {
			return err
		}
		_, err := fmt.Fprintf(w, "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\ndata: [DONE]\n\n", 2*n, 5+2*n)
		return err
	case "/tokens":
		w.Header().Set("Content-Type", "application/json")
		_, err := fmt.Fprintf(w, `{"usage":{"total_tokens":%s}}`, arg)
		return err
	case "/forever":
		return events(1<<30, time.Millisecond)
	case "/hang":
		if arg == "middle" {
			_ = events(1, 0)
		}
		_, err := in.Read(make([]byte, 1)) // until it is killed
		return err
	case "/die":
		if arg == "middle" {
			_ = events(1, 0)
		}
		return errors.New("on purpose")
	case "/garbage":
		_, err := io.WriteString(out, "Traceback (most recent call last):\n\n")
		return err
	case "/more":
		_, _ = w.WriteString("fine")
		more := func() { _, _ = io.WriteString(out, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison") }
		if arg == "late" {
			time.AfterFunc(20*time.Millisecond, more)
		} else {
			defer func() { go more() }()
		}
		return nil
	case "/endless":
		_, err := w.Write(make([]byte, 1<<20))
		return err
	case "/broken":
		return stdhttp.WriteError(w, stdhttp.Error{Status: 500, Message: "broken"})
	}
	return stdhttp.WriteError(w, stdhttp.Error{Status: 404, Message: r.Path})
}

// scene is a Set that runs.
type scene struct {
	testing.TB
	*Set
	programs *programs
	nonce    atomic.Uint64
}

func newScene(tb testing.TB, change func(*Config)) *scene {
	tb.Helper()
	s := &scene{TB: tb, programs: &programs{main: program}}
	cfg := Config{
		App: "app", UnitPrice: 10, CallPrice: 3, Runtime: s.programs, Processes: 1, Queue: 8, Patience: 5 * time.Second, Start: 5 * time.Second,
		Task: runtime.Task{
			ID: "service/app", Artifact: "/app", ArtifactSHA256: strings.Repeat("ab", 32), OutputDir: filepath.Join(tb.TempDir(), "out"),
			Limits: runtime.Limits{MemoryBytes: 1 << 20, OutputBytes: 1, OutputFiles: 1, LogBytes: 1},
		},
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	s.Set, err = New([]Config{cfg}, slog.New(slog.DiscardHandler))
	require.NoError(tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		require.NoError(tb, <-ended)
		require.Zero(tb, s.programs.live.Load(), "processes are left")
	})
	return s
}

// got is what a call came to.
type got struct {
	status        int
	body          string
	pieces        int
	units, amount uint64
	err           error
}

// ask makes a call with this much to spend, as pkg/session/call does.
func (s *scene) ask(ctx context.Context, by byte, maxPrice uint64, method, target, body string, each func(p call.Piece) error) (g got) {
	s.Helper()
	asked, err := httpcall.AppendRequest(nil, method, target, http.Header{"Content-Type": {"application/json"}}, []byte(body))
	require.NoError(s, err)
	var answer bytes.Buffer
	var mu sync.Mutex
	var failed error
	send := func(p call.Piece) error {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case failed != nil:
		case len(p.Data) > call.MaxPiece:
			failed = errors.New("too large a piece")
		case ctx.Err() != nil:
			failed = ctx.Err()
		case p.Amount > maxPrice-g.amount:
			failed = session.ErrPrice
		default:
			if each != nil {
				failed = each(p)
			}
		}
		if failed != nil {
			return failed
		}
		answer.Write(p.Data)
		g.pieces++
		g.units += p.Units
		g.amount += p.Amount
		return nil
	}
	r := receipt.Request{App: "app", MaxPrice: maxPrice, Nonce: s.nonce.Add(1)}
	r.Session[0] = by
	g.err = s.Answer(ctx, r, asked, send)
	if answer.Len() > 0 {
		in := bufio.NewReader(&answer)
		g.status, _, err = httpcall.ReadResponse(in)
		require.NoError(s, err)
		rest, _ := io.ReadAll(in)
		g.body = string(rest)
	}
	return g
}

// get is a call with a great deal to spend.
func (s *scene) get(target string) got {
	s.Helper()
	return s.ask(context.Background(), 1, 1<<40, "GET", target, "", nil)
}

func (s *scene) soon(what func() bool, words string) {
	s.Helper()
	require.Eventually(s, what, 10*time.Second, time.Millisecond, words)
}

// hangingProgram is program that hangs when it is told to.
func hangingProgram(number int, in io.Reader, out io.Writer, hangs func() bool) error {
	return stdhttp.Serve(func(w *stdhttp.ResponseWriter, r *stdhttp.Request) error {
		if hangs() {
			r.Path = "/hang/"
		}
		return play(number, w, r, in, out)
	}, in, out)
}
