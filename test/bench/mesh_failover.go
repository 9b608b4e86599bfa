package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/edgematrix/emc/test/e2e/rig"
)

const (
	failoverStreams = 32
	failoverTokens  = 20
	failoverRounds  = 4 // of which every second one stops the router instead of killing it
	failoverModel   = "paced"
)

// failoverFigures measure how soon calls go on when the router dies that co-signs them: through a customer's own gateway, of
// a session with two routers, under 32 streams.
func failoverFigures(bin string) (figures []Figure, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	f, err := newFailover(ctx, rig.Binaries(bin))
	defer func() { f.end() }()
	if err != nil {
		return nil, err
	}
	var killed, hung float64
	for round := range failoverRounds {
		r := f.routers[0]
		hangs := round%2 == 1
		took, err := f.lose(ctx, r, f.routers[1], hangs)
		if err != nil {
			return nil, fmt.Errorf("round %d: %w", round+1, err)
		}
		fmt.Printf("  round %d: calls go on %.2f s after the router %s\n", round+1, took.Seconds(), map[bool]string{false: "was killed", true: "was stopped"}[hangs])
		if hangs {
			hung = max(hung, took.Seconds())
		} else {
			killed = max(killed, took.Seconds())
		}
	}
	return []Figure{
		{"mesh.failover_seconds", killed, "s until calls are answered through another router, of 2 kills (SIGKILL) under 32 streams", "<= 5"},
		{"mesh.failover.hung_seconds", hung, "s, the same with a router that hangs (SIGSTOP) and keeps its connections", "<= 5"},
	}, nil
}

// failover is a network with two routers and a gateway of a customer's own.
type failover struct {
	close   []func()
	net     *rig.Network
	routers []*rig.Router
	url     string
	key     string
}

func (f *failover) end() {
	for i := len(f.close) - 1; i >= 0; i-- {
		f.close[i]()
	}
}

func newFailover(ctx context.Context, b rig.Binaries) (*failover, error) {
	f := &failover{}
	if err := b.Check(); err != nil {
		return f, err
	}
	dir, err := os.MkdirTemp("", "emc-bench-failover-")
	if err != nil {
		return f, err
	}
	f.close = append(f.close, func() { _ = os.RemoveAll(dir) })
	if f.net, err = rig.StartNetwork(ctx, b, filepath.Join(dir, "net"), ""); err != nil {
		return f, err
	}
	f.close = append(f.close, f.net.Kill)
	for _, name := range []string{"first", "second"} {
		r := rig.NewRouter(f.net, filepath.Join(dir, name))
		f.close = append(f.close, r.Kill)
		if err := r.Up(ctx); err != nil {
			return f, err
		}
		f.routers = append(f.routers, r)
	}
	if err := f.worker(ctx, dir); err != nil {
		return f, err
	}
	return f, f.gateway(ctx, dir)
}

// worker serves a server that says a token every 50 ms.
func (f *failover) worker(ctx context.Context, dir string) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/models", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"object":"list","data":[]}`) })
	mux.HandleFunc("POST /v1/chat/completions", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		out := http.NewResponseController(w)
		for range failoverTokens {
			select {
			case <-r.Context().Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
			_, _ = io.WriteString(w, `data: {"choices":[{"index":0,"delta":{"content":"a "}}]}`+"\n\n")
			_ = out.Flush()
		}
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	})
	server := httptest.NewServer(mux)
	f.close = append(f.close, server.Close)
	digest, err := rig.Digest(f.net.Bin.Charlm())
	if err != nil {
		return err
	}
	if _, err := f.net.Tx(ctx, "alice", "compute", "register-app", failoverModel, "wasm", digest, "--interface", "openai", "--unit", "token"); err != nil {
		return err
	}
	w := rig.NewWorker(f.net, filepath.Join(dir, "worker"))
	w.Env = []string{"EMC_WORKER_CALLS_CREDIT=5000uemc"}
	f.close = append(f.close, w.Kill)
	if err := w.Up(ctx); err != nil {
		return err
	}
	_, err = w.Run(ctx, "service", "add", failoverModel, "--price", "10uemc", "--url", server.URL, "--processes", fmt.Sprint(2*failoverStreams))
	return err
}

// gateway opens a session that allots to both routers, and runs its gateway.
func (f *failover) gateway(ctx context.Context, dir string) error {
	for _, r := range f.routers {
		if err := f.ready(ctx, r); err != nil {
			return err
		}
	}
	if _, err := f.net.Emcd(ctx, "keys", "add", "calls", "--keyring-backend", "test"); err != nil {
		return err
	}
	answer, err := f.net.Emcd(ctx, "session", "open", "100emc", "--key", "calls", "--router", f.routers[0].Address, "--router", f.routers[1].Address,
		"--from", "bob", "--keyring-backend", "test")
	if err != nil {
		return err
	}
	var next []string
	for line := range strings.Lines(answer.Out) {
		if rest, ok := strings.CutPrefix(line, "next "); ok {
			next = strings.Fields(rest)
		}
	}
	if len(next) < 2 {
		return fmt.Errorf("no gateway is told of: %s", answer.Out)
	}
	p, err := rig.Launch(filepath.Join(dir, "own.log"), nil, "", f.net.Bin.Router(), append(next[1:], "--listen", "127.0.0.1:0", "--home", filepath.Join(dir, "own"))...)
	if err != nil {
		return err
	}
	f.close = append(f.close, p.Kill)
	if _, err := p.WaitLine(ctx, "ready"); err != nil {
		return err
	}
	for line := range strings.Lines(p.Output()) {
		if rest, ok := strings.CutPrefix(line, "base URL "); ok {
			f.url = strings.TrimSpace(rest)
		}
		if rest, ok := strings.CutPrefix(line, "API key "); ok {
			f.key = strings.TrimSpace(rest)
		}
	}
	return nil
}

// ready waits until a router covers the worker.
func (f *failover) ready(ctx context.Context, r *rig.Router) error {
	return rig.Eventually(ctx, 2*time.Minute, "the worker is ready", func() (bool, error) {
		s, err := r.Status(ctx)
		return s.Ready(failoverModel) == 1 && s.Exposure.Covered == "10000000uemc", err
	})
}

// lose takes a router away under load, measures until an answer begins that another one pays, and lets it come back.
func (f *failover) lose(ctx context.Context, r, other *rig.Router, hangs bool) (took time.Duration, err error) {
	load, stop := context.WithCancel(ctx)
	answers := make(chan answered, 1_000)
	var group sync.WaitGroup
	for range failoverStreams {
		group.Go(func() { f.program(load, answers) })
	}
	defer group.Wait()
	defer stop()
	for range failoverStreams {
		if _, err := await(ctx, answers, r, time.Time{}); err != nil {
			return 0, err
		}
	}
	at := time.Now()
	if hangs {
		r.Process().Pause()
		defer r.Process().Resume()
	} else {
		r.Kill()
	}
	first, err := await(ctx, answers, other, at)
	if err != nil {
		return 0, err
	}
	if hangs {
		r.Process().Resume()
	} else if err := r.Up(ctx); err != nil {
		return 0, err
	}
	_, err = await(ctx, answers, r, time.Now())
	return first.Sub(at), err
}

// answered is a call whose first byte came.
type answered struct {
	route string
	at    time.Time
	err   error
}

// await waits for an answer that begins after a moment, and that a router pays. A call that is refused ends the measurement.
func await(ctx context.Context, answers <-chan answered, r *rig.Router, after time.Time) (time.Time, error) {
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for {
		select {
		case <-ctx.Done():
			return time.Time{}, ctx.Err()
		case <-late.C:
			return time.Time{}, errors.New("no call goes through the router")
		case a := <-answers:
			if a.err != nil {
				return time.Time{}, a.err
			}
			if a.at.After(after) && strings.Contains(a.route, "co-signed by router "+r.Address) {
				return a.at, nil
			}
		}
	}
}

// program calls again and again until ctx ends.
func (f *failover) program(ctx context.Context, answers chan<- answered) {
	for ctx.Err() == nil {
		a := f.call(ctx)
		if ctx.Err() != nil {
			return
		}
		select {
		case answers <- a:
		default: // nobody waits for it
		}
	}
}

func (f *failover) call(ctx context.Context) (a answered) {
	body, err := json.Marshal(map[string]any{"model": failoverModel, "max_tokens": failoverTokens, "stream": true,
		"messages": []map[string]string{{"role": "user", "content": "count"}}})
	if err != nil {
		return answered{err: err}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url+"/chat/completions", strings.NewReader(string(body)))
	if err != nil {
		return answered{err: err}
	}
	request.Header.Set("Authorization", "Bearer "+f.key)
	request.Header.Set("X-EMC-Debug", "1")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return answered{err: err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1_000))
		return answered{err: fmt.Errorf("a call was refused: %s %s", answer.Status, text)}
	}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if a.at.IsZero() && strings.HasPrefix(lines.Text(), "data: ") {
			a.at = time.Now()
		}
	}
	a.route = answer.Header.Get("X-EMC-Route")
	return a
}
