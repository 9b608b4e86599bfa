package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/cmd/internal/owner"
	"github.com/edgematrix/emc/pkg/amount"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

func claimCmd() *cobra.Command {
	var o *owner.Key
	cmd := &cobra.Command{
		Use: "claim", Short: "Claim what the operator's nodes have earned by their proofs",
		Long: `Send the operator's transaction that pays out the rewards for proven power, of all nodes of this operator at once. What
can be claimed is in "emc-worker status". Jobs need no claim: they are paid at once.`,
		Example: `  emc-worker claim                 (a worker of a local network: its operator's key is in the worker's home)
  emc-worker claim --from alice
  emc-worker claim --operator emc1… --generate-only > claim.json`,
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
			if _, err := w.chain.CheckChain(cmd.Context()); err != nil {
				return err
			}
			reward, err := w.chain.Rewards(cmd.Context(), address.String())
			if err != nil {
				return err
			}
			if !reward.Claimable.IsPositive() {
				fmt.Fprintf(cmd.ErrOrStderr(), "%s has nothing to claim; rewards come with each window that a staked node proves\n", address)
				return nil
			}
			msgs := []sdk.Msg{&poctypes.MsgClaimRewards{Operator: address.String()}}
			if o.Generate {
				return owner.PrintUnsigned(cmd, w.chain, msgs, address)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "claiming  at least %s\n", amount.Format(reward.Claimable))
			return owner.Send(cmd.Context(), cmd.OutOrStdout(), w.chain, signer, msgs)
		},
	}
	o = owner.KeyFlags(cmd, env)
	return cmd
}
