package prober

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"github.com/edgematrix/emc/pkg/chainclient"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// pageOfProbes is how many targets are asked for at once.
const pageOfProbes = 200

// OnChain is Chain over a node's RPC.
type OnChain struct {
	Client *chainclient.Client
	Signer chainclient.Signer
	// Granter pays the fees; empty is the prober's own account.
	Granter sdk.AccAddress
}

// Watch implements Chain.
func (c OnChain) Watch(ctx context.Context, fn func(int64)) {
	c.Client.Watch(ctx, func(h chainclient.Head) {
		if !h.CatchingUp {
			fn(h.Height)
		}
	})
}

// Draw implements Chain. An epoch that ends while its pages are read makes a draw
// that mixes two; its first page tells, and it is read again with the next block.
func (c OnChain) Draw(ctx context.Context, validator string) (d Draw, err error) {
	q := poctypes.NewQueryClient(c.Client.Conn())
	page := &query.PageRequest{Limit: pageOfProbes}
	for {
		r, err := q.Probes(ctx, &poctypes.QueryProbesRequest{Validator: validator, Pagination: page})
		if err != nil {
			return d, err
		}
		if d.Epoch != 0 && r.Epoch != d.Epoch {
			return Draw{Prober: r.Prober}, nil
		}
		d = Draw{
			Epoch: r.Epoch, Phase: r.Phase, Height: r.Height, ClosesAt: r.ClosesAt, Targets: r.Targets, Prober: r.Prober,
			Member: r.Member, Reported: r.Reported, Probes: append(d.Probes, r.Probes...),
		}
		if d.Phase != poctypes.PROBE_PHASE_OPEN || !d.Member || d.Reported || r.Pagination == nil || len(r.Pagination.NextKey) == 0 {
			return d, nil
		}
		page = &query.PageRequest{Key: r.Pagination.NextKey, Limit: pageOfProbes}
	}
}

// Report implements Chain.
func (c OnChain) Report(ctx context.Context, m *poctypes.MsgReportProbes) error {
	_, err := c.Client.Send(ctx, chainclient.Draft{Messages: []sdk.Msg{m}, FeeGranter: c.Granter}, c.Signer)
	return err
}
