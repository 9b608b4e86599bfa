package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/cmd/internal/owner"
	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/router/daemon"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

func coverCmd() *cobra.Command {
	var k *owner.Key
	cmd := &cobra.Command{
		Use: "cover NODE AMOUNT", Short: "Reserve a part of the router's stake for a node",
		Long: `Send the operator's transaction that reserves cover. A node takes no more vouchers of this router than its cover until it
has redeemed them; if the router ever signs for the same money twice, the node is paid from it. More counts at once,
less after the closing period; 0emc ends it.`,
		Example: "  emc-router cover emc1… 100emc --from alice",
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := load(cmd)
			if err != nil {
				return err
			}
			if _, err := receipt.ParseAddress(args[0]); err != nil {
				return fmt.Errorf("NODE: %w", err)
			}
			cover, err := amount.ParseCoin(args[1])
			if err != nil {
				return fmt.Errorf("AMOUNT: %w", err)
			}
			address, signer, err := k.Signer(string(r.home), cmd.InOrStdin(), r.chain.Codec)
			if err != nil {
				return err
			}
			if _, err := r.chain.CheckChain(cmd.Context()); err != nil {
				return err
			}
			return k.SendOrPrint(cmd, r.chain, address, signer, []sdk.Msg{&markettypes.MsgSetCover{
				Operator: address.String(), Router: r.identity.Address(), Node: args[0], Amount: cover,
			}})
		},
	}
	k = owner.KeyFlags(cmd, env)
	return cmd
}

// coverEvery is how often new nodes are looked for.
const coverEvery = time.Second

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
