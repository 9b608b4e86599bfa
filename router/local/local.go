// Package local is the gateway that a customer runs himself: the key of his session
// never leaves his machine. The session's routers co-sign his vouchers, one at a time, and
// pass on to him what nodes say of themselves; when one dies, another one goes on. He calls the nodes where the chain says that they are
// reached: directly, or through a circuit of a router's relay, which cannot read.
package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/homedir"
	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/onchain"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/apikey"
	"github.com/edgematrix/emc/router/custody"
	"github.com/edgematrix/emc/router/dispatch"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/paths"
	"github.com/edgematrix/emc/router/registry"
)

// Options are what a gateway of one session needs.
type Options struct {
	Dir     string // of its ledger and API keys; made when it is not there
	Chain   *chainclient.Client
	Session receipt.SessionID
	Secret  []byte // the session key's
	Listen  string // HOST:PORT
	Origins []string
	Logger  *slog.Logger
	// Ready is called once, when programs can call: with the base URL, and with the API key that was made for this start.
	// A router or nodes that are silent do not hold it up for long.
	Ready func(url, key string)
}

const (
	// cosignAlone is how long a signature is waited for where no other router can give one.
	cosignAlone = 30 * time.Second
	// unsigned is how long an answer waits in its middle for a signature that does not come: programs that wait for it go on
	// within five seconds, and a router that is started anew in time is not missed.
	unsigned = 3 * time.Second
	keep     = time.Second
	// silence is how long a first node is waited for: of each the first status is lost while the chain is asked about it.
	silence = 3 * mesh.Interval
)

// Gateway is one that runs.
type Gateway struct {
	opts    Options
	nodes   *registry.Registry
	routers links
	host    host.Host
	paths   *paths.Paths
	close   []func() error

	heard chan struct{} // closed when a node was heard
	once  sync.Once
}

// Run serves until ctx ends.
func Run(ctx context.Context, o Options) (err error) {
	g := &Gateway{opts: o, heard: make(chan struct{})}
	defer func() {
		for i := len(g.close) - 1; i >= 0; i-- {
			err = errors.Join(err, g.close[i]())
		}
	}()
	return g.run(ctx)
}

// lock makes the directory, and takes it.
func (g *Gateway) lock() error {
	if err := homedir.Make(g.opts.Dir); err != nil {
		return err
	}
	unlock, err := homedir.Lock(g.opts.Dir)
	if err != nil {
		return err
	}
	g.close = append(g.close, func() error { unlock(); return nil })
	return nil
}

func (g *Gateway) run(ctx context.Context) error {
	o := g.opts
	asks, err := onchain.New(onchain.Config{Client: o.Chain})
	if err != nil {
		return err
	}
	chain := session.NewCached(asks, time.Now, keep, 100)
	info, err := chain.Session(ctx, o.Session)
	if err != nil {
		return err
	}
	g.nodes = registry.New(o.Chain, o.Logger)
	if err := g.lock(); err != nil { // not before: a session that is none leaves no directory behind
		return err
	}
	identity, err := transfer.HostKey(o.Secret)
	if err != nil {
		return err
	}
	if g.host, err = transfer.NewHost(ctx, identity, nil, transfer.WithPunching()); err != nil {
		return err
	}
	g.close = append(g.close, g.host.Close)
	if g.routers, err = g.findRouters(ctx, info); err != nil {
		return err
	}
	g.close = append(g.close, func() error { g.routers.close(); return nil })
	store, err := ledger.Open(filepath.Join(o.Dir, "customer.db"))
	if err != nil {
		return err
	}
	g.close = append(g.close, store.Close)
	sessions, err := custody.Open(custody.Config{
		ChainID: o.Chain.ChainID(), Chain: chain, Store: store, Keys: filepath.Join(o.Dir, "sessions.db"), Now: time.Now,
	})
	if err != nil {
		return err
	}
	g.close = append(g.close, sessions.Close)
	if err := sessions.Adopt(ctx, o.Secret, o.Session); err != nil {
		return err
	}
	cfg := dispatch.Default()
	cfg.Routers, cfg.Sessions, cfg.Nodes, cfg.Host, cfg.Logger, cfg.Reach = g.routers, sessions, g.nodes, g.host, o.Logger, g.reach
	if len(g.routers) > 1 {
		cfg.Unsigned = unsigned
	}
	g.paths = paths.New(paths.Config{Host: g.host, Router: g.nodes.Router, Introduction: transfer.Introduction{Session: o.Session.String()},
		Protocol: call.Protocol, Timing: paths.DefaultTiming(), Logger: o.Logger})
	cfg.Paths = g.paths
	calls, err := dispatch.New(cfg)
	if err != nil {
		return err
	}
	topic, err := mesh.Join(ctx, mesh.Config{Host: g.host, ChainID: o.Chain.ChainID(), Admit: g.nodes.Admit, Logger: o.Logger, Heard: func(s mesh.Status) {
		calls.Heard(s)
		g.once.Do(func() { close(g.heard) })
	}})
	if err != nil {
		return err
	}
	o.Logger.Info("gateway started", "session", o.Session, "until", info.ExpiresAt.UTC().Format(time.RFC3339), "routers", len(g.routers), "home", o.Dir)
	return g.serve(ctx, calls, topic)
}

// serve runs everything until ctx ends or one part fails.
func (g *Gateway) serve(ctx context.Context, calls *dispatch.Dispatch, topic *mesh.Topic) error {
	web, key, err := g.web(calls)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", g.opts.Listen)
	if err != nil {
		return fmt.Errorf("programs could not reach this gateway: %w; give another --listen, or stop what uses the port", err)
	}
	// What calls need that still run goes on until the gateway has ended.
	rest, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var after errgroup.Group
	after.Go(func() error { return g.nodes.Run(rest) })
	after.Go(func() error { return topic.Run(rest) })
	after.Go(func() error { return calls.Run(rest) })
	after.Go(func() error { return g.paths.Run(rest) })
	after.Go(func() error { g.routers.run(rest); return nil })
	if g.opts.Ready != nil {
		after.Go(func() error { g.ready(rest, "http://"+listener.Addr().String()+"/v1", key); return nil })
	}
	err = web.Serve(ctx, listener)
	stop()
	return errors.Join(err, after.Wait())
}

// ready says that programs can call, once there is a node to be called.
func (g *Gateway) ready(ctx context.Context, url, key string) {
	late := time.NewTimer(silence)
	defer late.Stop()
	select {
	case <-ctx.Done():
		return
	case <-late.C:
		g.opts.Logger.Warn("no node was heard yet: programs are told that there is no such model until one is")
	case <-g.heard:
	}
	g.opts.Ready(url, key)
}

// web makes the HTTP side, with an API key for this start: the ones before it end.
func (g *Gateway) web(calls *dispatch.Dispatch) (*gateway.Gateway, string, error) {
	store, err := ledger.Open(filepath.Join(g.opts.Dir, "apikeys.db"))
	if err != nil {
		return nil, "", err
	}
	keys, err := apikey.New(apikey.Config{Ledger: store, MaxPerSession: 1_000, Now: time.Now, Rand: rand.Reader})
	if err != nil {
		return nil, "", errors.Join(err, store.Close())
	}
	g.close = append(g.close, keys.Close)
	id := g.opts.Session.String()
	old, err := keys.List(id)
	if err != nil {
		return nil, "", err
	}
	for _, k := range old {
		if k.Master && k.RevokedAt.IsZero() {
			if _, err := keys.Revoke(k.ID); err != nil {
				return nil, "", err
			}
		}
	}
	_, secret, err := keys.Create(apikey.Key{Session: id, Name: "master", Master: true})
	if err != nil {
		return nil, "", err
	}
	cfg := gateway.DefaultConfig().Alone()
	cfg.Origins = g.opts.Origins
	web, err := gateway.New(cfg, gateway.Parts{
		Backend: calls, Keys: keys, Log: g.opts.Logger, Registry: prometheus.NewRegistry(), Now: time.Now, Rand: rand.Reader,
	})
	return web, secret, err
}

// findRouters are the session's, as far as the chain says where they are reached: one that says so later is found then.
func (g *Gateway) findRouters(ctx context.Context, info session.Info) (links, error) {
	t := defaultTiming()
	if len(info.Routers) == 1 {
		t.Sign = cosignAlone
	}
	var out links
	known := 0
	for _, r := range info.Routers {
		address, last := r.Key.Address(), peer.AddrInfo{}
		if v, err := g.opts.Chain.Node(ctx, address.String()); err == nil && len(v.Node.Endpoints) > 0 {
			if last, err = transfer.Place(v.Node.Pubkey, v.Node.Endpoints); err != nil {
				return nil, err
			}
			known++
		}
		out = append(out, newLink(&link{address: address, host: g.host, timing: t, alone: len(info.Routers) == 1, log: g.opts.Logger,
			place: func() (peer.AddrInfo, bool) {
				if at, ok := g.nodes.Router(address); ok && len(at.Addrs) > 0 {
					return at, true
				}
				return last, last.ID != ""
			}}))
	}
	if known == 0 {
		return nil, fmt.Errorf("none of the session's %d router(s) says on the chain where it is reached: open a session that allots to one that does", len(info.Routers))
	}
	return out, nil
}

// reach dials a node where the chain says that it is: directly, or through a router that it has a place with.
func (g *Gateway) reach(ctx context.Context, n registry.Node) error {
	at, err := transfer.Place(n.Key.Bytes(), n.Endpoints)
	if err != nil {
		return err
	}
	return transfer.Reach(ctx, g.host, at, transfer.Introduction{Session: g.opts.Session.String()})
}
