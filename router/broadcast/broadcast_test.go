package broadcast_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/feed"
	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/apikey"
	"github.com/edgematrix/emc/router/broadcast"
	"github.com/edgematrix/emc/router/dispatch"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/registry"
	"github.com/edgematrix/emc/router/selection"
)

const (
	prompt  = "a prompt that nobody else may read"
	session = "5e551040000000000000000000000001"
)

// chain knows every node, and every app.
type chain struct{}

func (chain) Node(receipt.Address) (registry.Node, bool) {
	return registry.Node{Region: "DE-BE", Isolation: 2, Power: 1_500_000, Registered: true}, true
}
func (chain) App(string) (registry.App, bool) { return registry.App{Unit: "token", OpenAI: true}, true }

func newHost(t *testing.T) (host.Host, receipt.Address) {
	t.Helper()
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	require.NoError(t, err)
	h, err := transfer.NewHost(t.Context(), key, []string{"/ip4/127.0.0.1/tcp/0"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	pub, err := transfer.PubKey33(h.ID())
	require.NoError(t, err)
	public, err := receipt.ParsePublicKey(pub[:])
	require.NoError(t, err)
	return h, public.Address()
}

// site is a router as programs see it, and a node that it hears.
type site struct {
	url, secret, keyID string
	node               receipt.Address
	says               *mesh.Topic
}

func newSite(t *testing.T) site {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { cancel(); running.Wait() })
	run := func(f func(context.Context) error) { running.Go(func() { _ = f(ctx) }) }

	at, _ := newHost(t)
	dc := dispatch.Default()
	dc.Nodes, dc.Host, dc.Logger = chain{}, at, quiet
	calls, err := dispatch.New(dc)
	require.NoError(t, err)
	run(calls.Run)
	topic, err := mesh.Join(ctx, mesh.Config{Host: at, ChainID: "emc-1", Admit: func(receipt.Address) bool { return true }, Heard: calls.Heard, Logger: quiet})
	require.NoError(t, err)
	run(topic.Run)
	b := broadcast.New(broadcast.Config{Snapshot: calls.Snapshot, Logger: quiet, Self: func() broadcast.Router {
		return broadcast.Router{ID: "emc1router", ChainID: "emc-1", Routers: topic.Routers()}
	}})
	run(b.Run)

	keys, err := apikey.New(apikey.Config{Ledger: ledger.NewMemory(), MaxPerSession: 10, Now: time.Now, Rand: rand.Reader})
	require.NoError(t, err)
	key, secret, err := keys.Create(apikey.Key{Session: session, Master: true})
	require.NoError(t, err)
	g, err := gateway.New(gateway.DefaultConfig(), gateway.Parts{
		Backend: calls, Keys: keys, Log: quiet, Registry: prometheus.NewRegistry(), Now: time.Now, Rand: rand.Reader, Feed: b.Feed(),
	})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	run(func(ctx context.Context) error { return g.Serve(ctx, listener) })

	from, node := newHost(t)
	says, err := mesh.Join(ctx, mesh.Config{Host: from, ChainID: "emc-1", Logger: quiet})
	require.NoError(t, err)
	require.NoError(t, from.Connect(ctx, peer.AddrInfo{ID: at.ID(), Addrs: at.Addrs()}))
	require.Eventually(t, func() bool { return says.Routers() == 1 }, 10*time.Second, 10*time.Millisecond)
	return site{url: "http://" + listener.Addr().String(), secret: secret, keyID: key.ID, node: node, says: says}
}

// follower collects what comes.
type follower struct {
	events chan feed.Event
	mu     sync.Mutex
	all    strings.Builder
}

func (s site) follow(t *testing.T) *follower {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/emc/v1/events", nil)
	require.NoError(t, err)
	r.Header.Set("Origin", "https://dashboard.example")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.Equal(t, "*", answer.Header.Get("Access-Control-Allow-Origin"))
	require.Contains(t, answer.Header.Get("Content-Type"), "text/event-stream")
	f := &follower{events: make(chan feed.Event, 1000)}
	ended := make(chan struct{})
	t.Cleanup(func() { cancel(); <-ended })
	go func() {
		defer close(ended)
		defer answer.Body.Close()
		_ = feed.Read(answer.Body, func(e feed.Event) error {
			f.mu.Lock()
			f.all.WriteString(e.ID + e.Kind + string(e.Data))
			f.mu.Unlock()
			f.events <- e
			return nil
		})
	}()
	return f
}

func (f *follower) node(t *testing.T, wanted func(broadcast.Node) bool) broadcast.Node {
	t.Helper()
	end := time.After(15 * time.Second)
	for {
		select {
		case e := <-f.events:
			var n broadcast.Node
			if e.Kind != broadcast.KindNode {
				continue
			}
			require.NoError(t, json.Unmarshal(e.Data, &n))
			if wanted(n) {
				return n
			}
		case <-end:
			t.Fatal("the node's change did not reach who follows")
		}
	}
}

// What a node says by gossip reaches who follows a router, within seconds; of the router's customers nothing does.
func TestStatusReachesFollowers(t *testing.T) {
	s := newSite(t)
	f := s.follow(t)
	say := func(sequence uint64, running uint32, proving bool) {
		require.NoError(t, s.says.Say(t.Context(), mesh.Status{
			Sequence: sequence, Accepting: true, Proving: proving, Credit: 777_777, Apps: []mesh.App{{ID: "chat", UnitPrice: 3, CallPrice: 5, Running: running, Capacity: 4, Ready: true}},
		}))
	}
	say(1, 0, false)
	n := f.node(t, func(broadcast.Node) bool { return true })
	require.Equal(t, broadcast.Node{
		ID: s.node.String(), Region: "DE-BE", Isolation: 2, Power: 1_500_000, Accepting: true,
		Apps: []broadcast.NodeApp{{ID: "chat", UnitPrice: 3, CallPrice: 5, Capacity: 4, Ready: true}},
	}, n)

	// A customer calls: it comes to nothing here, and passes all places where a secret could get lost.
	r, err := http.NewRequest(http.MethodPost, s.url+"/v1/embeddings", strings.NewReader(`{"model":"none","input":"`+prompt+`"}`))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+s.secret)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusNotFound, answer.StatusCode)

	say(2, 3, true)
	n = f.node(t, func(n broadcast.Node) bool { return n.Proving })
	require.Equal(t, uint32(3), n.Apps[0].Running)
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, secret := range []string{prompt, s.secret, s.keyID, session, "777777", "sk-emc"} {
		require.NotContains(t, f.all.String(), secret)
	}
}

// Nothing is told by accident: a field that comes new is put here on purpose, by somebody who asked whose secret it is.
func TestFields(t *testing.T) {
	for want, what := range map[string]any{
		"chain_id endpoints height id nodes peers region registered routers": broadcast.Router{Region: "DE"},
		"accepting apps id isolation power proving region":                   broadcast.Node{Region: "DE"},
		"call_price capacity id queued ready running unit_price":             broadcast.NodeApp{},
		"call_price id nodes ready unit_price":                               broadcast.App{},
	} {
		b, err := json.Marshal(what)
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(b, &fields))
		require.Equal(t, want, strings.Join(slices.Sorted(maps.Keys(fields)), " "))
	}
}

// A node that is silent for long is gone.
func TestGone(t *testing.T) {
	var mu sync.Mutex
	stale := false
	b := broadcast.New(broadcast.Config{Logger: slog.New(slog.DiscardHandler), Self: func() broadcast.Router { return broadcast.Router{ID: "emc1router"} }, Snapshot: func() selection.Snapshot {
		mu.Lock()
		defer mu.Unlock()
		return selection.Snapshot{Nodes: []selection.NodeStatus{{Node: selection.Node{Key: selection.Key{1}}, Stale: stale}}}
	}})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: b.Feed(), ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-ended); _ = server.Close() })
	answer, err := http.Get("http://" + listener.Addr().String())
	require.NoError(t, err)
	defer answer.Body.Close()
	err = feed.Read(answer.Body, func(e feed.Event) error {
		switch e.Kind {
		case broadcast.KindNode:
			mu.Lock()
			defer mu.Unlock()
			stale = true
		case feed.Gone:
			require.JSONEq(t, `{"kind":"node","id":"`+receipt.Address{1}.String()+`"}`, string(e.Data))
			return io.EOF
		}
		return nil
	})
	require.ErrorIs(t, err, io.EOF)
}
