package gateway

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"

	"golang.org/x/net/netutil"
)

// Serve answers on a listener until ctx ends, and then waits DrainTime for the calls that run.
func (g *Gateway) Serve(ctx context.Context, listener net.Listener) error {
	handlers := &tally{handler: g}
	server := &http.Server{
		Handler: handlers, ReadHeaderTimeout: g.HeaderTime, IdleTimeout: g.IdleTime, MaxHeaderBytes: MaxHeader - serverSlop,
		ErrorLog: log.New(io.Discard, "", 0), // it tells of what clients send; panics are told by the gateway
	}
	if g.feed != nil {
		server.RegisterOnShutdown(g.feed.Close) // its readers never go by themselves
	}
	failed := make(chan error, 1)
	each := newConns(listener, g.MaxConnsPerAddress, func() { g.metrics.refused.WithLabelValues("address_connections").Inc() })
	go func() { failed <- server.Serve(netutil.LimitListener(each, g.MaxConns)) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), g.DrainTime)
	defer cancel()
	err := server.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close() // calls that are left are cancelled
	}
	<-failed
	handlers.wait()
	return err
}

// tally waits for handlers: http.Server.Close leaves them running, and they still settle what their calls cost.
type tally struct {
	handler http.Handler
	running sync.WaitGroup

	mu   sync.Mutex
	over bool
}

func (t *tally) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.mu.Lock()
	if t.over {
		t.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	t.running.Add(1)
	t.mu.Unlock()
	defer t.running.Done()
	t.handler.ServeHTTP(w, r)
}

func (t *tally) wait() {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
	t.running.Wait()
}

// serverSlop is what net/http adds to the bound of headers.
const serverSlop = 4 << 10
