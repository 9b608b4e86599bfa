package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/cmd/internal/owner"
)

func retireCmd() *cobra.Command {
	var o *owner.Key
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
			address, signer, err := o.Signer(string(w.home), cmd.InOrStdin(), w.chain.Codec)
			if err != nil {
				return err
			}
			msgs, err := owner.Retirement(cmd.Context(), w.chain, w.identity.Address(), address, whenIdle)
			if err != nil {
				return err
			}
			if len(msgs) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "node %s is not registered and has no fee grant; there is nothing to do\n", w.identity.Address())
				return nil
			}
			return o.SendOrPrint(cmd, w.chain, address, signer, msgs)
		},
	}
	o = owner.KeyFlags(cmd, env)
	cmd.Flags().BoolVar(&whenIdle, "when-idle", false, "leave after the last job instead of failing while work runs")
	return cmd
}
