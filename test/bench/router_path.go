package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/edgematrix/emc/pkg/httpcall"
	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/model"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/apikey"
	"github.com/edgematrix/emc/router/custody"
	"github.com/edgematrix/emc/router/dispatch"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/registry"
)

// The paced app: an answer of so many tokens, one each.
const (
	pacedTokens = 32
	pacedEvery  = 20 * time.Millisecond
	pacedEvent  = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n"
)

// path is a gateway, a node that it calls, and the node's app without them: the same handler, asked directly.
type path struct {
	routed, direct string // URLs
	key            string // API key
	close          []func() error
}

// paced writes the tokens of an answer, at once when asked for none.
func paced(ctx context.Context, tokens int, write func([]byte) error) error {
	for range tokens {
		wait := time.NewTimer(pacedEvery)
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
		if err := write([]byte(pacedEvent)); err != nil {
			return err
		}
	}
	return write([]byte("data: [DONE]\n\n"))
}

// tokensOf is how many tokens a request gets: a small call is answered at once.
func tokensOf(body []byte) int {
	if bytes.Contains(body, []byte(`"max_tokens":1,`)) {
		return 0
	}
	return pacedTokens
}

// pacedApp is the app behind a node.
type pacedApp struct{}

func (pacedApp) Answer(ctx context.Context, _ receipt.Request, body []byte, send func(call.Piece) error) error {
	r, err := httpcall.ReadRequest(body)
	if err != nil {
		return err
	}
	asked, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	head, err := httpcall.AppendHead(nil, 200, http.Header{"Content-Type": {"text/event-stream"}})
	if err != nil {
		return err
	}
	if err := send(call.Piece{Data: head}); err != nil {
		return err
	}
	return paced(ctx, tokensOf(asked), func(b []byte) error { return send(call.Piece{Data: b, Units: 1, Amount: 1}) })
}

// pacedHandler is the same app as a server.
func pacedHandler(w http.ResponseWriter, r *http.Request) {
	asked, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	_ = out.Flush()
	_ = paced(r.Context(), tokensOf(asked), func(b []byte) error {
		if _, err := w.Write(b); err != nil {
			return err
		}
		return out.Flush()
	})
}

// oneNode is a registry of one node.
type oneNode struct{ key receipt.PublicKey }

func (n oneNode) Node(receipt.Address) (registry.Node, bool) {
	return registry.Node{Key: n.key, Registered: true}, true
}

func (n oneNode) App(string) (registry.App, bool) {
	return registry.App{Owner: "emc", Unit: "token", OpenAI: true}, true
}

// newPath opens all parties, with their ledgers in a folder: what binds them is durable, as in production.
func newPath(ctx context.Context, dir string) (p *path, err error) {
	p = &path{}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.end())
		}
	}()
	node, router := identity.New(), identity.New()
	nodeKey, err := node.ReceiptKey()
	if err != nil {
		return p, err
	}
	routerKey, err := router.ReceiptKey()
	if err != nil {
		return p, err
	}
	chain := model.New(benchChain, time.Hour, time.Minute, time.Now)
	chain.SetCover(routerKey.Public().Address(), nodeKey.Public().Address(), 1<<40)
	cached := session.NewCached(chain, time.Now, time.Second, 100)
	nodeHost, err := p.node(ctx, dir, node, nodeKey, cached)
	if err != nil {
		return p, err
	}
	routerHost, err := p.host(ctx, router)
	if err != nil {
		return p, err
	}
	if err := nodeHost.Connect(ctx, peer.AddrInfo{ID: routerHost.ID(), Addrs: routerHost.Addrs()}); err != nil {
		return p, err
	}
	customers, err := p.ledger(dir, "customers.db")
	if err != nil {
		return p, err
	}
	keys, err := custody.Open(custody.Config{
		ChainID: benchChain, Router: routerKey.Public().Address(), Chain: cached, Store: customers, Keys: filepath.Join(dir, "sessions.db"), Now: time.Now,
	})
	if err != nil {
		return p, err
	}
	p.close = append(p.close, keys.Close)
	cosigned, err := p.ledger(dir, "sequencer.db")
	if err != nil {
		return p, err
	}
	sequencer, err := session.NewSequencer(session.SequencerConfig{
		ChainID: benchChain, Key: routerKey, Public: routerKey.Public(), Chain: cached, Store: cosigned, Now: time.Now, Margin: time.Minute,
	})
	if err != nil {
		return p, err
	}
	cfg := dispatch.Default()
	cfg.Router, cfg.Cosigner, cfg.Sessions, cfg.Nodes, cfg.Host, cfg.Logger = routerKey.Public().Address(), sequencer, keys, oneNode{nodeKey.Public()}, routerHost, slog.New(slog.DiscardHandler)
	backend, err := dispatch.New(cfg)
	if err != nil {
		return p, err
	}
	announce := func() {
		backend.Heard(mesh.Status{Node: nodeKey.Public().Address(), Accepting: true, Credit: 1_000_000, Apps: []mesh.App{{ID: "paced", UnitPrice: 1, Capacity: 256, Ready: true}}})
	}
	announce()
	go func() {
		tick := time.NewTicker(mesh.Interval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				announce()
			}
		}
	}()
	go func() { _ = backend.Run(ctx) }()
	id, err := openPaced(ctx, chain, keys, routerKey.Public())
	if err != nil {
		return p, err
	}
	return p, p.serve(ctx, dir, backend, id)
}

// openPaced opens a session whose key is in custody.
func openPaced(ctx context.Context, chain *model.Chain, keys *custody.Custody, router receipt.PublicKey) (receipt.SessionID, error) {
	public, claim, err := keys.NewKey()
	if err != nil {
		return receipt.SessionID{}, err
	}
	key, err := receipt.ParsePublicKey(public)
	if err != nil {
		return receipt.SessionID{}, err
	}
	id := receipt.NewSessionID([]byte("bench"), 1)
	chain.Open(id, key, 1<<40, 24*time.Hour, session.Router{Key: router, Allotment: 1 << 40})
	return id, keys.Claim(ctx, public, claim, id)
}

// node answers calls with the paced app.
func (p *path) node(ctx context.Context, dir string, id identity.Identity, key *receipt.SecretKey, chain session.Chain) (host.Host, error) {
	h, err := p.host(ctx, id)
	if err != nil {
		return nil, err
	}
	store, err := p.ledger(dir, "node.db")
	if err != nil {
		return nil, err
	}
	n, err := session.NewNode(session.NodeConfig{
		ChainID: benchChain, Key: key, Public: key.Public(), Chain: chain, Store: store, Now: time.Now, Random: rand.Reader,
		Credit: 1_000_000, Unwritten: 10_000, Margin: time.Minute, MaxRunning: 1024,
	})
	if err != nil {
		return nil, err
	}
	server := call.DefaultServerConfig(n, pacedApp{})
	server.Logger = slog.New(slog.DiscardHandler)
	h.SetStreamHandler(call.Protocol, func(s network.Stream) { _ = server.Serve(ctx, s) })
	return h, nil
}

// serve opens the gateway, and the app itself beside it.
func (p *path) serve(ctx context.Context, dir string, backend gateway.Backend, id receipt.SessionID) error {
	store, err := ledger.Open(filepath.Join(dir, "apikeys.db"))
	if err != nil {
		return err
	}
	keys, err := apikey.New(apikey.Config{Ledger: store, MaxPerSession: 10, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	p.close = append(p.close, keys.Close)
	if _, p.key, err = keys.Create(apikey.Key{Session: id.String(), Name: "bench"}); err != nil {
		return err
	}
	cfg := gateway.DefaultConfig()
	cfg.MaxCallsPerKey, cfg.CacheBytes = 1024, 0
	g, err := gateway.New(cfg, gateway.Parts{
		Backend: backend, Keys: keys, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		return err
	}
	routed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	direct, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, routed.Close())
	}
	go func() { _ = g.Serve(ctx, routed) }()
	app := &http.Server{Handler: http.HandlerFunc(pacedHandler), ReadHeaderTimeout: time.Minute}
	go func() { _ = app.Serve(direct) }()
	p.close = append(p.close, app.Close)
	p.routed, p.direct = "http://"+routed.Addr().String(), "http://"+direct.Addr().String()
	return nil
}

func (p *path) host(ctx context.Context, id identity.Identity) (host.Host, error) {
	key, err := id.HostKey()
	if err != nil {
		return nil, err
	}
	h, err := transfer.NewHost(ctx, key, []string{"/ip4/127.0.0.1/tcp/0"})
	if err == nil {
		p.close = append(p.close, h.Close)
	}
	return h, err
}

func (p *path) ledger(dir, name string) (*ledger.Bolt, error) {
	store, err := ledger.Open(filepath.Join(dir, name))
	if err == nil {
		p.close = append(p.close, store.Close)
	}
	return store, err
}

// end closes everything, the last first.
func (p *path) end() error {
	var errs []error
	for i := len(p.close) - 1; i >= 0; i-- {
		errs = append(errs, p.close[i]())
	}
	return errors.Join(errs...)
}

// benchDir is on the disk that the ledgers of a router would be on.
func benchDir() (string, error) {
	if err := os.MkdirAll("build", 0o755); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("build", "bench-router-")
	if err != nil {
		return "", fmt.Errorf("a folder for ledgers: %w", err)
	}
	return dir, nil
}
