package benchmark

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
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

// The session that calls are paid from.
const (
	chainID  = "emc-bench-1"
	deposit  = 1 << 40
	lifetime = 24 * time.Hour
)

var sessionID = receipt.NewSessionID([]byte("bench"), 1)

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
	Proxy           string // URL of the app through a proxy that does nothing else
	Router, Session string // public keys, hex
	Peer            string
	Addrs           []string
}

// Process is a router without a chain, until in ends: everything that a call passes through, as the daemon sets it up. It
// tells out where it is, and where a plain proxy of the app, an address, is beside it; each line that it reads it answers with the processor time that it has used, in nanoseconds.
func Process(ctx context.Context, dir, node, app string, in io.Reader, out io.Writer) (err error) {
	daemon.TuneMemory()
	raw, err := hex.DecodeString(node)
	if err != nil {
		return err
	}
	key, err := receipt.ParsePublicKey(raw)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r := &process{dir: dir, node: key}
	defer func() { stop(); err = errors.Join(err, r.end()) }()
	said, err := r.start(ctx)
	if err != nil {
		return err
	}
	if said.Proxy, err = r.proxy(ctx, app); err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(said); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if _, err := fmt.Fprintln(out, processorTime().Nanoseconds()); err != nil {
			return err
		}
	}
	return nil
}

type process struct {
	dir   string
	node  receipt.PublicKey
	close []func() error
}

func (r *process) start(ctx context.Context) (said routerSays, err error) {
	id := identity.New()
	key, err := id.ReceiptKey()
	if err != nil {
		return said, err
	}
	h, err := newHost(ctx, id)
	if err != nil {
		return said, err
	}
	r.close = append(r.close, h.Close)
	chain := model.New(chainID, time.Hour, time.Minute, time.Now)
	chain.SetCover(key.Public().Address(), r.node.Address(), deposit)
	cached := session.NewCached(chain, time.Now, time.Second, 100)
	customers, err := r.ledger("customers.db")
	if err != nil {
		return said, err
	}
	keys, err := custody.Open(custody.Config{
		ChainID: chainID, Router: key.Public().Address(), Chain: cached, Store: customers, Keys: filepath.Join(r.dir, "sessions.db"), Now: time.Now,
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
		ChainID: chainID, Key: key, Public: key.Public(), Chain: cached, Store: cosigned, Now: time.Now, Margin: time.Minute,
	})
	if err != nil {
		return said, err
	}
	cfg := dispatch.Default()
	cfg.Routers, cfg.Sessions, cfg.Nodes, cfg.Host, cfg.Logger = dispatch.One(key.Public().Address(), sequencer), keys, oneNode{r.node}, h, slog.New(slog.DiscardHandler)
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
	chain.Open(sessionID, sessionKey, deposit, lifetime, session.Router{Key: key.Public(), Allotment: deposit})
	if err := keys.Claim(ctx, public, claim, sessionID); err != nil {
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
func (r *process) announce(ctx context.Context, backend *dispatch.Dispatch) {
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
func (r *process) web(ctx context.Context, backend gateway.Backend) (url, key string, err error) {
	store, err := ledger.Open(filepath.Join(r.dir, "apikeys.db"))
	if err != nil {
		return "", "", err
	}
	keys, err := apikey.New(apikey.Config{Ledger: store, MaxPerSession: 10, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		return "", "", errors.Join(err, store.Close())
	}
	r.close = append(r.close, keys.Close)
	if _, key, err = keys.Create(apikey.Key{Session: sessionID.String(), Name: "bench"}); err != nil {
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

// proxy passes the bytes of connections on to the app, and back: the least that a hop can do.
func (r *process) proxy(ctx context.Context, app string) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	r.close = append(r.close, listener.Close)
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer from.Close()
				to, err := new(net.Dialer).DialContext(ctx, "tcp", app)
				if err != nil {
					return
				}
				defer to.Close()
				go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
				_, _ = io.Copy(from, to)
			}()
		}
	}()
	return "http://" + listener.Addr().String(), nil
}

func (r *process) ledger(name string) (*ledger.File, error) {
	store, err := ledger.Open(filepath.Join(r.dir, name))
	if err == nil {
		r.close = append(r.close, store.Close)
	}
	return store, err
}

// end closes everything, the last first.
func (r *process) end() error {
	var errs []error
	for i := len(r.close) - 1; i >= 0; i-- {
		errs = append(errs, r.close[i]())
	}
	return errors.Join(errs...)
}
