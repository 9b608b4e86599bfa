package paths

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
)

// link is a way between two machines that takes time.
type link struct {
	listener net.Listener
	delay    atomic.Int64 // one way
}

func newLink(t *testing.T, to host.Host) *link {
	t.Helper()
	l := &link{}
	var err error
	l.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.listener.Close() })
	_, address, err := manet.DialArgs(to.Addrs()[0])
	require.NoError(t, err)
	go func() {
		for {
			near, err := l.listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", address)
			if err != nil {
				_ = near.Close()
				continue
			}
			go l.carry(near, far)
			go l.carry(far, near)
		}
	}()
	return l
}

func (l *link) carry(from, to net.Conn) {
	type piece struct {
		at   time.Time
		data []byte
	}
	pieces := make(chan piece, 1024)
	go func() {
		defer to.Close()
		for p := range pieces {
			time.Sleep(time.Until(p.at))
			if _, err := to.Write(p.data); err != nil {
				_ = from.Close()
			}
		}
	}()
	defer close(pieces)
	for {
		buf := make([]byte, 16<<10)
		n, err := from.Read(buf)
		if n > 0 {
			pieces <- piece{time.Now().Add(time.Duration(l.delay.Load())), buf[:n]}
		}
		if err != nil {
			return
		}
	}
}

func (l *link) takes(d time.Duration) { l.delay.Store(int64(d)) }

func newHost(t *testing.T, listen ...string) (host.Host, receipt.Address) {
	t.Helper()
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	require.NoError(t, err)
	h, err := transfer.NewHost(t.Context(), key, listen)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	a, err := mesh.Address(h.ID())
	require.NoError(t, err)
	return h, a
}

// scene is a router that calls, another one that relays, and a worker that is connected with both.
type scene struct {
	*testing.T
	*Paths
	caller, relay, worker host.Host
	relayAt, workerAt     receipt.Address
	near, far             *link // of the worker, to the caller and to the relay
	stop                  func()
}

const proto = "/test/1"

func newScene(t *testing.T, near, far time.Duration) *scene {
	s := &scene{T: t}
	var self receipt.Address
	s.caller, self = newHost(t, "/ip4/127.0.0.1/tcp/0")
	s.relay, s.relayAt = newHost(t, "/ip4/127.0.0.1/tcp/0")
	s.worker, s.workerAt = newHost(t)
	s.near, s.far = newLink(t, s.caller), newLink(t, s.relay)
	s.near.takes(near)
	s.far.takes(far)
	service, err := relay.New(s.relay)
	require.NoError(t, err)
	t.Cleanup(func() { _ = service.Close() })
	transfer.HandleIntroductions(t.Context(), s.relay, func(context.Context, transfer.PubKey, transfer.Introduction) error { return nil })
	s.worker.SetStreamHandler(proto, func(st network.Stream) { _, _ = io.Copy(st, st) })
	s.dial(s.near, s.caller)
	s.dial(s.far, s.relay)
	_, err = client.Reserve(t.Context(), s.worker, peer.AddrInfo{ID: s.relay.ID()})
	require.NoError(t, err)
	// A busy machine is no lost answer.
	timing := Timing{Every: 100 * time.Millisecond, Wait: 2 * time.Second, Dial: 20 * time.Second, Again: 2 * time.Second}
	s.Paths = New(Config{Timing: timing, Host: s.caller, Self: self, Protocol: proto, Logger: slog.New(slog.DiscardHandler),
		Router: func(a receipt.Address) (peer.AddrInfo, bool) {
			return peer.AddrInfo{ID: s.relay.ID(), Addrs: s.relay.Addrs()}, a == s.relayAt
		}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Paths.Run(ctx) }()
	s.stop = sync.OnceFunc(func() { cancel(); require.NoError(t, <-done) })
	t.Cleanup(s.stop)
	return s
}

func (s *scene) dial(l *link, to host.Host) {
	s.Helper()
	at, err := manet.FromNetAddr(l.listener.Addr())
	require.NoError(s, err)
	require.NoError(s, s.worker.Connect(s.Context(), peer.AddrInfo{ID: to.ID(), Addrs: []ma.Multiaddr{at}}))
	require.Eventually(s, func() bool { return transfer.Reached(to, s.worker.ID()) }, 10*time.Second, time.Millisecond)
}

// says is what the worker tells of the relay.
func (s *scene) says(rtt time.Duration) {
	s.Heard(s.workerAt, []mesh.Link{{Router: s.relayAt, RTT: uint32(rtt.Microseconds())}})
}

// call calls once, and tells through which router it went.
func (s *scene) call() (receipt.Address, error) {
	ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
	defer cancel()
	st, via, err := s.Open(ctx, s.workerAt, s.worker.ID())
	if err != nil {
		return via, err
	}
	stop := time.AfterFunc(20*time.Second, func() { _ = st.Close() })
	defer stop.Stop()
	if _, err = st.Write([]byte("x")); err == nil {
		_, err = io.ReadFull(st, make([]byte, 1))
	}
	return via, errors.Join(err, st.Close())
}

// moves waits until calls go through a router, or directly, calls, and tells after how many rounds of measurements that is.
func (s *scene) moves(to receipt.Address) int {
	s.Helper()
	before, began := s.rounds(), time.Now()
	require.Eventually(s, func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		n := s.nodes[s.workerAt]
		if n != nil {
			n.used = time.Now() // as a call that goes on
		}
		return n == nil || n.best == to
	}, 2*time.Minute, 10*time.Millisecond)
	took := s.rounds() - before
	s.Logf("after %s and %d rounds", time.Since(began).Round(time.Millisecond), took)
	require.Eventually(s, func() bool { via, err := s.call(); return err == nil && via == to }, time.Minute, 10*time.Millisecond)
	return took
}

func (s *scene) rounds() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.nodes[s.workerAt]; n != nil {
		return n.rounds
	}
	return 0
}

var direct receipt.Address

// most rounds until a bad way is left: the one that was under way, and two slow answers.
const mostRounds = 3

// Calls take the faster way, and leave it when it degrades, and when it falls silent; and come back.
func TestTheFasterWay(t *testing.T) {
	s := newScene(t, 100*time.Millisecond, 5*time.Millisecond)
	s.moves(direct) // nothing else is known
	s.says(10 * time.Millisecond)
	_, err := s.call()
	require.NoError(t, err)
	s.moves(s.relayAt)

	s.far.takes(200 * time.Millisecond) // what the worker says of it is not even needed
	require.LessOrEqual(t, s.moves(direct), mostRounds)

	s.far.takes(5 * time.Millisecond)
	s.moves(s.relayAt)

	s.far.takes(time.Hour) // it carries nothing any more
	require.LessOrEqual(t, s.moves(direct), mostRounds)

	real := DefaultTiming()
	require.Less(t, 3*(real.Every+real.Wait), 5*time.Second)
}

// A worker that says that a router is near, when it is not, gets no calls that way.
func TestALieIsMeasured(t *testing.T) {
	s := newScene(t, 20*time.Millisecond, 200*time.Millisecond)
	s.moves(direct)
	s.says(time.Microsecond)
	require.Eventually(t, func() bool {
		_, _ = s.call()
		s.mu.Lock()
		defer s.mu.Unlock()
		w := s.nodes[s.workerAt].through[s.relayAt]
		return w != nil && w.circuit != nil && w.rtt.n >= 3
	}, 2*time.Minute, 50*time.Millisecond, "it is tried")
	require.Equal(t, direct, s.Via(s.workerAt))
}

// Two ways that are alike do not take turns.
func TestNoFlapping(t *testing.T) {
	require.False(t, better(95*time.Millisecond, 100*time.Millisecond))
	require.True(t, better(70*time.Millisecond, 100*time.Millisecond))
	require.False(t, better(100*time.Microsecond, 900*time.Microsecond), "nobody notices")
	var s samples
	require.Zero(t, s.value())
	for _, d := range []time.Duration{10, 10, 10, lost} {
		s.add(d)
	}
	require.EqualValues(t, 10, s.value(), "one that is out of line")
	s.add(lost)
	require.Equal(t, lost, s.value())
}

// Without a connection of its own the router reaches the worker through the other one.
func TestNoConnection(t *testing.T) {
	s := newScene(t, 0, 0)
	s.says(time.Millisecond)
	s.moves(direct)
	require.NoError(t, s.caller.Network().ClosePeer(s.worker.ID()))
	require.Eventually(t, func() bool { via, err := s.call(); return err == nil && via == s.relayAt }, time.Minute, 10*time.Millisecond)
	require.Equal(t, s.relayAt, s.Via(s.workerAt))

	// Who advertises a router without a place there, is not reached through it.
	liar, at := newHost(t)
	s.Heard(at, []mesh.Link{{Router: s.relayAt, RTT: 1}})
	_, _, err := s.Open(t.Context(), at, liar.ID())
	require.ErrorContains(t, err, "NO_RESERVATION")
	_, _, err = s.Open(t.Context(), receipt.Address{9}, liar.ID())
	require.Error(t, err)
	s.stop()
	require.Empty(t, s.caller.Network().ConnsToPeer(s.worker.ID()))
}
