package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/cmd/internal/owner"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

func registerCmd() *cobra.Command {
	var k *owner.Key
	var t *owner.Terms
	cmd := &cobra.Command{
		Use: "register", Short: "Register the router, or bring its registration up to date",
		Long: `Send the operator's transaction that makes this router part of the network: the registration, a fee grant with which
it tells the chain where it is reached and nothing else, and the stake that stands behind its vouchers. What is true
already is left out. The operator's key is used for a moment and stays where it is.`,
		Example: `  emc-router register --from alice --stake 1000emc
  emc-router register --operator emc1… --stake 1000emc --generate-only > register.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := load(cmd)
			if err != nil {
				return err
			}
			address, signer, err := k.Signer(string(r.home), cmd.InOrStdin(), r.chain.Codec)
			if err != nil {
				return err
			}
			msgs, err := registration(cmd.Context(), r, address, t)
			if err != nil {
				return err
			}
			if len(msgs) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "router %s is registered as the settings say; there is nothing to do\n", r.identity.Address())
				return nil
			}
			return k.SendOrPrint(cmd, r.chain, address, signer, msgs)
		},
	}
	k, t = owner.KeyFlags(cmd, env), owner.TermFlags(cmd)
	return cmd
}

func registration(ctx context.Context, r *router, address sdk.AccAddress, t *owner.Terms) ([]sdk.Msg, error) {
	if _, err := r.chain.CheckChain(ctx); err != nil {
		return nil, err
	}
	return owner.Registration(ctx, r.chain, owner.Node{Identity: r.identity, Role: computetypes.ROLE_ROUTER, Offer: r.config.Offer()}, address, t)
}

func retireCmd() *cobra.Command {
	var k *owner.Key
	cmd := &cobra.Command{
		Use: "retire", Short: "Take the router out of the network",
		Long: `Send the operator's transaction that takes the router out: its deposit comes back, its stake unbonds, and the fee grant is
taken back. End its covers first.`,
		Example: "  emc-router retire --from alice",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := load(cmd)
			if err != nil {
				return err
			}
			address, signer, err := k.Signer(string(r.home), cmd.InOrStdin(), r.chain.Codec)
			if err != nil {
				return err
			}
			msgs, err := owner.Retirement(cmd.Context(), r.chain, r.identity.Address(), address, false)
			if err != nil {
				return err
			}
			if len(msgs) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "router %s is not registered and has no fee grant; there is nothing to do\n", r.identity.Address())
				return nil
			}
			return k.SendOrPrint(cmd, r.chain, address, signer, msgs)
		},
	}
	k = owner.KeyFlags(cmd, env)
	return cmd
}
