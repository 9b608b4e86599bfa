package daemon

import (
	"context"
	"errors"
	"slices"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/transfer"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// chainState is what the chain last showed.
type chainState struct {
	head       chainclient.Head
	node       computetypes.Node
	registered bool
	problem    string
}

// reportAgain is after how much of the time a report is renewed: a third, as workers do.
const reportAgain = 3

// watch looks at every block whether the chain knows where this router is, and tells
// it where it does not.
func (d *Daemon) watch(ctx context.Context) {
	d.opts.Chain.Watch(ctx, func(h chainclient.Head) {
		s := chainState{head: h}
		view, err := d.opts.Chain.Node(ctx, d.address.String())
		switch {
		case errors.Is(err, chainclient.ErrNotFound):
			s.problem = "this router is not registered: no node trusts its vouchers; run `emc-router register`"
		case err != nil:
			s.problem = err.Error()
		default:
			s.node, s.registered = view.Node, true
		}
		if s.registered && d.reportDue(ctx, s) {
			if err := d.report(ctx, s); err != nil && ctx.Err() == nil {
				s.problem = "where this router is reached could not be told to the chain: " + err.Error()
				d.log.Warn("the report to the chain failed; trying again with the next block", "error", err)
			}
		}
		d.mu.Lock()
		was := d.chain.problem
		d.chain = s
		d.mu.Unlock()
		if s.problem != was && s.problem != "" {
			d.log.Warn(s.problem)
		}
	})
}

func (d *Daemon) reportDue(ctx context.Context, s chainState) bool {
	if !s.node.Accepting || !slices.Equal(s.node.Endpoints, d.endpoints()) {
		return true
	}
	params, err := d.opts.Chain.Params(ctx)
	return err == nil && s.head.Time.Unix()-s.node.ReportedAt >= int64(params.OnlineSeconds)/reportAgain
}

func (d *Daemon) report(ctx context.Context, s chainState) error {
	granter := s.node.Operator
	if d.opts.Config.Chain.FeeGranter != "" {
		granter = d.opts.Config.Chain.FeeGranter
	}
	payer, err := sdk.AccAddressFromBech32(granter)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	_, err = d.opts.Chain.Send(ctx, chainclient.Draft{
		Messages:   []sdk.Msg{&computetypes.MsgReportStatus{Node: d.address.String(), Endpoints: d.endpoints(), Accepting: true}},
		FeeGranter: payer,
	}, d.opts.Identity.Signer())
	return err
}

// endpoints are what the router publishes.
func (d *Daemon) endpoints() []string {
	if len(d.opts.Config.Network.Announce) > 0 {
		return d.opts.Config.Network.Announce
	}
	return transfer.Published(d.host, computetypes.MaxEndpoints)
}

func (d *Daemon) snapshot() chainState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.chain
}
