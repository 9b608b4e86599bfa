package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	manet "github.com/multiformats/go-multiaddr/net"
	"golang.org/x/time/rate"

	"github.com/edgematrix/emc/pkg/transfer"
)

// Bounds of a server that no operator has to choose. An honest prober asks a few
// times an hour; there may be some hundred of them, and several behind one address.
const (
	deadline = 5 * time.Second
	atOnce   = 64
	// perSecond bounds all signatures together: under a tenth of a core.
	perSecond, burst = 200, 400
	// An address may ask so often. Without this, one flood would take the place of
	// the honest probers, and the node would seem to be gone.
	perAddressSecond, perAddressBurst = 1, 32
	// addresses is how many are kept in mind; then all are forgotten.
	addresses = 10_000
)

// Config is what a server needs.
type Config struct {
	ChainID string
	// Sign signs with the node's key.
	Sign   func(message []byte) ([]byte, error)
	Logger *slog.Logger
}

type server struct {
	cfg   Config
	slots chan struct{}
	all   *rate.Limiter

	mu        sync.Mutex
	byAddress map[netip.Prefix]*rate.Limiter
	closed    bool
	running   sync.WaitGroup
}

// Serve answers probes on the host until ctx ends; it then cuts off what is still
// running, waits for it, and returns nil.
func Serve(ctx context.Context, h host.Host, cfg Config) error {
	if cfg.ChainID == "" || cfg.Sign == nil {
		return errors.New("probes: a chain id and a key are required")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	s := newServer(cfg)
	h.SetStreamHandler(Protocol, func(st network.Stream) { s.handle(ctx, st) })
	<-ctx.Done()
	h.RemoveStreamHandler(Protocol)
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

func newServer(cfg Config) *server {
	return &server{cfg: cfg, slots: make(chan struct{}, atOnce), all: rate.NewLimiter(perSecond, burst), byAddress: map[netip.Prefix]*rate.Limiter{}}
}

func (s *server) handle(ctx context.Context, st network.Stream) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = st.Reset()
		return
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	if err := s.answer(st); err != nil {
		s.cfg.Logger.Debug("a probe was not answered", "peer", st.Conn().RemotePeer(), "error", err)
		_ = st.Reset()
		return
	}
	_ = st.Close()
}

func (s *server) answer(st network.Stream) error {
	if !s.may(st.Conn()) {
		return errors.New("too many probes")
	}
	select {
	case s.slots <- struct{}{}:
	default:
		return errors.New("too many probes at once")
	}
	defer func() { <-s.slots }()
	if err := st.SetDeadline(time.Now().Add(deadline)); err != nil {
		return err
	}
	prober, err := transfer.PubKey33(st.Conn().RemotePeer())
	if err != nil {
		return err
	}
	var c Challenge
	if _, err := io.ReadFull(st, c[:]); err != nil {
		return fmt.Errorf("no challenge: %w", err)
	}
	signature, err := s.cfg.Sign(Message(s.cfg.ChainID, c, prober))
	if err != nil {
		return err
	}
	_, err = st.Write(signature)
	return err
}

// may takes a probe from the budgets of its address and of all. The address comes
// first: what it is refused costs the others nothing.
func (s *server) may(c network.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := prefixOf(c)
	limit := s.byAddress[from]
	if limit == nil {
		if len(s.byAddress) >= addresses {
			clear(s.byAddress)
		}
		limit = rate.NewLimiter(perAddressSecond, perAddressBurst)
		s.byAddress[from] = limit
	}
	return limit.Allow() && s.all.Allow()
}

// prefixOf is what counts as one address: an IPv6 customer has a whole /56. What
// comes through a relay has none and counts as one.
func prefixOf(c network.Conn) netip.Prefix {
	ip, err := manet.ToIP(c.RemoteMultiaddr())
	if err != nil {
		return netip.Prefix{}
	}
	addr, ok := netip.AddrFromSlice(ip)
	if !ok {
		return netip.Prefix{}
	}
	addr = addr.Unmap()
	bits := 32
	if addr.Is6() {
		bits = 56
	}
	prefix, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
