package daemon

import (
	"context"
	"time"

	"github.com/edgematrix/emc/pkg/feed"
	"github.com/edgematrix/emc/pkg/mesh"
)

// tellEvery is how often is looked for what changed, while anybody follows.
const tellEvery = time.Second

// The kinds of events, each of which tells of one thing: this node.
type (
	tellWorker struct {
		Node     string `json:"node"`
		ChainID  string `json:"chain_id"`
		Height   int64  `json:"height"`
		Ready    bool   `json:"ready"`
		Draining bool   `json:"draining"`
		// Problem is set while messages or the chain wait. The words are in the status: an error may quote a URL with a password.
		Problem bool `json:"problem"`
	}
	tellJobs struct {
		Running int `json:"running"`
		Stored  int `json:"stored"`
	}
	tellCalls struct {
		Apps       []mesh.App `json:"apps"`
		Routers    int        `json:"routers"`    // that it is connected with
		Unredeemed uint64     `json:"unredeemed"` // uemc
		Redeemed   uint64     `json:"redeemed"`   // uemc, since the start
	}
	tellPower struct {
		Enabled   bool   `json:"enabled"`
		State     string `json:"state"`
		Proving   bool   `json:"proving"`
		Market    uint64 `json:"market_power"` // micro-E
		Proven    uint64 `json:"proven_power"` // micro-E
		Proved    uint64 `json:"windows_proved"`
		Silent    uint64 `json:"windows_silent"`
		Wrong     uint64 `json:"windows_wrong"`
		Claimable string `json:"claimable_uemc"`
	}
	tellEarned struct {
		Jobs int    `json:"jobs"`
		Uemc string `json:"uemc"`
	}
)

// newFeed has places for those who sit at this machine.
func newFeed() *feed.Feed {
	c := feed.Default()
	c.Readers, c.ReadersOfAddress, c.Things, c.Keep, c.Bytes = 16, 16, 16, 1_000, 1<<20
	return feed.New(c)
}

// tell tells what changes on this node until ctx ends.
func (d *Daemon) tell(ctx context.Context) error {
	return d.feed.Run(ctx, tellEvery, d.things, func(err error) { d.log.Warn("not everything is told to those who follow the worker", "error", err) })
}

func (d *Daemon) things(context.Context) []feed.Thing {
	s := d.snapshot()
	d.mu.Lock()
	ready := d.isReady
	d.mu.Unlock()
	p, earned := d.powerStatus(), d.earnings.earned()
	out := []feed.Thing{
		{Kind: "worker", Data: tellWorker{
			Node: d.node, ChainID: d.opts.Config.Chain.ID, Height: s.head.Height, Ready: ready && s.known, Draining: d.opts.Home.Draining(),
			Problem: d.outbox.Problem() != nil || s.problem != nil,
		}},
		{Kind: "jobs", Data: tellJobs{Running: len(d.loop.Running()), Stored: d.store.Usage().Jobs}},
		{Kind: "power", Data: tellPower{
			Enabled: p.Enabled, State: p.State, Proving: d.proving(), Market: p.Market, Proven: p.Proven, Proved: p.Proved, Silent: p.Silent, Wrong: p.Wrong,
			Claimable: p.Claimable.String(),
		}},
		{Kind: "earned", Data: tellEarned{Jobs: earned.Jobs, Uemc: earned.Uemc.String()}},
	}
	if c := d.callsStatus(); c != nil {
		out = append(out, feed.Thing{Kind: "calls", Data: tellCalls{Apps: c.Apps, Routers: len(c.Routers), Unredeemed: c.Unredeemed, Redeemed: c.Redeemed}})
	}
	return out
}
