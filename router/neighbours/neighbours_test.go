package neighbours_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/admission"
	"github.com/edgematrix/emc/router/neighbours"
)

const chainID = "emc-1"

// registry is a chain that knows routers and nodes.
type registry struct {
	mu      sync.Mutex
	known   map[receipt.Address]bool
	routers []peer.AddrInfo
}

func (r *registry) Known(a receipt.Address) bool { r.mu.Lock(); defer r.mu.Unlock(); return r.known[a] }
func (r *registry) Admit(a receipt.Address) bool { return r.Known(a) }

func (r *registry) register(a receipt.Address) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[a] = true
}

func (r *registry) list(context.Context) ([]peer.AddrInfo, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]peer.AddrInfo{}, r.routers...), nil
}

func (r *registry) publish(h host.Host) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.routers = append(r.routers, peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
}

// site is a region of routers, each with its host, its gate and its end of the topic.
type site struct {
	*testing.T
	registry
	routers []*router
}

type router struct {
	host  host.Host
	topic *mesh.Topic
	links *neighbours.Neighbours

	mu    sync.Mutex
	heard map[receipt.Address]uint64 // node → sequence
}

func newSite(t *testing.T) *site {
	return &site{T: t, registry: registry{known: map[receipt.Address]bool{}}}
}

func (s *site) run(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- f(ctx) }()
	s.Cleanup(func() { cancel(); require.NoError(s, <-ended) })
}

func (s *site) host(options ...transfer.HostOption) (host.Host, receipt.Address) {
	s.Helper()
	key, _, err := crypto.GenerateSecp256k1Key(nil)
	require.NoError(s, err)
	h, err := transfer.NewHost(s.Context(), key, []string{"/ip4/127.0.0.1/tcp/0"}, options...)
	require.NoError(s, err)
	s.Cleanup(func() { _ = h.Close() })
	address, err := mesh.Address(h.ID())
	require.NoError(s, err)
	return h, address
}

// router opens one whose gate has no place for strangers.
func (s *site) router(timing neighbours.Timing) *router {
	s.Helper()
	return s.routerThat(s.Admit, timing)
}

// routerThat passes on what it admits.
func (s *site) routerThat(admits func(receipt.Address) bool, timing neighbours.Timing) *router {
	s.Helper()
	cfg := admission.Default()
	cfg.Nodes, cfg.Customer, cfg.Strangers = s, func(receipt.Address) bool { return false }, 0
	gate := admission.New(cfg)
	r := &router{heard: map[receipt.Address]uint64{}}
	var address receipt.Address
	r.host, address = s.host(transfer.WithGate(gate))
	s.register(address)
	var err error
	r.topic, err = mesh.Join(s.Context(), mesh.Config{Host: r.host, ChainID: chainID, Admit: admits, Logger: slog.New(slog.DiscardHandler), Heard: func(st mesh.Status) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.heard[st.Node] = st.Sequence
	}})
	require.NoError(s, err)
	r.links = neighbours.New(neighbours.Config{
		Host: r.host, Routers: s.list, Listens: r.topic.Listens, Timing: timing, Logger: slog.New(slog.DiscardHandler),
		Rand: rand.New(rand.NewPCG(1, uint64(len(s.routers)))),
	})
	s.run(func(ctx context.Context) error { return gate.Run(ctx, r.host) })
	s.run(r.topic.Run)
	s.routers = append(s.routers, r)
	s.publish(r.host)
	return r
}

func (s *site) begin() {
	for _, r := range s.routers {
		s.run(r.links.Run)
	}
}

func (s *site) until(what string, f func() bool) {
	s.Helper()
	require.Eventually(s, f, time.Minute, 5*time.Millisecond, what)
}

func (r *router) has(node receipt.Address, sequence uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.heard[node] >= sequence
}

func (r *router) with(h host.Host) bool {
	return r.host.Network().Connectedness(h.ID()) == network.Connected
}

// dialled counts the others that a router dialled.
func (r *router) dialled() (n int) {
	for _, c := range r.host.Network().Conns() {
		if c.Stat().Direction == network.DirOutbound {
			n++
		}
	}
	return n
}

// quick looks often, so that a test need not wait; nobody is let go of because a machine is slow.
func quick() neighbours.Timing {
	return neighbours.Timing{
		Look: 10 * time.Millisecond, Find: 50 * time.Millisecond, Soon: 50 * time.Millisecond, Dial: 10 * time.Second, First: 20 * time.Millisecond, Last: 100 * time.Millisecond,
		Mute: time.Minute, Renew: time.Hour,
	}
}

// A node that dials one router is heard by all of them, and no router dials more than a few others.
func TestAStatusGoesOnFromRouterToRouter(t *testing.T) {
	s := newSite(t)
	for range 3 * neighbours.Dials {
		s.router(quick())
	}
	s.begin()
	s.until("all routers have their neighbours", func() bool {
		for _, r := range s.routers {
			if r.links.Count() != neighbours.Dials {
				return false
			}
		}
		return true
	})
	s.everybodyHears(s.routers, s.routers[0])
	for i, r := range s.routers {
		require.LessOrEqual(t, r.dialled(), neighbours.Dials, fmt.Sprint("router ", i))
	}
}

// everybodyHears has a node that dials one router speak until all of some heard it.
func (s *site) everybodyHears(all []*router, home *router) {
	s.Helper()
	node, address := s.host()
	s.register(address)
	says, err := mesh.Join(s.Context(), mesh.Config{Host: node, ChainID: chainID, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(s, err)
	require.NoError(s, node.Connect(s.Context(), peer.AddrInfo{ID: home.host.ID(), Addrs: home.host.Addrs()}))
	s.until("the node knows its router", func() bool { return says.Routers() == 1 })
	sequence := uint64(0)
	tick := time.NewTicker(300 * time.Millisecond) // four a second are heard
	defer tick.Stop()
	s.until("all routers hear the node", func() bool {
		select {
		case <-tick.C:
			sequence++
			require.NoError(s, says.Say(s.Context(), mesh.Status{Sequence: sequence, Accepting: true}))
		default:
		}
		for _, r := range all {
			if !r.has(address, 1) {
				return false
			}
		}
		return true
	})
}

// Half of the routers pass on nothing: the others hear a node that dials one of them all the same, as each draws others anew.
func TestRoutersThatDropEverything(t *testing.T) {
	s := newSite(t)
	timing := quick()
	timing.Renew = 500 * time.Millisecond
	for range neighbours.Dials { // the first that the chain lists
		s.routerThat(func(receipt.Address) bool { return false }, timing)
	}
	for range neighbours.Dials {
		s.router(timing)
	}
	honest := s.routers[neighbours.Dials:]
	s.begin()
	s.everybodyHears(honest, honest[0])
}

// A router that is the only other one is dialled until it is there, and again when it was gone.
func TestTheOnlyOtherOne(t *testing.T) {
	s := newSite(t)
	one := s.router(quick())
	key, _, err := crypto.GenerateSecp256k1Key(nil)
	require.NoError(t, err)
	late, err := transfer.NewHost(t.Context(), key, []string{"/ip4/127.0.0.1/tcp/0"})
	require.NoError(t, err)
	at := late.Addrs()[0].String()
	address, err := mesh.Address(late.ID())
	require.NoError(t, err)
	s.register(address)
	s.publish(late)
	require.NoError(t, late.Close())
	s.begin()
	for range 2 {
		require.Zero(t, one.links.Count())
		late, err = transfer.NewHost(t.Context(), key, []string{at})
		require.NoError(t, err)
		_, err = mesh.Join(t.Context(), mesh.Config{Host: late, ChainID: chainID, Heard: func(mesh.Status) {}, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		s.until("the other one is there", func() bool { return one.links.Count() == 1 })
		require.NoError(t, late.Close())
		s.until("it is gone", func() bool { return one.links.Count() == 0 })
	}
}

// Who keeps a connection and is not on the topic is let go of: its place is for one who passes on what he hears.
func TestWhoIsMuteIsNoNeighbour(t *testing.T) {
	s := newSite(t)
	timing := quick()
	timing.Mute, timing.First, timing.Last = 50*time.Millisecond, time.Hour, time.Hour
	one := s.router(timing)
	var mute []host.Host
	for range neighbours.Dials {
		h, address := s.host()
		s.register(address)
		s.publish(h)
		mute = append(mute, h)
	}
	s.run(one.links.Run)
	s.until("the mute were dialled, and let go of", func() bool {
		for _, h := range mute {
			if one.with(h) {
				return false
			}
		}
		return one.dialled() == 0
	})
	timing.Mute = time.Minute
	s.router(timing)
	s.until("one who listens", func() bool { return one.links.Count() == 1 })
}

// One of the few makes room for another now and then.
func TestRenewal(t *testing.T) {
	s := newSite(t)
	timing := quick()
	timing.Renew = 20 * time.Millisecond
	one := s.router(timing)
	for range neighbours.Dials + 1 {
		s.router(quick())
	}
	s.run(one.links.Run)
	met := map[peer.ID]bool{}
	s.until("all others were neighbours", func() bool {
		for _, r := range s.routers[1:] {
			if one.with(r.host) {
				met[r.host.ID()] = true
			}
		}
		require.LessOrEqual(t, one.links.Count(), neighbours.Dials)
		return len(met) == len(s.routers)-1
	})
}
