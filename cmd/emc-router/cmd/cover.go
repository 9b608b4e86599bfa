package cmd

import (
	"context"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/router/daemon"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

// coverAll reserves cover for every node that the running daemon hears, once: on a
// local network the operator's key is here, and nothing is at stake.
func coverAll(ctx context.Context, r *router, operator sdk.AccAddress, signer chainclient.Signer, cover string) {
	coin, err := amount.ParseCoin(cover)
	if err != nil {
		r.log.Error("--cover", "error", err)
		return
	}
	covered := map[string]bool{}
	tick := time.NewTicker(coverEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		status, err := daemon.AskStatus(ctx, r.home)
		if err != nil {
			continue // it is just starting
		}
		for _, n := range status.Nodes {
			if covered[n.Address] {
				continue
			}
			_, err := r.chain.Send(ctx, chainclient.Draft{Messages: []sdk.Msg{&markettypes.MsgSetCover{
				Operator: operator.String(), Router: r.identity.Address(), Node: n.Address, Amount: coin,
			}}}, signer)
			if err != nil {
				if ctx.Err() == nil {
					r.log.Warn("a node has no cover, and takes no calls through this router", "node", n.Address, "error", err)
				}
				continue
			}
			covered[n.Address] = true
			r.log.Info("cover reserved", "node", n.Address, "amount", amount.Format(coin))
		}
	}
}
