package dispatch_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/router/registry"
)

// script is what a node's app does with a call. The first piece costs callPrice, each of the others a unit.
type script func(ctx context.Context, text string, send func(call.Piece) error) error

// node is a worker: its host dials the router, and it serves until it dies.
type node struct {
	*scene
	key  keyPair
	name string
	// Set before start: after what time the node closes streams that rest; what it does with a stream before it serves.
	idle  time.Duration
	first func(io.ReadWriteCloser)

	mu     sync.Mutex
	script script
	price  error  // of what the node says before a call
	calls  int    // that its app got
	sent   uint64 // uemc, by all its lives

	streams atomic.Int64 // that were opened
	live    sync.WaitGroup
	dying   sync.WaitGroup
	host    host.Host
	store   ledger.Store
	node    *session.Node
	stop    context.CancelFunc
	kills   int
}

func (s *scene) node(b byte) *node {
	s.Helper()
	n := &node{scene: s, key: pair(s, b), name: fmt.Sprintf("node%d", b), script: echo}
	s.reg.mu.Lock()
	s.reg.nodes[n.key.public.Address()] = registry.Node{Key: n.key.public, Power: 1_000_000, Isolation: 2, Registered: true}
	s.reg.mu.Unlock()
	s.chain.SetCover(s.key.public.Address(), n.key.public.Address(), deposit)
	s.nodes = append(s.nodes, n)
	n.start()
	n.announce()
	s.Cleanup(n.end)
	return n
}

// start begins a life on the node's ledger.
func (n *node) start() {
	n.Helper()
	var err error
	n.store = n.ledger(n.name)
	n.node, err = session.NewNode(n.config())
	require.NoError(n, err)
	server := call.DefaultServerConfig(n.node, n)
	server.Logger = slog.New(slog.DiscardHandler)
	if n.idle > 0 {
		server.Idle = n.idle
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	n.host = listen(n, n.key)
	n.host.SetStreamHandler(call.Protocol, func(st network.Stream) {
		n.live.Add(1)
		defer n.live.Done()
		if n.streams.Add(1); n.first != nil {
			n.first(st)
		}
		_ = server.Serve(ctx, st)
	})
	n.dial()
}

// dial connects to the router, which never dials.
func (n *node) dial() {
	n.Helper()
	require.NoError(n, n.host.Connect(context.Background(), peer.AddrInfo{ID: n.scene.host.ID(), Addrs: n.scene.host.Addrs()}))
	require.Eventually(n, func() bool { return n.scene.host.Network().Connectedness(n.host.ID()) == network.Connected }, 5*time.Second, time.Millisecond)
}

func (n *node) config() session.NodeConfig {
	return session.NodeConfig{ChainID: chainID, Key: n.key, Public: n.key.public, Chain: n.chain, Store: n.store, Now: n.clock.Now, Random: rand.Reader,
		Credit: credit, Unwritten: unwritten, Margin: margin, Price: func(string, uint64) error {
			n.mu.Lock()
			defer n.mu.Unlock()
			return n.price
		}}
}

// end ends a life: what was not written is lost.
func (n *node) end() {
	if n.host == nil {
		return
	}
	// A node that is killed writes and says nothing more.
	die(n.store)
	_ = n.host.Close()
	n.stop()
	n.live.Wait()
	_ = n.store.Close()
	n.host = nil
}

// kill and start again, with a new connection.
func (n *node) kill()    { n.end(); n.kills++ }
func (n *node) restart() { n.Helper(); n.kill(); n.start() }

func (n *node) does(s script) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.script = s
}

func (n *node) says(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.price = err
}

func (n *node) answered() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.calls
}

// announce is what gossip brings.
func (n *node) announce(change ...func(*mesh.Status)) {
	st := mesh.Status{Node: n.key.public.Address(), Accepting: true, Credit: credit, Apps: []mesh.App{
		{ID: app, UnitPrice: unitPrice, CallPrice: callPrice, Capacity: 64, Ready: true}}}
	for _, c := range change {
		c(&st)
	}
	n.Heard(st)
}

// Answer implements call.App.
func (n *node) Answer(ctx context.Context, _ receipt.Request, body []byte, send func(call.Piece) error) error {
	r, err := httpcall.ReadRequest(body)
	if err != nil {
		return err
	}
	text := make([]byte, r.ContentLength+int64(len(body)))
	size, _ := r.Body.Read(text)
	n.mu.Lock()
	s := n.script
	n.calls++
	n.mu.Unlock()
	return s(ctx, string(text[:size]), func(p call.Piece) error {
		err := send(p)
		if err == nil {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.sent += p.Amount
		}
		return err
	})
}

func head(send func(call.Piece) error) error {
	b, err := httpcall.AppendHead(nil, http.StatusOK, http.Header{"Content-Type": {"text/plain"}})
	if err != nil {
		return err
	}
	return send(call.Piece{Data: b, Amount: callPrice})
}

// echo answers by the text, a byte a unit.
func echo(_ context.Context, text string, send func(call.Piece) error) error {
	if err := head(send); err != nil {
		return err
	}
	for i := range len(text) {
		if err := send(call.Piece{Data: []byte{text[i]}, Units: 1, Amount: unitPrice}); err != nil {
			return err
		}
	}
	return nil
}

// hang says nothing until the call ends.
func hang(ctx context.Context, _ string, _ func(call.Piece) error) error {
	<-ctx.Done()
	return ctx.Err()
}

// begin answers by the head and the first bytes, tells begun, and goes on when the call ends.
func begin(n int, begun chan<- struct{}) script {
	return func(ctx context.Context, text string, send func(call.Piece) error) error {
		if err := echo(ctx, text[:n], send); err != nil {
			return err
		}
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
}

func cost(text string) uint64 { return callPrice + unitPrice*uint64(len(text)) }

var errApp = errors.New("the app failed")

// streams that are open to nodes.
func (s *scene) streams() (out []network.Stream) {
	for _, c := range s.host.Network().Conns() {
		for _, st := range c.GetStreams() {
			if st.Protocol() == call.Protocol {
				out = append(out, st)
			}
		}
	}
	return out
}

// lies makes a node sign receipts over another answer than it gave.
func (n *node) lies() {
	n.Helper()
	n.host.SetStreamHandler(call.Protocol, func(st network.Stream) {
		n.live.Add(1)
		defer n.live.Done()
		n.streams.Add(1)
		n.lie(st)
	})
}
