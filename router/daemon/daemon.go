// Package daemon is a router that runs: it hears what nodes say, answers programs
// by HTTP, has their calls made, and co-signs vouchers within its allotments.
package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/control"
	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/probe"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/onchain"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/admission"
	"github.com/edgematrix/emc/router/apikey"
	"github.com/edgematrix/emc/router/broadcast"
	"github.com/edgematrix/emc/router/config"
	"github.com/edgematrix/emc/router/custody"
	"github.com/edgematrix/emc/router/dispatch"
	"github.com/edgematrix/emc/router/gateway"
	"github.com/edgematrix/emc/router/home"
	"github.com/edgematrix/emc/router/neighbours"
	"github.com/edgematrix/emc/router/paths"
	"github.com/edgematrix/emc/router/registry"
	"github.com/edgematrix/emc/router/relay"
)

// Options are what a daemon needs.
type Options struct {
	Home     home.Home
	Config   config.Config
	Identity identity.Identity
	Chain    *chainclient.Client
	Logger   *slog.Logger
	// Ready is called once, when programs can call. It may be nil.
	Ready func(url string)
}

// Bounds that no operator has to choose.
const (
	keep          = time.Second // how long the chain's answers count
	keptSessions  = 10_000
	margin        = time.Minute // before a session's end, within which nothing is co-signed
	keysOfSession = 1_000
	cosignIdle    = 2 * time.Minute
	cosignWrite   = 30 * time.Second
	cosignRetry   = 2 * time.Second
	// inbound are the streams that a peer may open to a router: gossip, vouchers, and what libp2p itself says. All others go the
	// other way.
	inbound = 16
)

// Daemon is a router that runs.
type Daemon struct {
	opts    Options
	log     *slog.Logger
	address receipt.Address

	sequencer, customers *ledger.File
	keys                 *apikey.Store
	custody              *custody.Custody
	cosigner             *session.Sequencer
	host                 host.Host
	admission            *admission.Admission
	relay                *relay.Relay         // nil when it is turned off
	own                  *admission.Customers // who run the gateway themselves
	registry             *registry.Registry
	dispatch             *dispatch.Dispatch
	paths                *paths.Paths
	topic                *mesh.Topic
	neighbours           *neighbours.Neighbours
	broadcast            *broadcast.Broadcast
	gateway              *gateway.Gateway
	listener             net.Listener
	metrics              *prometheus.Registry

	streams sync.WaitGroup
	mu      sync.Mutex
	chain   chainState
}

// Run serves until ctx ends: the lock of the home, the ledgers, the host that nodes
// reach, then everything that runs. It ends in the reverse order, and waits for every
// goroutine.
func Run(ctx context.Context, o Options) (err error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	unlock, err := o.Home.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	TuneMemory()
	d := &Daemon{opts: o, log: o.Logger}
	if d.address, err = receipt.ParseAddress(o.Identity.Address()); err != nil {
		return err
	}
	if _, err := o.Chain.CheckChain(ctx); errors.Is(err, chainclient.ErrWrongChain) {
		return err
	} else if err != nil {
		d.log.Warn("the chain's node does not answer yet; the router starts and waits for it", "error", err)
	}
	if err := d.open(ctx); err != nil {
		return errors.Join(err, d.close())
	}
	defer func() { err = errors.Join(err, d.close()) }()
	d.log.Info("router started", "router", d.address, "chain", o.Config.Chain.ID, "endpoints", d.endpoints(), "gateway", d.listener.Addr(),
		"home", string(o.Home), "pid", os.Getpid())
	err = d.serve(ctx)
	d.log.Info("router stopped")
	return err
}

// open opens what is on the disk and on the network.
func (d *Daemon) open(ctx context.Context) (err error) {
	o := d.opts
	key, err := o.Identity.ReceiptKey()
	if err != nil {
		return err
	}
	onChain, err := onchain.New(onchain.Config{Client: o.Chain})
	if err != nil {
		return err
	}
	chain := session.NewCached(onChain, time.Now, keep, keptSessions)
	if d.sequencer, err = ledger.Open(o.Home.Sequencer()); err != nil {
		return fmt.Errorf("what was co-signed: %w", err)
	}
	if d.customers, err = ledger.Open(o.Home.Customers()); err != nil {
		return fmt.Errorf("the customers' ledger: %w", err)
	}
	if d.cosigner, err = session.NewSequencer(session.SequencerConfig{
		ChainID: o.Config.Chain.ID, Key: key, Public: key.Public(), Chain: chain, Store: d.sequencer, Now: time.Now, Margin: margin,
	}); err != nil {
		return err
	}
	if d.custody, err = custody.Open(custody.Config{
		ChainID: o.Config.Chain.ID, Router: d.address, Chain: chain, Store: d.customers, Keys: o.Home.Sessions(), Now: time.Now,
	}); err != nil {
		return err
	}
	if err := d.openKeys(); err != nil {
		return err
	}
	d.metrics = prometheus.NewRegistry()
	d.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := d.openHost(ctx); err != nil {
		return err
	}
	return d.openGateway()
}

func (d *Daemon) openKeys() error {
	store, err := ledger.Open(d.opts.Home.APIKeys())
	if err != nil {
		return fmt.Errorf("the API keys: %w", err)
	}
	if d.keys, err = apikey.New(apikey.Config{Ledger: store, MaxPerSession: keysOfSession, Now: time.Now, Rand: rand.Reader}); err != nil {
		return errors.Join(err, store.Close())
	}
	return nil
}

// openHost makes the host, and what hears and calls nodes through it.
func (d *Daemon) openHost(ctx context.Context) error {
	o := d.opts
	hostKey, err := o.Identity.HostKey()
	if err != nil {
		return err
	}
	d.registry = registry.New(o.Chain, d.log)
	d.own = admission.NewCustomers(bound{d}, d.custody.Has, d.log, time.Now)
	ac := admission.Default()
	ac.Nodes, ac.Customer = registered{d.registry}, d.own.Has
	options := []transfer.HostOption{transfer.WithInbound(inbound)}
	if o.Config.Network.Relay {
		ac.Few, ac.Inbound = inbound, inbound+relay.CircuitsOfPeer
		options = append(options, transfer.WithCircuits(relay.Circuits, relay.CircuitsOfPeer))
	}
	d.admission = admission.New(ac)
	if d.host, err = transfer.NewHost(ctx, hostKey, o.Config.Network.Listen, append(options, transfer.WithGate(d.admission))...); err != nil {
		return fmt.Errorf("nodes could not reach this router: %w; change network.listen, or stop what uses the port", err)
	}
	if err := d.openRelay(); err != nil {
		return err
	}
	d.paths = paths.New(paths.Config{Host: d.host, Self: d.address, Router: d.registry.Router, Protocol: call.Protocol, Timing: paths.DefaultTiming(), Logger: d.log})
	dc := dispatch.Default()
	dc.Paths = d.paths
	dc.Routers, dc.Sessions, dc.Nodes, dc.Host, dc.Logger = dispatch.One(d.address, d.cosigner), d.custody, d.registry, d.host, d.log
	if d.dispatch, err = dispatch.New(dc); err != nil {
		return err
	}
	if d.topic, err = mesh.Join(ctx, mesh.Config{
		Host: d.host, ChainID: o.Config.Chain.ID, Admit: d.registry.Admit, Heard: d.dispatch.Heard, Logger: d.log,
	}); err != nil {
		return err
	}
	d.neighbours = neighbours.New(neighbours.Config{
		Host: d.host, Routers: d.others, Listens: d.topic.Listens, Timing: neighbours.DefaultTiming(), Logger: d.log,
		Rand: mathrand.New(mathrand.NewPCG(mathrand.Uint64(), mathrand.Uint64())),
	})
	return nil
}

func (d *Daemon) openGateway() error {
	o := d.opts
	gc := gateway.DefaultConfig()
	of := o.Config.Gateway
	gc.Origins, gc.MaxCalls, gc.MaxMemory = of.Origins, of.MaxCalls, int64(of.MaxMemoryMiB)<<20
	gc.MaxConns, gc.MaxConnsPerAddress = of.MaxConnections, of.MaxConnectionsPerAddress
	gc = gc.Shared()
	parts := gateway.Parts{Backend: d.dispatch, Keys: d.keys, Log: d.log, Registry: d.metrics, Now: time.Now, Rand: rand.Reader}
	d.broadcast = broadcast.New(broadcast.Config{Self: d.self, Snapshot: d.dispatch.Snapshot, Logger: d.log})
	parts.Feed = d.broadcast.Feed()
	if o.Config.Gateway.Sessions {
		parts.Sessions = sessions{d}
	}
	var err error
	if d.gateway, err = gateway.New(gc, parts); err != nil {
		return err
	}
	if d.listener, err = net.Listen("tcp", o.Config.Gateway.Listen); err != nil {
		return fmt.Errorf("programs could not reach this router: %w; change gateway.listen, or stop what uses the port", err)
	}
	return nil
}

// serve runs everything until ctx ends or one part fails.
func (d *Daemon) serve(ctx context.Context) error {
	// Calls that run when the router is told to stop go on for a while: what they need ends after the gateway.
	rest, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	g, ctx := errgroup.WithContext(ctx)
	var after errgroup.Group
	after.Go(func() error { return d.registry.Run(rest) })
	after.Go(func() error { return d.own.Run(rest) })
	after.Go(func() error { return d.admission.Run(rest, d.host) })
	after.Go(func() error { return d.topic.Run(rest) })
	after.Go(func() error { return d.neighbours.Run(rest) })
	after.Go(func() error { return d.dispatch.Run(rest) })
	after.Go(func() error { return d.paths.Run(rest) })
	after.Go(func() error { return d.forget(rest) })
	d.serveCosign(rest)
	d.serveRelay(rest)
	g.Go(func() error { return d.gateway.Serve(ctx, d.listener) })
	g.Go(func() error { return d.broadcast.Run(ctx) })
	g.Go(func() error { d.watch(ctx); return nil })
	g.Go(func() error {
		return probe.Serve(ctx, d.host, probe.Config{ChainID: d.opts.Config.Chain.ID, Sign: d.opts.Identity.Signer().Sign, Logger: d.log})
	})
	g.Go(func() error { return d.serveControl(ctx) })
	if address := d.opts.Config.Metrics.Address; address != "" {
		g.Go(func() error { return d.serveMetrics(ctx, address) })
	}
	if d.opts.Ready != nil {
		d.opts.Ready("http://" + d.listener.Addr().String() + "/v1")
	}
	err := g.Wait()
	stop()
	err = errors.Join(err, after.Wait())
	d.host.RemoveStreamHandler(call.CosignProtocol)
	d.streams.Wait()
	return err
}

// serveCosign signs for customers who keep their sessions' keys.
func (d *Daemon) serveCosign(ctx context.Context) {
	server := call.CosignServer{Cosigner: d.cosigner, Logger: d.log, Idle: cosignIdle, Write: cosignWrite, Retry: cosignRetry}
	d.host.SetStreamHandler(call.CosignProtocol, func(s network.Stream) {
		d.streams.Add(1)
		defer d.streams.Done()
		if err := server.Serve(ctx, s); err != nil && ctx.Err() == nil {
			d.log.Info("a customer's stream of vouchers ended", "peer", s.Conn().RemotePeer(), "error", err)
		}
	})
}

func (d *Daemon) serveMetrics(ctx context.Context, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("metrics.address: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(d.metrics, promhttp.HandlerOpts{}))
	return control.ServeHTTP(ctx, listener, mux)
}

func (d *Daemon) close() error {
	var errs []error
	if d.listener != nil {
		if err := d.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if d.relay != nil {
		errs = append(errs, d.relay.Close())
	}
	if d.host != nil {
		errs = append(errs, d.host.Close())
	}
	if d.keys != nil {
		errs = append(errs, d.keys.Close())
	}
	if d.custody != nil {
		errs = append(errs, d.custody.Close())
	}
	for _, l := range []*ledger.File{d.customers, d.sequencer} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	return errors.Join(errs...)
}
