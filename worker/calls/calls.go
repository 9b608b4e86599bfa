// Package calls is a worker's side of sessions: it answers calls of its services,
// keeps the ledger of what they earn, takes vouchers to the chain, keeps
// connections to routers, and tells them how busy the node is.
package calls

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// Apps are what the node answers calls of. *service.Set is one.
type Apps interface {
	call.App
	// Admit refuses a call before it is admitted: an app that is not served, a price too low, a full queue, a node that proves.
	Admit(app string, maxPrice uint64) error
	// Loads tells how busy each app is.
	Loads() []mesh.App
	// Run runs what the apps need until ctx ends.
	Run(ctx context.Context) error
}

// Config is what a node needs to answer calls.
type Config struct {
	ChainID  string
	Identity identity.Identity
	Host     host.Host
	Apps     Apps
	// Chain answers what sessions and covers say, and sends redemptions.
	Chain session.Chain
	// Routers finds the routers to keep connections with, as often as it is asked.
	Routers func(ctx context.Context) ([]Router, error)
	// Links are the routers that relay to the node. It may be nil.
	Links func() []mesh.Link
	// Ledger is the file that all this binds the node by.
	Ledger string
	Terms  Terms
	// Proving and Accepting are the worker's state.
	Proving, Accepting func() bool
	Logger             *slog.Logger
}

// Terms are what the node risks, and when it redeems.
type Terms struct {
	Credit    uint64        // uemc that a lane may owe the node
	Unwritten uint64        // uemc that a kill of the worker may cost
	Amount    uint64        // uemc from which on a lane is redeemed
	Age       time.Duration // after which a lane is redeemed in any case
}

// Bounds that no operator has to choose.
const (
	margin      = time.Minute // before a session's end, within which nothing is admitted
	keep        = time.Second // how long the chain's answers count
	sessions    = 1_000       // that are kept of them
	redeemEvery = 5 * time.Second
	batch       = 100
	backoff     = 2 * time.Second
	longest     = 5 * time.Minute
)

// Calls is a node that answers calls.
type Calls struct {
	cfg      Config
	log      *slog.Logger
	store    *ledger.File
	node     *session.Node
	redeemer *session.Redeemer
	topic    *mesh.Topic
	server   call.ServerConfig
	deaf     deaf // of the goroutine that dials

	streams sync.WaitGroup
	mu      sync.Mutex
	paid    uint64 // uemc since the start
	routers []Router
}

// Open opens the ledger and joins the topic. Run makes it work, Close ends it.
func Open(ctx context.Context, cfg Config) (c *Calls, err error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	c = &Calls{cfg: cfg, log: cfg.Logger, deaf: newDeaf()}
	key, err := cfg.Identity.ReceiptKey()
	if err != nil {
		return nil, err
	}
	if c.store, err = ledger.Open(cfg.Ledger); err != nil {
		return nil, fmt.Errorf("the ledger of calls: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.store.Close())
		}
	}()
	chain := session.NewCached(cfg.Chain, time.Now, keep, sessions)
	if c.node, err = session.NewNode(session.NodeConfig{
		ChainID: cfg.ChainID, Key: key, Public: key.Public(), Chain: chain, Store: c.store, Now: time.Now, Random: rand.Reader,
		Credit: cfg.Terms.Credit, Unwritten: cfg.Terms.Unwritten, Margin: margin, Price: cfg.Apps.Admit,
	}); err != nil {
		return nil, err
	}
	if c.redeemer, err = session.NewRedeemer(session.RedeemerConfig{
		Node: c.node, Chain: chain, Now: time.Now, Logger: c.log,
		Amount: cfg.Terms.Amount, Age: cfg.Terms.Age, Batch: batch, Backoff: backoff, MaxBackoff: longest,
	}); err != nil {
		return nil, err
	}
	c.server = call.DefaultServerConfig(c.node, cfg.Apps)
	c.server.Logger = c.log
	c.topic, err = mesh.Join(ctx, mesh.Config{Host: cfg.Host, ChainID: cfg.ChainID, Logger: c.log})
	return c, err
}

// Run answers calls until ctx ends. Running ones are cancelled then, and charged as
// far as they came.
func (c *Calls) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	c.cfg.Host.SetStreamHandler(call.Protocol, func(s network.Stream) {
		c.streams.Add(1)
		defer c.streams.Done()
		if err := c.server.Serve(ctx, s); err != nil && ctx.Err() == nil && !errors.Is(err, io.EOF) {
			c.log.Info("a stream of calls ended", "peer", s.Conn().RemotePeer(), "error", err)
		}
	})
	g.Go(func() error { return c.cfg.Apps.Run(ctx) })
	g.Go(func() error { return c.topic.Run(ctx) })
	g.Go(func() error { return c.redeem(ctx) })
	g.Go(func() error { return c.dial(ctx) })
	g.Go(func() error { return c.say(ctx) })
	err := g.Wait()
	c.cfg.Host.RemoveStreamHandler(call.Protocol)
	c.streams.Wait()
	return err
}

// Close closes the ledger, after Run has returned.
func (c *Calls) Close() error { return c.store.Close() }

// redeem takes vouchers to the chain.
func (c *Calls) redeem(ctx context.Context) error {
	tick := time.NewTicker(redeemEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if c.cfg.Proving() {
			continue // a transaction under way would keep the commitment waiting
		}
		report, err := c.redeemer.Step(ctx)
		if err != nil && ctx.Err() == nil {
			c.log.Warn("vouchers were not redeemed; trying again", "error", err)
		}
		if report.Sent > 0 {
			c.mu.Lock()
			c.paid += report.Paid
			c.mu.Unlock()
			c.log.Info("vouchers redeemed", "sent", report.Sent, "paid_uemc", report.Paid, "refused", report.Refused, "void", report.Void)
		}
	}
}

// say tells the routers what the node serves: soon after it changed, and at least
// every mesh.Interval.
func (c *Calls) say(ctx context.Context) error {
	const often = 500 * time.Millisecond
	tick := time.NewTicker(often)
	defer tick.Stop()
	var last mesh.Status
	var at time.Time
	for {
		now := c.status()
		if !same(last, now) || time.Since(at) >= mesh.Interval {
			last, at = now, time.Now()
			now.Sequence = uint64(at.UnixNano()) // above all that was said before, also after a restart
			if err := c.topic.Say(ctx, now); err != nil && ctx.Err() == nil {
				c.log.Warn("the routers could not be told", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (c *Calls) status() mesh.Status {
	s := mesh.Status{Accepting: c.cfg.Accepting(), Proving: c.cfg.Proving(), Credit: c.cfg.Terms.Credit, Apps: c.cfg.Apps.Loads()}
	if c.cfg.Links != nil {
		s.Routers = c.cfg.Links()
	}
	return s
}

func same(a, b mesh.Status) bool {
	if a.Accepting != b.Accepting || a.Proving != b.Proving || len(a.Apps) != len(b.Apps) {
		return false
	}
	for i := range a.Apps {
		if a.Apps[i] != b.Apps[i] {
			return false
		}
	}
	// How far routers are changes always; which they are is news.
	return slices.EqualFunc(a.Routers, b.Routers, func(a, b mesh.Link) bool { return a.Router == b.Router })
}

// Status is what the worker tells about its calls.
type Status struct {
	Apps    []mesh.App `json:"apps"`
	Routers []string   `json:"routers"` // that it is connected to
	// Unredeemed is what vouchers hold that the chain has not paid yet, Redeemed what it paid since the start, uemc.
	Unredeemed uint64 `json:"unredeemed"`
	Redeemed   uint64 `json:"redeemed"`
	Lanes      int    `json:"lanes"` // with something to redeem
}

// Status collects what there is to tell.
func (c *Calls) Status() Status {
	out := Status{Apps: c.cfg.Apps.Loads(), Routers: c.connected()}
	for _, d := range c.node.Dues() {
		out.Unredeemed += d.Amount
		out.Lanes++
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out.Redeemed = c.paid
	return out
}
