package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/cmd/internal/owner"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/hardware"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

func registerCmd() *cobra.Command {
	var o *owner.Key
	var t *owner.Terms
	cmd := &cobra.Command{
		Use: "register", Short: "Register the node, or bring its registration up to date",
		Long: `Send the operator's transaction that makes this node part of the network: the registration (with the node
key's own signature), a fee grant with which the worker pays for its own messages and nothing else, and the stake.
What is true already is left out, so that the command can be repeated, also after a change of the settings.

The operator's key is used for a moment and stays where it is. With --generate-only it need not be on this machine.`,
		Example: `  emc-worker register --from alice --keyring-backend test --keyring-home ~/.emcd-localnet
  emc-worker register --operator emc1… --stake 10emc --generate-only > register.json
  emcd tx sign register.json --from ledger --chain-id emc-1 --sign-mode amino-json > signed.json && emcd tx broadcast signed.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := load(cmd)
			if err != nil {
				return err
			}
			address, signer, err := o.Signer(string(w.home), cmd.InOrStdin(), w.chain.Codec)
			if err != nil {
				return err
			}
			msgs, err := registration(cmd.Context(), w, address, t)
			if err != nil {
				return err
			}
			if len(msgs) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "node %s is registered as the settings say; there is nothing to do\n", w.identity.Address())
				return nil
			}
			return o.SendOrPrint(cmd, w.chain, address, signer, msgs)
		},
	}
	o, t = owner.KeyFlags(cmd, env), owner.TermFlags(cmd)
	return cmd
}

// registration compares the chain with the settings.
func registration(ctx context.Context, w *worker, operator sdk.AccAddress, t *owner.Terms) ([]sdk.Msg, error) {
	if _, _, err := t.Coins(); err != nil {
		return nil, err
	}
	if _, err := w.chain.CheckChain(ctx); err != nil {
		return nil, err
	}
	hw, err := hardware.Host{Dir: string(w.home)}.Hardware(ctx)
	if err != nil {
		return nil, err
	}
	measured := config.Measured{Hardware: hw, Egress: w.config.Docker.Egress && w.config.UsesDocker()}
	if measured.Isolation, err = isolation(ctx, w); err != nil {
		return nil, err
	}
	offer, err := w.config.Offer.Chain(measured)
	if err != nil {
		return nil, err
	}
	return owner.Registration(ctx, w.chain, owner.Node{Identity: w.identity, Role: computetypes.ROLE_COMPUTING, Offer: offer}, operator, t)
}
