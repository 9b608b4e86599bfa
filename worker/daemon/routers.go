package daemon

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/edgematrix/emc/worker/calls"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

const (
	// strangers is with how many routers that do not cover it a node makes itself known. They are drawn among so many: all
	// nodes would else crowd the same few routers.
	strangers = 8
	among     = 64
	// strangersEvery is how often a node that has routers looks for more.
	strangersEvery = time.Minute
)

// routers are those of the settings, those that cover this node, and some strangers: a
// router reserves cover for nodes that it hears, and the first one to do so would
// otherwise keep the node from all others.
func (d *Daemon) routers(ctx context.Context) ([]calls.Router, error) {
	d.finding.Lock()
	defer d.finding.Unlock()
	var out []calls.Router
	for _, s := range d.opts.Config.Calls.Routers {
		r, err := calls.ParseRouter(s)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	covers, err := markettypes.NewQueryClient(d.chain.Conn()).NodeCovers(ctx, &markettypes.QueryNodeCoversRequest{Node: d.node})
	if err != nil {
		return out, err
	}
	for _, c := range covers.Covers {
		v, err := d.chain.Node(ctx, c.Router)
		if err != nil {
			continue // it left
		}
		r, err := calls.NewRouter(c.Router, v.Node.Pubkey, v.Node.Endpoints)
		if err != nil {
			return out, err
		}
		out = append(out, r)
	}
	if len(out) == 0 || time.Since(d.strangersAt) >= strangersEvery {
		if d.strangers, err = d.anyRouters(ctx); err != nil {
			return out, err
		}
		d.strangersAt = time.Now()
	}
	return withStrangers(out, d.strangers), nil
}

// withStrangers adds the routers that are not there yet.
func withStrangers(known, others []calls.Router) []calls.Router {
	for _, r := range others {
		if !slices.ContainsFunc(known, func(k calls.Router) bool { return k.Peer.ID == r.Peer.ID }) {
			known = append(known, r)
		}
	}
	return known
}

// anyRouters are those of before that are still online, and others in place of those that are not.
func (d *Daemon) anyRouters(ctx context.Context) ([]calls.Router, error) {
	views, err := d.chain.Routers(ctx, among)
	if err != nil {
		return d.strangers, err
	}
	var kept, listed []calls.Router
	for _, v := range views {
		r, err := calls.NewRouter(v.Node.Address, v.Node.Pubkey, v.Node.Endpoints)
		if err != nil {
			return d.strangers, err
		}
		listed = append(listed, r)
	}
	for _, r := range d.strangers {
		if v, err := d.chain.Node(ctx, r.Address); err == nil && v.Online && v.Node.Role == computetypes.ROLE_ROUTER {
			if r, err = calls.NewRouter(v.Node.Address, v.Node.Pubkey, v.Node.Endpoints); err == nil {
				kept = append(kept, r)
			}
		}
	}
	rand.Shuffle(len(listed), func(i, j int) { listed[i], listed[j] = listed[j], listed[i] })
	all := withStrangers(kept, listed)
	return all[:min(len(all), strangers)], nil
}
