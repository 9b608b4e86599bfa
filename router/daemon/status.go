package daemon

import (
	"context"
	"io"
	"net/http"
	"time"

	"github.com/edgematrix/emc/pkg/control"
	"github.com/edgematrix/emc/pkg/feed"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/router/broadcast"
	"github.com/edgematrix/emc/router/home"
	"github.com/edgematrix/emc/router/selection"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

// Status is what the running daemon tells about itself.
type Status struct {
	Router     string    `json:"router"`
	ChainID    string    `json:"chain_id"`
	Height     int64     `json:"height"`
	BlockTime  time.Time `json:"block_time"`
	Registered bool      `json:"registered"`
	Endpoints  []string  `json:"endpoints"`
	Gateway    string    `json:"gateway"`
	// Problem says why the chain does not know this router; empty while all is well.
	Problem string `json:"problem,omitempty"`
	// Sessions whose keys customers left here.
	Sessions int    `json:"sessions"`
	Peers    int    `json:"peers"`
	Apps     []App  `json:"apps"`
	Nodes    []Node `json:"nodes"`
	// Exposure is what the chain knows of the router's money.
	Exposure *Exposure `json:"exposure,omitempty"`
}

// App is an app that nodes serve.
type App struct {
	ID        string        `json:"id"`
	Nodes     int           `json:"nodes"`
	Ready     int           `json:"ready"`
	UnitPrice uint64        `json:"unit_price"` // uemc, the lowest
	CallPrice uint64        `json:"call_price"` // uemc, the lowest
	Typical   time.Duration `json:"typical_ns"` // of one call; 0: none was measured
}

// Node is a node that was heard.
type Node struct {
	Address   string        `json:"address"`
	Region    string        `json:"region,omitempty"`
	Power     uint64        `json:"power"` // micro-E
	Proving   bool          `json:"proving"`
	Accepting bool          `json:"accepting"`
	Stale     bool          `json:"stale"`
	Breaker   string        `json:"breaker"` // closed, open, half-open: whether calls go there after failures
	Faults    uint64        `json:"faults"`
	Apps      []NodeApp     `json:"apps"`
	SeenAgo   time.Duration `json:"seen_ago_ns"`
}

// NodeApp is an app of a node.
type NodeApp struct {
	ID          string        `json:"id"`
	UnitPrice   uint64        `json:"unit_price"`
	Running     uint32        `json:"running"`
	Queued      uint32        `json:"queued"`
	Capacity    uint32        `json:"capacity"`
	Ready       bool          `json:"ready"`
	Calls       uint64        `json:"calls"` // by this router
	Outstanding int           `json:"outstanding"`
	FirstByte   time.Duration `json:"first_byte_ns"`
	Service     time.Duration `json:"service_ns"`
}

// Exposure is a router's money on the chain, uemc.
type Exposure struct {
	Stake   string `json:"stake"`
	Covered string `json:"covered"` // of the stake: reserved for nodes
	// Sessions that are bound to the router, with what is allotted and redeemed.
	Sessions []markettypes.Exposure `json:"sessions"`
	// Cosigned is what was vouched for in these sessions, by session.
	Cosigned map[string]uint64 `json:"cosigned"`
}

// mostNodes bounds a status.
const mostNodes = 1_000

// Status collects what there is to tell.
func (d *Daemon) Status(ctx context.Context) Status {
	s := d.snapshot()
	out := Status{
		Router: d.address.String(), ChainID: d.opts.Config.Chain.ID, Height: s.head.Height, BlockTime: s.head.Time, Registered: s.registered,
		Endpoints: d.endpoints(), Gateway: "http://" + d.listener.Addr().String() + "/v1", Problem: s.problem, Sessions: d.custody.Count(),
		Peers: len(d.host.Network().Peers()), Apps: []App{}, Nodes: []Node{},
	}
	table := d.dispatch.Snapshot()
	for _, a := range table.Apps {
		out.Apps = append(out.Apps, App{ID: a.App, Nodes: a.Nodes, Ready: a.Ready, UnitPrice: a.UnitPrice, CallPrice: a.CallPrice, Typical: a.Typical})
	}
	for _, n := range table.Nodes[:min(len(table.Nodes), mostNodes)] {
		out.Nodes = append(out.Nodes, node(table.At, n))
	}
	if e, err := d.exposure(ctx); err == nil {
		out.Exposure = &e
	}
	return out
}

func node(now time.Time, n selection.NodeStatus) Node {
	out := Node{
		Address: receipt.Address(n.Key).String(), Region: n.Region, Power: n.Power, Proving: n.Proving, Accepting: n.Accepting, Stale: n.Stale,
		Breaker: n.Breaker.String(), Faults: n.Faults, Apps: []NodeApp{}, SeenAgo: now.Sub(n.SeenAt),
	}
	for i, l := range n.Loads {
		m := n.Measured[i]
		out.Apps = append(out.Apps, NodeApp{
			ID: l.App, UnitPrice: l.UnitPrice, Running: l.Running, Queued: l.Queued, Capacity: l.Capacity, Ready: l.Ready,
			Calls: m.Calls, Outstanding: m.Outstanding, FirstByte: m.FirstByte, Service: m.Service,
		})
	}
	return out
}

// self is what the router tells everybody.
func (d *Daemon) self() broadcast.Router {
	s := d.snapshot()
	return broadcast.Router{
		ID: d.address.String(), ChainID: d.opts.Config.Chain.ID, Height: s.head.Height, Registered: s.registered, Region: d.opts.Config.Offer().Region,
		Endpoints: d.endpoints(), Routers: d.topic.Routers(), Peers: len(d.host.Network().Peers()),
	}
}

// exposure asks the chain.
func (d *Daemon) exposure(ctx context.Context) (Exposure, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := markettypes.NewQueryClient(d.opts.Chain.Conn()).Router(ctx, &markettypes.QueryRouterRequest{Router: d.address.String()})
	if err != nil {
		return Exposure{}, err
	}
	out := Exposure{Stake: r.Stake.String(), Covered: r.Covered.String(), Sessions: r.Sessions, Cosigned: map[string]uint64{}}
	for _, s := range r.Sessions {
		id, err := receipt.ParseSessionID(s.Session)
		if err != nil {
			continue
		}
		if n, err := d.cosigner.Cosigned(id); err == nil {
			out.Cosigned[s.Session] = n
		}
	}
	return out, nil
}

// serveControl answers the router's own commands.
func (d *Daemon) serveControl(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.Handle("GET /events", d.broadcast.Feed())
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) { control.Answer(w, d.Status(r.Context()), nil) })
	return control.Serve(ctx, d.opts.Home.Socket(), mux)
}

// AskStatus asks the daemon of a home.
func AskStatus(ctx context.Context, h home.Home) (Status, error) {
	var s Status
	return s, control.Call(ctx, h.Socket(), http.MethodGet, "/status", struct{}{}, &s)
}

// Follow calls fn for what the daemon of a home tells everybody, until ctx ends or the daemon stops.
func Follow(ctx context.Context, h home.Home, fn func(feed.Event) error) error {
	return control.Follow(ctx, h.Socket(), "/events", func(r io.Reader) error { return feed.Read(r, fn) })
}
