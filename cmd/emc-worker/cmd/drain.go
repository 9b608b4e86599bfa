package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/worker/daemon"
)

func drainCmd() *cobra.Command {
	var off bool
	cmd := &cobra.Command{
		Use: "drain", Short: "Stop taking new work; finish what is here",
		Long: `Tell the chain that the node takes no new work. Jobs that it has are finished. It stays so over restarts, until
drain --off.`,
		Example: "  emc-worker drain\n  emc-worker drain --off",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := load(cmd)
			if err != nil {
				return err
			}
			if err := w.home.SetDraining(!off); err != nil {
				return err
			}
			words := "the node takes no new work"
			if off {
				words = "the node takes work again"
			}
			if !w.home.Running() {
				fmt.Fprintf(cmd.OutOrStdout(), "%s, from the next start on\n", words)
				return nil
			}
			if err := (daemon.Control{Home: w.home}).Wake(cmd.Context()); err != nil {
				return errors.Join(errors.New("noted; the running worker follows with the next block"), err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s; the chain is told with the next block\n", words)
			return nil
		},
	}
	cmd.Flags().BoolVar(&off, "off", false, "take work again")
	return cmd
}
