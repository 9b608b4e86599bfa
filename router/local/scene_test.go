package local

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/model"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/custody"
	"github.com/edgematrix/emc/router/dispatch"
	"github.com/edgematrix/emc/router/registry"
)

const (
	chainID   = "emc-local-1"
	app       = "chat"
	unitPrice = 2
	callPrice = 10
	longest   = 200 // units of a call
	credit    = 400
	deposit   = 1 << 30
	allotment = deposit / 2
)

type pair struct {
	*secp256k1.PrivKey
	public receipt.PublicKey
}

func newPair(t testing.TB, b byte) pair {
	t.Helper()
	key := &secp256k1.PrivKey{Key: bytes.Repeat([]byte{b}, 32)}
	public, err := receipt.ParsePublicKey(key.PubKey().Bytes())
	require.NoError(t, err)
	return pair{key, public.Precompute()}
}

// clock runs by itself, and jumps when a session is to settle.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// router is one of the session's: it co-signs until it dies, and then says nothing, or is frozen, and keeps its connections.
type router struct {
	testing.TB
	pair
	chain *model.Chain
	clock *clock
	store ledger.Store
	at    string

	mu        sync.Mutex
	host      host.Host
	sequencer *session.Sequencer
	thawed    chan struct{} // closed: it works
	stop      context.CancelFunc
	serving   sync.WaitGroup
}

func newRouter(t testing.TB, chain *model.Chain, clock *clock, b byte) *router {
	t.Helper()
	r := &router{TB: t, pair: newPair(t, b), chain: chain, clock: clock, store: ledger.NewMemory(), at: "/ip4/127.0.0.1/tcp/0"}
	r.start()
	t.Cleanup(r.kill)
	return r
}

// start is a life on its ledger, at its old address.
func (r *router) start() {
	r.Helper()
	own, err := transfer.HostKey(r.Key)
	require.NoError(r, err)
	sequencer, err := session.NewSequencer(session.SequencerConfig{ChainID: chainID, Key: r, Public: r.public, Chain: r.chain, Store: r.store, Now: r.clock.Now, Margin: time.Minute})
	require.NoError(r, err)
	h, err := transfer.NewHost(r.Context(), own, []string{r.at})
	require.NoError(r, err)
	thawed := make(chan struct{})
	close(thawed)
	ctx, stop := context.WithCancel(context.Background())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.host, r.sequencer, r.thawed, r.stop, r.at = h, sequencer, thawed, stop, h.Addrs()[0].String()
	server := call.CosignServer{Cosigner: r, Logger: slog.New(slog.DiscardHandler), Idle: time.Minute, Write: time.Minute}
	h.SetStreamHandler(call.CosignProtocol, func(st network.Stream) {
		r.serving.Add(1)
		defer r.serving.Done()
		_ = server.Serve(ctx, st)
	})
	h.SetStreamHandler(ping.ID, func(st network.Stream) {
		defer st.Reset()
		b := make([]byte, ping.PingSize)
		for {
			if _, err := io.ReadFull(st, b); err != nil || r.works(ctx) != nil {
				return
			}
			if _, err := st.Write(b); err != nil {
				return
			}
		}
	})
}

// works waits as long as it is frozen.
func (r *router) works(ctx context.Context) error {
	r.mu.Lock()
	thawed := r.thawed
	r.mu.Unlock()
	select {
	case <-thawed:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *router) freeze() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.thawed = make(chan struct{})
}

func (r *router) thaw() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.thawed)
}

// kill ends the life; what was co-signed is on the disk.
func (r *router) kill() {
	r.mu.Lock()
	h, stop := r.host, r.stop
	r.host = nil
	r.mu.Unlock()
	if h != nil {
		stop()
		_ = h.Close()
		r.serving.Wait()
	}
}

// Cosign implements session.Cosigner.
func (r *router) Cosign(ctx context.Context, v receipt.Voucher) (receipt.Signature, error) {
	if err := r.works(ctx); err != nil {
		return receipt.Signature{}, err
	}
	return r.sequencer.Cosign(ctx, v)
}

func (r *router) place() (peer.AddrInfo, bool) {
	at, err := transfer.Place(r.public.Bytes(), []string{r.at})
	return at, err == nil
}

// quick is timing for routers on this machine. What is judged by silence is still seconds: the machine may be busy.
func quick() timing {
	t := defaultTiming()
	t.Every, t.Rest = 20*time.Millisecond, 100*time.Millisecond
	return t
}

func (r *router) link(h host.Host, t timing) *link {
	return newLink(&link{address: r.public.Address(), host: h, place: r.place, timing: t, log: slog.New(slog.DiscardHandler)})
}

// scene is a gateway of one's own, with two routers and two nodes.
type scene struct {
	testing.TB
	clock   *clock
	chain   *model.Chain
	routers []*router
	nodes   []*node
	host    host.Host
	links   links
	id      receipt.SessionID
	paying  *custody.Session
	*dispatch.Dispatch
}

func newScene(t testing.TB) *scene {
	t.Helper()
	s := &scene{TB: t, clock: new(clock)}
	s.chain = model.New(chainID, time.Hour, 10*time.Minute, s.clock.Now)
	own := newPair(t, 1)
	s.id = receipt.NewSessionID([]byte("owner"), 1)
	hostKey, err := transfer.HostKey(own.Key)
	require.NoError(t, err)
	s.host, err = transfer.NewHost(t.Context(), hostKey, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.host.Close() })
	var allotted []session.Router
	for i := range 2 {
		r := newRouter(t, s.chain, s.clock, byte(2+i))
		s.routers = append(s.routers, r)
		s.links = append(s.links, r.link(s.host, quick()))
		allotted = append(allotted, session.Router{Key: r.public, Allotment: allotment})
	}
	s.chain.Open(s.id, own.public, deposit, 24*time.Hour, allotted...)
	sessions, err := custody.Open(custody.Config{ChainID: chainID, Chain: s.chain, Store: ledger.NewMemory(), Keys: filepath.Join(t.TempDir(), "keys"), Now: s.clock.Now})
	require.NoError(t, err)
	t.Cleanup(func() { _ = sessions.Close() })
	require.NoError(t, sessions.Adopt(t.Context(), own.Key, s.id))
	s.paying, err = sessions.Session(t.Context(), s.id)
	require.NoError(t, err)
	for i := range 2 {
		s.nodes = append(s.nodes, s.node(byte(10+i)))
	}
	cfg := dispatch.Default()
	cfg.Routers, cfg.Sessions, cfg.Nodes, cfg.Host, cfg.Logger = s.links, sessions, s, s.host, slog.New(slog.DiscardHandler)
	cfg.SettleAge, cfg.Unsigned = 20*time.Millisecond, time.Second
	cfg.Reach = func(ctx context.Context, n registry.Node) error {
		at, err := transfer.Place(n.Key.Bytes(), n.Endpoints)
		if err != nil {
			return err
		}
		return s.host.Connect(ctx, at)
	}
	s.Dispatch, err = dispatch.New(cfg)
	require.NoError(t, err)
	s.heard()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = s.Run(ctx) })
	running.Go(func() { s.links.run(ctx) })
	t.Cleanup(func() { stop(); running.Wait(); s.links.close() })
	return s
}

// heard is what gossip brings.
func (s *scene) heard() {
	for _, n := range s.nodes {
		s.Heard(mesh.Status{Node: n.public.Address(), Accepting: true, Credit: credit, Apps: []mesh.App{
			{ID: app, UnitPrice: unitPrice, CallPrice: callPrice, Capacity: 64, Ready: true}}})
	}
}

// Node implements dispatch.Nodes.
func (s *scene) Node(a receipt.Address) (registry.Node, bool) {
	for _, n := range s.nodes {
		if n.public.Address() == a {
			return registry.Node{Key: n.public, Power: 1_000_000, Isolation: 2, Registered: true, Endpoints: transfer.Endpoints(n.host)}, true
		}
	}
	return registry.Node{}, false
}

// App implements dispatch.Nodes.
func (s *scene) App(string) (registry.App, bool) { return registry.App{}, false }

// node is a worker that says what it is asked, a byte a unit, with time to lose a router in.
type node struct {
	pair
	host host.Host
	node *session.Node
}

func (s *scene) node(b byte) *node {
	s.Helper()
	n := &node{pair: newPair(s, b)}
	own, err := transfer.HostKey(n.Key)
	require.NoError(s, err)
	n.host, err = transfer.NewHost(s.Context(), own, []string{"/ip4/127.0.0.1/tcp/0"})
	require.NoError(s, err)
	for _, r := range s.routers {
		s.chain.SetCover(r.public.Address(), n.public.Address(), deposit)
	}
	n.node, err = session.NewNode(session.NodeConfig{ChainID: chainID, Key: n, Public: n.public, Chain: s.chain, Store: ledger.NewMemory(), Now: s.clock.Now, Random: rand.Reader,
		Credit: credit, Unwritten: credit, Margin: time.Minute})
	require.NoError(s, err)
	server := call.DefaultServerConfig(n.node, n)
	server.Logger = slog.New(slog.DiscardHandler)
	ctx, stop := context.WithCancel(context.Background())
	var serving sync.WaitGroup
	n.host.SetStreamHandler(call.Protocol, func(st network.Stream) {
		serving.Add(1)
		defer serving.Done()
		_ = server.Serve(ctx, st)
	})
	s.Cleanup(func() { stop(); _ = n.host.Close(); serving.Wait() })
	return n
}

// Answer implements call.App.
func (n *node) Answer(ctx context.Context, _ receipt.Request, body []byte, send func(call.Piece) error) error {
	r, err := httpcall.ReadRequest(body)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	head, err := httpcall.AppendHead(nil, 200, nil)
	if err != nil {
		return err
	}
	if err := send(call.Piece{Data: head, Amount: callPrice}); err != nil {
		return err
	}
	for i := range text {
		if i%8 == 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(time.Millisecond):
			}
		}
		if err := send(call.Piece{Data: text[i : i+1], Units: 1, Amount: unitPrice}); err != nil {
			return err
		}
	}
	return nil
}
