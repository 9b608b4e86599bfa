package admission

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
)

// truth is what the chain says.
type truth struct {
	mu               sync.Mutex
	nodes, customers map[receipt.Address]bool
	asked            int
	now              time.Time
}

func (c *truth) Known(a receipt.Address) bool { c.mu.Lock(); defer c.mu.Unlock(); return c.nodes[a] }

func (c *truth) Admit(a receipt.Address) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return c.nodes[a]
}

func (c *truth) customer(a receipt.Address) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.customers[a]
}

func (c *truth) clock() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.now }

func (c *truth) change(f func()) { c.mu.Lock(); defer c.mu.Unlock(); f() }

type router struct {
	*testing.T
	*Admission
	host host.Host
	truth
}

func newRouter(t *testing.T, cfg Config) *router {
	r := &router{T: t, truth: truth{nodes: map[receipt.Address]bool{}, customers: map[receipt.Address]bool{}, now: time.Unix(1e9, 0)}}
	cfg.Nodes, cfg.Customer, cfg.Now = &r.truth, r.customer, r.clock
	r.Admission = New(cfg)
	r.host, _ = newHost(t, []string{"/ip4/127.0.0.1/tcp/0"}, transfer.WithGate(r.Admission), transfer.WithInbound(4))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Admission.Run(ctx, r.host) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	return r
}

func newHost(t *testing.T, listen []string, options ...transfer.HostOption) (host.Host, receipt.Address) {
	key, pub, err := crypto.GenerateSecp256k1Key(rand.Reader)
	require.NoError(t, err)
	h, err := transfer.NewHost(t.Context(), key, listen, options...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	raw, err := pub.Raw()
	require.NoError(t, err)
	public, err := receipt.ParsePublicKey(raw)
	require.NoError(t, err)
	return h, public.Address()
}

func (r *router) dial(h host.Host) {
	r.Helper()
	_ = h.Connect(r.Context(), peer.AddrInfo{ID: r.host.ID(), Addrs: r.host.Addrs()}) // who is refused may hear of it only later
}

func (r *router) here(h host.Host) bool {
	return r.host.Network().Connectedness(h.ID()) == network.Connected
}

func (r *router) until(what string, f func() bool) {
	r.Helper()
	require.Eventually(r, f, 10*time.Second, 5*time.Millisecond, what)
}

func (r *router) counted(k kind) int {
	r.Admission.mu.Lock()
	defer r.Admission.mu.Unlock()
	return r.count[k]
}

// Strangers fill their own places and no others: nodes and customers come in all the same.
func TestStrangersTakeNobodysPlace(t *testing.T) {
	r := newRouter(t, Config{Strangers: 3, Customers: 2, Patience: time.Minute, Asks: 100})
	var strangers []host.Host
	for range 12 {
		h, _ := newHost(t, nil)
		r.dial(h)
		strangers = append(strangers, h)
	}
	r.until("three strangers", func() bool { return r.counted(stranger) == 3 && len(r.host.Network().Peers()) == 3 })
	var customers int
	for range 5 {
		h, address := newHost(t, nil)
		r.change(func() { r.nodes[address] = true })
		r.dial(h)
		r.until("a node", func() bool { return r.here(h) })
		require.True(t, r.host.ConnManager().IsProtected(h.ID(), tag))
	}
	for range 4 {
		h, address := newHost(t, nil)
		r.change(func() { r.customers[address] = true })
		r.dial(h)
		if customers < 2 {
			r.until("a customer", func() bool { return r.here(h) })
			customers++
		}
	}
	r.until("all counted", func() bool { return r.counted(stranger) == 3 && r.counted(customer) == 2 && r.counted(node) == 5 })
	r.until("no more than that", func() bool { return len(r.host.Network().Conns()) == 10 })
	for _, h := range strangers {
		require.NoError(t, h.Close())
	}
	r.until("places are given back", func() bool { return r.counted(stranger) == 0 })
}

// A stranger has a while to be known by the chain; one who is known by then stays, the others go.
func TestStrangersDoNotStay(t *testing.T) {
	r := newRouter(t, Config{Strangers: 3, Customers: 2, Patience: time.Minute, Asks: 100})
	late, address := newHost(t, nil)
	never, _ := newHost(t, nil)
	r.dial(late)
	r.dial(never)
	r.until("both", func() bool { return r.counted(stranger) == 2 })
	r.change(func() { r.customers[address] = true })
	r.until("one is known", func() bool { return r.counted(customer) == 1 })
	r.change(func() { r.now = r.now.Add(2 * time.Minute) })
	r.until("the other goes", func() bool { return !r.here(never) && r.counted(stranger) == 0 })
	require.True(t, r.here(late))
	r.change(func() { delete(r.customers, address) })
	r.until("a stranger again", func() bool { return r.counted(stranger) == 1 })
	require.True(t, r.here(late))
	r.change(func() { r.now = r.now.Add(2 * time.Minute) })
	r.until("who is settled goes", func() bool { return !r.here(late) })
}

// Keys cost nothing: the chain is not asked about every one that knocks.
func TestQuestionsAreFew(t *testing.T) {
	r := newRouter(t, Config{Strangers: 3, Customers: 2, Patience: time.Minute, Asks: 5})
	for range 20 {
		h, _ := newHost(t, nil)
		r.dial(h)
		require.NoError(t, h.Close())
	}
	r.change(func() { require.Equal(t, 5, r.asked) }) // the clock stands
}

// What one peer opens is bounded, whoever it is.
func TestStreamsOfAPeer(t *testing.T) {
	r := newRouter(t, Config{Strangers: 3, Customers: 2, Patience: time.Minute, Asks: 100})
	held := make(chan network.Stream, 100)
	r.host.SetStreamHandler("/test/1", func(s network.Stream) { held <- s })
	h, _ := newHost(t, nil)
	r.dial(h)
	open := 0
	for range 50 {
		s, err := h.NewStream(t.Context(), r.host.ID(), "/test/1")
		if err != nil {
			continue
		}
		if _, err := s.Write([]byte{1}); err == nil {
			open++
		}
	}
	require.Positive(t, open)
	require.Never(t, func() bool { return len(held) > 4 }, 300*time.Millisecond, 10*time.Millisecond)
}
