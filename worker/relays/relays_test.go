package relays

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/transfer"
)

func newHost(t *testing.T, listen ...string) host.Host {
	t.Helper()
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	require.NoError(t, err)
	h, err := transfer.NewHost(t.Context(), key, listen)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// router relays for whom it knows.
type router struct {
	host.Host
	knows atomic.Bool
}

func (r *router) AllowReserve(peer.ID, ma.Multiaddr) bool        { return r.knows.Load() }
func (*router) AllowConnect(peer.ID, ma.Multiaddr, peer.ID) bool { return true }
func (r *router) at() peer.AddrInfo                              { return peer.AddrInfo{ID: r.ID(), Addrs: r.Addrs()} }
func through(endpoints []string, r *router) bool {
	for _, e := range endpoints {
		if strings.Contains(e, r.ID().String()) {
			return true
		}
	}
	return false
}

func newRouter(t *testing.T, knows bool) *router {
	t.Helper()
	r := &router{Host: newHost(t, "/ip4/127.0.0.1/tcp/0")}
	r.knows.Store(knows)
	s, err := relay.New(r.Host, relay.WithACL(r))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return r
}

// A worker gets places with routers as soon as they know it, gets them again when a connection breaks, and is reached
// through them.
func TestPlaces(t *testing.T) {
	worker := newHost(t)
	var routers []*router
	for range 5 {
		routers = append(routers, newRouter(t, true))
	}
	routers[0].knows.Store(false)
	r := New(Config{Host: worker, Logger: slog.New(slog.DiscardHandler), Routers: func(context.Context) (out []peer.AddrInfo, err error) {
		for _, each := range routers {
			out = append(out, each.at())
		}
		return out, nil
	}})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	require.Eventually(t, func() bool { return len(r.Endpoints()) == Most }, 10*time.Second, 10*time.Millisecond)
	require.False(t, through(r.Endpoints(), routers[0]), "it refused")
	require.True(t, through(r.Endpoints(), routers[1]))
	require.False(t, through(r.Endpoints(), routers[4]), "there are enough without it")

	reach := func(via *router) error {
		customer := newHost(t)
		at, err := ma.NewMultiaddr(transfer.CircuitEndpoints(via.at())[0])
		require.NoError(t, err)
		return customer.Connect(transfer.AllowCircuit(t.Context()), peer.AddrInfo{ID: worker.ID(), Addrs: []ma.Multiaddr{at}})
	}
	require.NoError(t, reach(routers[1]))
	require.Error(t, reach(routers[4]))

	require.Eventually(t, func() bool { return len(r.Links()) == Most && r.Links()[0].RTT > 0 }, 10*time.Second, 10*time.Millisecond)

	// A connection breaks: the place is got again, and the endpoints stay as they were.
	was := r.Endpoints()
	require.NoError(t, routers[1].Network().ClosePeer(worker.ID()))
	require.Eventually(t, func() bool { return reach(routers[1]) == nil }, 20*time.Second, 100*time.Millisecond)
	require.Equal(t, was, r.Endpoints())

	// A router dies: another one takes its place, while the lost one stands there until the number is full.
	require.NoError(t, routers[1].Close())
	require.Eventually(t, func() bool { return through(r.Endpoints(), routers[4]) || through(r.Endpoints(), routers[0]) }, 20*time.Second, 10*time.Millisecond)
	require.False(t, through(r.Endpoints(), routers[1]))
	require.Len(t, r.Endpoints(), Most)
	stop()
	require.NoError(t, <-done)
	require.Equal(t, network.Connected, worker.Network().Connectedness(routers[2].ID()))
}

// A router that does not know the worker yet is asked again.
func TestRefusal(t *testing.T) {
	worker, router := newHost(t), newRouter(t, false)
	r := New(Config{Host: worker, Logger: slog.New(slog.DiscardHandler), Routers: func(context.Context) ([]peer.AddrInfo, error) {
		return []peer.AddrInfo{router.at()}, nil
	}})
	go func() { _ = r.Run(t.Context()) }()
	require.Eventually(t, func() bool { return worker.Network().Connectedness(router.ID()) == network.Connected }, 10*time.Second, 10*time.Millisecond)
	require.Empty(t, r.Endpoints())
	router.knows.Store(true)
	require.Eventually(t, func() bool { return len(r.Endpoints()) == 1 }, 20*time.Second, 10*time.Millisecond)
}

func TestPolicy(t *testing.T) {
	home, cloud, local := []string{"/ip4/192.168.1.7/tcp/1", "/ip6/2001:4860:4860::8888/tcp/1"}, []string{"/ip4/8.8.8.8/tcp/1"}, []string{"/ip4/127.0.0.1/tcp/1"}
	announced := []string{"/ip4/8.8.8.8/tcp/1"}
	require.True(t, Auto.Wanted(nil, home))
	require.True(t, Auto.Wanted(nil, nil), "it listens nowhere")
	require.False(t, Auto.Wanted(nil, cloud))
	require.False(t, Auto.Wanted(nil, local))
	require.False(t, Auto.Wanted(announced, home))
	require.True(t, Always.Wanted(announced, cloud))
	require.False(t, Never.Wanted(nil, home))
	_, err := Parse("sometimes")
	require.ErrorContains(t, err, "none of auto, always, never")
}
