package egress

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	headerTimeout  = 10 * time.Second
	maxHeaderBytes = 64 << 10
)

// Proxy serves one program.
type Proxy struct {
	config Config
	server *http.Server
	plain  *http.Transport
	slots  chan struct{}

	mu      sync.Mutex
	closed  bool
	tunnels map[net.Conn]bool
	running sync.WaitGroup
}

// New returns a Proxy that serves nobody yet.
func New(c Config) *Proxy {
	c = c.withDefaults()
	p := &Proxy{config: c, slots: make(chan struct{}, c.MaxConns), tunnels: map[net.Conn]bool{}}
	p.plain = &http.Transport{
		// No proxy of the worker's environment: it would resolve names by itself.
		DialContext:           func(ctx context.Context, _, addr string) (net.Conn, error) { return p.dial(ctx, addr) },
		DisableKeepAlives:     true, // a connection belongs to one request, and its slot too
		DisableCompression:    true,
		ResponseHeaderTimeout: c.Idle,
	}
	p.server = &http.Server{
		Handler: http.HandlerFunc(p.handle), ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: maxHeaderBytes,
		IdleTimeout: c.Idle,
		ErrorLog:    log.New(io.Discard, "", 0), // a program's nonsense is no news
	}
	return p
}

// Serve takes connections until the listener is closed or Close is called.
func (p *Proxy) Serve(l net.Listener) error {
	err := p.server.Serve(l)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Close ends every connection and waits until nothing runs any more.
func (p *Proxy) Close() error {
	err := p.server.Close()
	p.mu.Lock()
	p.closed = true
	for c := range p.tunnels {
		c.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
	return err
}

// dial is Config.dial with a connection that ends when it is idle.
func (p *Proxy) dial(ctx context.Context, addr string) (idleConn, error) {
	conn, err := p.config.dial(ctx, addr)
	if err != nil {
		return idleConn{}, err
	}
	return idleConn{conn, p.config.Idle, new(activity)}, nil
}

// begin takes a slot, if there is one and the proxy is open.
func (p *Proxy) begin() (end func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false
	}
	select {
	case p.slots <- struct{}{}:
	default:
		return nil, false
	}
	p.running.Add(1)
	return func() { <-p.slots; p.running.Done() }, true
}

func (p *Proxy) handle(w http.ResponseWriter, r *http.Request) {
	end, ok := p.begin()
	if !ok {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "egress: too many connections at a time; close some and try again", http.StatusServiceUnavailable)
		return
	}
	defer end()
	switch {
	case r.Method == http.MethodConnect:
		p.tunnel(w, r)
	case r.URL.Scheme == "http" && r.URL.Host != "":
		p.forward(w, r)
	default:
		http.Error(w, "egress: this is a proxy; ask for http://HOST/PATH, or CONNECT HOST:PORT", http.StatusBadRequest)
	}
}

func refuse(w http.ResponseWriter, err error) {
	status := http.StatusBadGateway
	if errors.Is(err, ErrForbidden) {
		status = http.StatusForbidden
	}
	http.Error(w, "egress: "+err.Error(), status)
}

func (p *Proxy) tunnel(w http.ResponseWriter, r *http.Request) {
	far, err := p.dial(r.Context(), r.Host)
	if err != nil {
		refuse(w, err)
		return
	}
	defer far.Close()
	taken, rest, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, "egress: "+err.Error(), http.StatusInternalServerError)
		return
	}
	near := idleConn{taken, p.config.Idle, far.seen}
	defer near.Close()
	if !p.track(taken, far) {
		return
	}
	defer p.untrack(taken, far)
	if _, err := io.WriteString(near, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// What the client sent behind its request is in the buffer.
		early := io.LimitReader(rest, int64(rest.Reader.Buffered()))
		pass(far, buffered{near, io.MultiReader(early, near)})
	}()
	pass(near, far)
	<-done
}

// buffered is a connection of which some bytes were read already.
type buffered struct {
	net.Conn
	r io.Reader
}

func (b buffered) Read(p []byte) (int, error) { return b.r.Read(p) }

// pass copies one direction, and then says that no more will come; after an
// error it ends the other one too.
func pass(to, from net.Conn) {
	if _, err := io.Copy(to, readerOnly{from}); err != nil {
		to.Close()
		from.Close()
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		to.Close()
	}
}

// readerOnly hides what io.Copy would use to go around idleConn.
type readerOnly struct{ io.Reader }

func (p *Proxy) forward(w http.ResponseWriter, r *http.Request) {
	out := r.Clone(r.Context())
	out.RequestURI = ""
	dropHopHeaders(out.Header)
	resp, err := p.plain.RoundTrip(out)
	if err != nil {
		refuse(w, err)
		return
	}
	defer resp.Body.Close()
	dropHopHeaders(resp.Header)
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	// A client that went away is no error.
	_, _ = io.Copy(w, resp.Body)
}

// dropHopHeaders takes out what concerns one connection only.
func dropHopHeaders(h http.Header) {
	for _, list := range h["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			h.Del(strings.TrimSpace(name))
		}
	}
	for name := range h {
		if slices.Contains([]string{"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}, name) {
			h.Del(name)
		}
	}
}

func (p *Proxy) track(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	for _, c := range conns {
		p.tunnels[c] = true
	}
	return true
}

func (p *Proxy) untrack(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		delete(p.tunnels, c)
	}
}
