package transfer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/edgematrix/emc/pkg/job"
)

// ServerConfig bounds what peers can take from a server. DefaultServerConfig suits a worker.
type ServerConfig struct {
	MaxStrangers  int           // requests at once whose sender is not authorized yet
	MaxStreams    int           // authorized requests at once, all peers together
	MaxPerPeer    int           // authorized requests at once of one peer, that is of one job
	HeaderTimeout time.Duration // within which a request's header must be here
	IdleTimeout   time.Duration // within which each chunk of 64 KiB must pass
	Heartbeat     time.Duration // sign of life on a log that is followed; below the clients' idle timeout
	RetryAfter    time.Duration // told to those who are turned away
	Logger        *slog.Logger
}

// DefaultServerConfig returns the figures that a worker uses.
func DefaultServerConfig() ServerConfig {
	return ServerConfig{
		MaxStrangers:  64,
		MaxStreams:    256,
		MaxPerPeer:    12,
		HeaderTimeout: 5 * time.Second,
		IdleTimeout:   30 * time.Second,
		Heartbeat:     10 * time.Second,
		RetryAfter:    2 * time.Second,
		Logger:        slog.Default(),
	}
}

type server struct {
	cfg       ServerConfig
	host      host.Host
	backend   Backend
	strangers chan struct{}

	mu      sync.Mutex
	total   int
	perPeer map[peer.ID]int
	closed  bool
	running sync.WaitGroup
}

// Serve answers requests on the host until ctx ends; it then cuts off what is still running, waits for it, and returns
// nil.
func Serve(ctx context.Context, h host.Host, backend Backend) error {
	return ServeConfig(ctx, h, backend, DefaultServerConfig())
}

// ServeConfig is Serve with other bounds.
func ServeConfig(ctx context.Context, h host.Host, backend Backend, cfg ServerConfig) error {
	if cfg.MaxStrangers < 1 || cfg.MaxStreams < 1 || cfg.MaxPerPeer < 1 || cfg.HeaderTimeout <= 0 || cfg.IdleTimeout <= 0 || cfg.Heartbeat <= 0 {
		return errors.New("transfer server: every bound must be positive")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	s := &server{
		cfg: cfg, host: h, backend: backend,
		strangers: make(chan struct{}, cfg.MaxStrangers),
		perPeer:   make(map[peer.ID]int),
	}
	h.SetStreamHandler(Protocol, func(st network.Stream) { s.handle(ctx, st) })
	<-ctx.Done()
	h.RemoveStreamHandler(Protocol)
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// begin counts a handler in, unless the server is closing.
func (s *server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.running.Add(1)
	return true
}

func (s *server) handle(ctx context.Context, st network.Stream) {
	if !s.begin() {
		_ = st.Reset()
		return
	}
	defer s.running.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()

	err := s.serve(ctx, st)
	var answer *Error
	switch {
	case err == nil:
	case !errors.As(err, new(streamError)) && errors.As(err, &answer):
		c := conn{st, s.cfg.HeaderTimeout}
		if c.writeFrame(errorResponse(answer), maxResponseBytes) != nil {
			_ = st.Reset()
			return
		}
	default:
		// The stream itself failed, or bytes that were promised are not to be had: a clean end would look like success.
		s.cfg.Logger.Debug("transfer stream cut", "peer", st.Conn().RemotePeer(), "error", err)
		_ = st.Reset()
		return
	}
	stop()
	_ = st.Close()
}

// serve reads one request and answers it. It returns an *Error when an error frame is still to be sent, and any other
// error when the stream must be reset.
func (s *server) serve(ctx context.Context, st network.Stream) error {
	// A stranger costs one slot, one bounded header, and one look-up of the backend.
	select {
	case s.strangers <- struct{}{}:
	default:
		return Busy(s.cfg.RetryAfter, "the worker is answering too many strangers at once")
	}
	release := sync.OnceFunc(func() { <-s.strangers })
	defer release()

	c := conn{st, s.cfg.HeaderTimeout}
	var req request
	if err := c.readFrame(&req, maxRequestBytes); err != nil {
		if errors.Is(err, errFrame) {
			return Errorf(CodeInvalid, "%v", err)
		}
		return err
	}
	if err := job.CheckID(req.Job); err != nil {
		return Errorf(CodeInvalid, "%v", err)
	}
	id := st.Conn().RemotePeer()
	key, err := PubKey33(id)
	if err != nil {
		return Errorf(CodeForbidden, "%v", err)
	}
	if err := s.backend.Authorize(ctx, req.Job, key); err != nil {
		return s.answer(req, err)
	}
	release()

	leave, err := s.enter(id)
	if err != nil {
		return err
	}
	defer leave()
	c.idle = s.cfg.IdleTimeout
	return s.answer(req, s.dispatch(ctx, c, req))
}

// streamError is a failure of the stream or in the middle of an answer.
type streamError struct{ error }

func (e streamError) Unwrap() error { return e.error }

func (s *server) dispatch(ctx context.Context, c conn, req request) error {
	switch req.Verb {
	case verbOffer:
		return s.offer(ctx, c, req)
	case verbPut:
		return s.put(ctx, c, req)
	case verbStatus:
		return s.status(ctx, c, req)
	case verbLogs:
		return s.logs(ctx, c, req)
	case verbResult:
		return s.result(ctx, c, req)
	case verbGet:
		return s.get(ctx, c, req)
	case verbSealed:
		return s.sealedLog(ctx, c, req)
	default:
		return Errorf(CodeInvalid, "no such request: the worker may be older than this client")
	}
}

// answer turns an error of the backend into one that may leave the machine: paths and internals stay in the log.
func (s *server) answer(req request, err error) error {
	switch {
	case err == nil, errors.As(err, new(streamError)), CodeOf(err) != "":
		return err
	case errors.Is(err, context.Canceled):
		return streamError{err}
	default:
		s.cfg.Logger.Error("transfer request failed", "verb", req.Verb, "job", req.Job, "error", err)
		return Errorf(CodeInternal, "the worker could not do this; its operator finds the reason in the worker's log")
	}
}

// enter takes a slot of the peer and protects its connections from being trimmed in favour of strangers'.
func (s *server) enter(id peer.ID) (leave func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.perPeer[id] >= s.cfg.MaxPerPeer {
		return nil, Busy(s.cfg.RetryAfter, "more than %d requests at once for this job", s.cfg.MaxPerPeer)
	}
	if s.total >= s.cfg.MaxStreams {
		return nil, Busy(s.cfg.RetryAfter, "the worker serves as many requests as it can")
	}
	if s.perPeer[id] == 0 {
		s.host.ConnManager().Protect(id, string(Protocol))
	}
	s.total++
	s.perPeer[id]++
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.total--
		if s.perPeer[id]--; s.perPeer[id] == 0 {
			delete(s.perPeer, id)
			s.host.ConnManager().Unprotect(id, string(Protocol))
		}
	}, nil
}
