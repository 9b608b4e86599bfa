package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/model"
	"github.com/edgematrix/emc/router/apikey"
	"github.com/edgematrix/emc/router/custody"
	"github.com/edgematrix/emc/router/daemon"
	"github.com/edgematrix/emc/router/dispatch"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/registry"
)

// The session of which calls are paid.
const (
	benchDeposit = 1 << 40
	benchSeconds = 24 * time.Hour
)

var benchSession = receipt.NewSessionID([]byte("bench"), 1)

// oneNode is a registry of one node.
type oneNode struct{ key receipt.PublicKey }

func (n oneNode) Node(receipt.Address) (registry.Node, bool) {
	return registry.Node{Key: n.key, Registered: true}, true
}

func (n oneNode) App(string) (registry.App, bool) {
	return registry.App{Owner: "emc", Unit: "token", OpenAI: true}, true
}

// routerSays is what the router's process tells first.
type routerSays struct {
	URL, APIKey     string
	Router, Session string // public keys, hex
	Peer            string
	Addrs           []string
}

// routerProcess is a router without a chain, until its standard input ends: everything that a call passes through, as the
// daemon sets it up. Each line that it reads it answers with the processor time that it has used, in nanoseconds.
func routerProcess(dir, nodeHex string) (err error) {
	debug.SetGCPercent(daemon.GCPercent)
	raw, err := hex.DecodeString(nodeHex)
	if err != nil {
		return err
	}
	node, err := receipt.ParsePublicKey(raw)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	r := &benchRouter{dir: dir, node: node}
	defer func() { stop(); err = errors.Join(err, r.end()) }()
	said, err := r.start(ctx)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(said); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(processorTime().Nanoseconds())
	}
	return nil
}

type benchRouter struct {
	dir   string
	node  receipt.PublicKey
	close []func() error
}

func (r *benchRouter) start(ctx context.Context) (said routerSays, err error) {
	id := identity.New()
	key, err := id.ReceiptKey()
	if err != nil {
		return said, err
	}
	h, err := benchHost(ctx, id)
	if err != nil {
		return said, err
	}
	r.close = append(r.close, h.Close)
	chain := model.New(benchChain, time.Hour, time.Minute, time.Now)
	chain.SetCover(key.Public().Address(), r.node.Address(), benchDeposit)
	cached := session.NewCached(chain, time.Now, time.Second, 100)
	customers, err := r.ledger("customers.db")
	if err != nil {
		return said, err
	}
	keys, err := custody.Open(custody.Config{
		ChainID: benchChain, Router: key.Public().Address(), Chain: cached, Store: customers, Keys: filepath.Join(r.dir, "sessions.db"), Now: time.Now,
	})
	if err != nil {
		return said, err
	}
	r.close = append(r.close, keys.Close)
	cosigned, err := r.ledger("sequencer.db")
	if err != nil {
		return said, err
	}
	sequencer, err := session.NewSequencer(session.SequencerConfig{
		ChainID: benchChain, Key: key, Public: key.Public(), Chain: cached, Store: cosigned, Now: time.Now, Margin: time.Minute,
	})
	if err != nil {
		return said, err
	}
	cfg := dispatch.Default()
	cfg.Router, cfg.Cosigner, cfg.Sessions, cfg.Nodes, cfg.Host, cfg.Logger = key.Public().Address(), sequencer, keys, oneNode{r.node}, h, slog.New(slog.DiscardHandler)
	backend, err := dispatch.New(cfg)
	if err != nil {
		return said, err
	}
	go r.announce(ctx, backend)
	go func() { _ = backend.Run(ctx) }()
	public, claim, err := keys.NewKey()
	if err != nil {
		return said, err
	}
	sessionKey, err := receipt.ParsePublicKey(public)
	if err != nil {
		return said, err
	}
	chain.Open(benchSession, sessionKey, benchDeposit, benchSeconds, session.Router{Key: key.Public(), Allotment: benchDeposit})
	if err := keys.Claim(ctx, public, claim, benchSession); err != nil {
		return said, err
	}
	said.Router, said.Session, said.Peer = hex.EncodeToString(key.Public().Bytes()), hex.EncodeToString(public), h.ID().String()
	for _, a := range h.Addrs() {
		said.Addrs = append(said.Addrs, a.String())
	}
	said.URL, said.APIKey, err = r.web(ctx, backend)
	return said, err
}

// announce says that the node is there, as gossip would.
func (r *benchRouter) announce(ctx context.Context, backend *dispatch.Dispatch) {
	for {
		backend.Heard(mesh.Status{Node: r.node.Address(), Accepting: true, Credit: 1_000_000, Apps: []mesh.App{{ID: "paced", UnitPrice: 1, Capacity: 256, Ready: true}}})
		wait := time.NewTimer(mesh.Interval)
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

// web opens the gateway.
func (r *benchRouter) web(ctx context.Context, backend gateway.Backend) (url, key string, err error) {
	store, err := ledger.Open(filepath.Join(r.dir, "apikeys.db"))
	if err != nil {
		return "", "", err
	}
	keys, err := apikey.New(apikey.Config{Ledger: store, MaxPerSession: 10, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		return "", "", errors.Join(err, store.Close())
	}
	r.close = append(r.close, keys.Close)
	if _, key, err = keys.Create(apikey.Key{Session: benchSession.String(), Name: "bench"}); err != nil {
		return "", "", err
	}
	cfg := gateway.DefaultConfig()
	cfg.MaxCallsPerKey, cfg.CacheBytes = 1024, 0
	g, err := gateway.New(cfg, gateway.Parts{
		Backend: backend, Keys: keys, Log: slog.New(slog.DiscardHandler), Registry: prometheus.NewRegistry(), Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		return "", "", err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	go func() { _ = g.Serve(ctx, listener) }()
	return "http://" + listener.Addr().String(), key, nil
}

func (r *benchRouter) ledger(name string) (*ledger.File, error) {
	store, err := ledger.Open(filepath.Join(r.dir, name))
	if err == nil {
		r.close = append(r.close, store.Close)
	}
	return store, err
}

// end closes everything, the last first.
func (r *benchRouter) end() error {
	var errs []error
	for i := len(r.close) - 1; i >= 0; i-- {
		errs = append(errs, r.close[i]())
	}
	return errors.Join(errs...)
}
