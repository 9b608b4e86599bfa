// Package broadcast is what a router tells everybody of the network, as it hears it:
// which nodes there are, what they serve, at which price, how busy they are, whether a
// window of the proof holds them, and who is gone. It is what nodes say of themselves
// by gossip, and what the chain says of them. Nothing that this router measured with its
// customers' calls, no session, no key and no customer is in it.
package broadcast

import (
	"context"
	"log/slog"
	"time"

	"github.com/edgematrix/emc/pkg/feed"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/router/selection"
)

// every is how often is looked, while anybody follows.
const every = time.Second

// Kinds of things.
const (
	KindRouter = "router"
	KindNode   = "node"
	KindApp    = "app"
)

// Router is what a router says of itself.
type Router struct {
	ID         string   `json:"id"` // address
	ChainID    string   `json:"chain_id"`
	Height     int64    `json:"height"` // of the newest block that it saw
	Registered bool     `json:"registered"`
	Region     string   `json:"region,omitempty"`
	Endpoints  []string `json:"endpoints"`
	Routers    int      `json:"routers"` // others, with which it is connected
	Peers      int      `json:"peers"`   // all that it is connected with
	Nodes      int      `json:"nodes"`   // that it hears
}

// Node is a node that is heard.
type Node struct {
	ID        string    `json:"id"` // address
	Region    string    `json:"region,omitempty"`
	Isolation uint32    `json:"isolation"`
	Power     uint64    `json:"power"` // proven, micro-E
	Accepting bool      `json:"accepting"`
	Proving   bool      `json:"proving"` // a window of the proof holds its calls
	Apps      []NodeApp `json:"apps"`
}

// NodeApp is an app that a node serves, and how busy it is with it.
type NodeApp struct {
	ID        string `json:"id"`
	UnitPrice uint64 `json:"unit_price"` // uemc
	CallPrice uint64 `json:"call_price"` // uemc
	Running   uint32 `json:"running"`
	Queued    uint32 `json:"queued"`
	Capacity  uint32 `json:"capacity"` // calls at once
	Ready     bool   `json:"ready"`
}

// App is an app that nodes serve.
type App struct {
	ID        string `json:"id"`
	Nodes     int    `json:"nodes"`
	Ready     int    `json:"ready"`      // that can serve now
	UnitPrice uint64 `json:"unit_price"` // uemc, the lowest
	CallPrice uint64 `json:"call_price"` // uemc, the lowest
}

// Config is of a Broadcast.
type Config struct {
	Self     func() Router // Nodes is filled in
	Snapshot func() selection.Snapshot
	Logger   *slog.Logger
}

// Broadcast fills a feed.
type Broadcast struct {
	cfg  Config
	feed *feed.Feed
}

// New returns one that tells nothing before Run.
func New(cfg Config) *Broadcast { return &Broadcast{cfg: cfg, feed: feed.New(feed.Default())} }

// Feed is what is followed.
func (b *Broadcast) Feed() *feed.Feed { return b.feed }

// Run tells what changes until ctx ends.
func (b *Broadcast) Run(ctx context.Context) error {
	return b.feed.Run(ctx, every, b.look, func(err error) {
		b.cfg.Logger.Warn("not all of the network is told to those who follow it", "error", err)
	})
}

func (b *Broadcast) look(context.Context) []feed.Thing {
	s := b.cfg.Snapshot()
	self := b.cfg.Self()
	out := make([]feed.Thing, 1, 1+len(s.Apps)+len(s.Nodes))
	for _, a := range s.Apps {
		if a.Nodes > 0 {
			out = append(out, feed.Thing{Kind: KindApp, ID: a.App, Data: App{ID: a.App, Nodes: a.Nodes, Ready: a.Ready, UnitPrice: a.UnitPrice, CallPrice: a.CallPrice}})
		}
	}
	for _, n := range s.Nodes {
		if n.Stale { // it is dropped within a second
			continue
		}
		self.Nodes++
		node := nodeOf(n.Node)
		out = append(out, feed.Thing{Kind: KindNode, ID: node.ID, Data: node})
	}
	out[0] = feed.Thing{Kind: KindRouter, ID: self.ID, Data: self}
	return out
}

func nodeOf(n selection.Node) Node {
	out := Node{
		ID: receipt.Address(n.Key).String(), Region: n.Region, Isolation: n.Isolation, Power: n.Power,
		Accepting: n.Accepting, Proving: n.Proving, Apps: []NodeApp{},
	}
	for _, l := range n.Loads {
		out.Apps = append(out.Apps, NodeApp{
			ID: l.App, UnitPrice: l.UnitPrice, CallPrice: l.CallPrice, Running: l.Running, Queued: l.Queued, Capacity: l.Capacity, Ready: l.Ready,
		})
	}
	return out
}
