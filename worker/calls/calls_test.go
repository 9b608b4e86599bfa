package calls

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/model"
	"github.com/edgematrix/emc/pkg/transfer"
)

// echo answers with the request, a uemc for each byte.
type echo struct {
	mu   sync.Mutex
	load mesh.App
	held bool
}

func (e *echo) Answer(_ context.Context, _ receipt.Request, body []byte, send func(call.Piece) error) error {
	return send(call.Piece{Data: body, Units: uint64(len(body)), Amount: uint64(len(body))})
}

func (e *echo) Admit(app string, _ uint64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.held || app != "echo" {
		return session.ErrBusy
	}
	return nil
}

func (e *echo) Loads() []mesh.App {
	e.mu.Lock()
	defer e.mu.Unlock()
	return []mesh.App{e.load}
}

func (e *echo) Run(ctx context.Context) error { <-ctx.Done(); return nil }

func newHost(t *testing.T, id identity.Identity) host.Host {
	t.Helper()
	key, err := id.HostKey()
	require.NoError(t, err)
	h, err := transfer.NewHost(t.Context(), key, []string{"/ip4/127.0.0.1/tcp/0"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// A node finds a router, dials it, tells it what it serves and when that changes, answers its calls, and redeems what they
// are worth; a router that comes back is dialled again.
func TestCalls(t *testing.T) {
	node, router, customer := identity.New(), identity.New(), identity.New()
	nodeHost, routerHost := newHost(t, node), newHost(t, router)
	chain := model.New("emc-1", time.Hour, time.Minute, time.Now)
	routerKey, err := router.ReceiptKey()
	require.NoError(t, err)
	customerKey, err := customer.ReceiptKey()
	require.NoError(t, err)
	nodeKey, err := node.ReceiptKey()
	require.NoError(t, err)
	id := receipt.NewSessionID([]byte("owner"), 1)
	chain.Open(id, customerKey.Public(), 1_000, time.Hour, session.Router{Key: routerKey.Public(), Allotment: 1_000})
	chain.SetCover(routerKey.Public().Address(), nodeKey.Public().Address(), 1_000)

	apps := &echo{load: mesh.App{ID: "echo", UnitPrice: 1, Capacity: 1, Ready: true}}
	proving := false
	ctx, stop := context.WithCancel(t.Context())
	c, err := Open(ctx, Config{
		ChainID: "emc-1", Identity: node, Host: nodeHost, Apps: apps, Chain: chain,
		Routers: func(context.Context) ([]Router, error) {
			r, err := NewRouter("emc1router", router.PubKey(), transfer.Endpoints(routerHost))
			return []Router{r}, err
		},
		Ledger: filepath.Join(t.TempDir(), "calls.db"), Terms: Terms{Credit: 100, Unwritten: 10, Amount: 1, Age: time.Second},
		Proving: func() bool { apps.mu.Lock(); defer apps.mu.Unlock(); return proving }, Accepting: func() bool { return true }, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	heard := make(chan mesh.Status, 64)
	topic, err := mesh.Join(t.Context(), mesh.Config{
		Host: routerHost, ChainID: "emc-1", Admit: func(a receipt.Address) bool { return a == nodeKey.Public().Address() }, Heard: func(s mesh.Status) { heard <- s },
	})
	require.NoError(t, err)
	go func() { _ = topic.Run(t.Context()) }()
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	status := func(want func(mesh.Status) bool) {
		t.Helper()
		timeout := time.After(20 * time.Second)
		for {
			select {
			case s := <-heard:
				if want(s) {
					return
				}
			case <-timeout:
				t.Fatal("the router did not hear it")
			}
		}
	}
	status(func(s mesh.Status) bool {
		return s.Accepting && !s.Proving && s.Credit == 100 && len(s.Apps) == 1 && s.Apps[0] == apps.Loads()[0]
	})
	apps.mu.Lock()
	apps.load.Running, proving = 1, true
	apps.mu.Unlock()
	status(func(s mesh.Status) bool { return s.Proving && s.Apps[0].Running == 1 })
	require.Equal(t, []string{"emc1router"}, c.Status().Routers)

	// A call over the connection that the node made.
	store := ledger.NewMemory()
	sequencer, err := session.NewSequencer(session.SequencerConfig{ChainID: "emc-1", Key: routerKey, Public: routerKey.Public(), Chain: chain, Store: ledger.NewMemory(), Now: time.Now, Margin: time.Minute})
	require.NoError(t, err)
	buys, err := session.NewCustomer(session.CustomerConfig{ChainID: "emc-1", Session: id, Key: customerKey, Public: customerKey.Public(), KeyID: 1, Store: store, Now: time.Now})
	require.NoError(t, err)
	lane, err := buys.Lane(routerKey.Public().Address(), nodeKey.Public(), sequencer)
	require.NoError(t, err)
	stream, err := routerHost.NewStream(t.Context(), nodeHost.ID(), call.Protocol)
	require.NoError(t, err)
	client, err := call.NewClient(call.ClientConfig{Lane: lane, Slice: 5, Ahead: 5, Wait: time.Minute, Write: time.Minute, Drain: time.Minute}, stream)
	require.NoError(t, err)
	k, err := client.Call(t.Context(), "echo", []byte("thirteen byte"), 100)
	require.NoError(t, err)
	answer, err := io.ReadAll(k)
	require.NoError(t, err)
	require.Equal(t, "thirteen byte", string(answer))
	require.NoError(t, client.Settle(t.Context()))
	require.EqualValues(t, 13, c.Status().Unredeemed)
	refused, err := client.Call(t.Context(), "other", nil, 100)
	require.NoError(t, err)
	_, err = io.ReadAll(refused)
	require.ErrorIs(t, err, session.ErrBusy, "what the apps refuse is not admitted")

	// It is not redeemed while the node proves, and then it is.
	apps.mu.Lock()
	proving = false
	apps.mu.Unlock()
	require.Eventually(t, func() bool { return c.Status().Unredeemed == 0 }, 30*time.Second, 50*time.Millisecond)
	require.EqualValues(t, 13, c.Status().Redeemed)

	// The connection breaks: the node makes it again.
	require.NoError(t, routerHost.Network().ClosePeer(nodeHost.ID()))
	require.Eventually(t, func() bool { return len(routerHost.Network().ConnsToPeer(nodeHost.ID())) > 0 }, 20*time.Second, 20*time.Millisecond)

	stop()
	require.NoError(t, <-done)
	require.NoError(t, c.Close())
}

func TestParseRouter(t *testing.T) {
	r, err := ParseRouter("/ip4/203.0.113.7/tcp/4700/p2p/" + newPeer(t).String())
	require.NoError(t, err)
	require.Len(t, r.Peer.Addrs, 1)
	for _, bad := range []string{"", "/ip4/203.0.113.7/tcp/4700", "203.0.113.7:4700"} {
		_, err := ParseRouter(bad)
		require.ErrorContains(t, err, "is no multiaddress")
	}
}

func newPeer(t *testing.T) peer.ID {
	t.Helper()
	id := identity.New()
	key, err := id.HostKey()
	require.NoError(t, err)
	p, err := peer.IDFromPrivateKey(key)
	require.NoError(t, err)
	return p
}
