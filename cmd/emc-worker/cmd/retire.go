package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/worker/operator"
)

func retireCmd() *cobra.Command {
	var o *owner
	var whenIdle bool
	cmd := &cobra.Command{
		Use: "retire", Short: "Take the node out of the network",
		Long: `Send the operator's transaction that takes the node out: its deposit comes back, its stake unbonds, and the fee
grant is taken back. While work runs this fails, unless --when-idle lets the node leave after its last job; the
fee grant is then still needed, and a second retire takes it back.`,
		Example: `  emc-worker retire --from alice
  emc-worker retire --from alice --when-idle
  emc-worker retire --operator emc1… --generate-only > retire.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := load(cmd)
			if err != nil {
				return err
			}
			address, signer, err := o.signer(w, cmd.InOrStdin())
			if err != nil {
				return err
			}
			msgs, err := retirement(cmd, w, address, whenIdle)
			if err != nil {
				return err
			}
			if len(msgs) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "node %s is not registered and has no fee grant; there is nothing to do\n", w.identity.Address())
				return nil
			}
			if o.generate {
				return printUnsigned(cmd, w, msgs, address)
			}
			return sendAsOwner(cmd.Context(), cmd.OutOrStdout(), w, signer, msgs)
		},
	}
	o = ownerFlags(cmd)
	cmd.Flags().BoolVar(&whenIdle, "when-idle", false, "leave after the last job instead of failing while work runs")
	return cmd
}

func retirement(cmd *cobra.Command, w *worker, owner sdk.AccAddress, whenIdle bool) ([]sdk.Msg, error) {
	ctx, node := cmd.Context(), w.identity.Address()
	if _, err := w.chain.CheckChain(ctx); err != nil {
		return nil, err
	}
	_, err := w.chain.Allowance(ctx, owner.String(), node)
	if err != nil && !errors.Is(err, chainclient.ErrNotFound) {
		return nil, err
	}
	granted := err == nil
	view, err := w.chain.Node(ctx, node)
	if errors.Is(err, chainclient.ErrNotFound) {
		if !granted {
			return nil, nil
		}
		revoke, err := operator.Revocation(owner, node)
		return []sdk.Msg{revoke}, err
	}
	if err != nil {
		return nil, err
	}
	if view.Node.Operator != owner.String() {
		return nil, fmt.Errorf("%w: %s retires it", operator.ErrForeign, view.Node.Operator)
	}
	return operator.Retirement(owner, node, whenIdle, granted, view.Node.ReservedSlots > 0)
}
