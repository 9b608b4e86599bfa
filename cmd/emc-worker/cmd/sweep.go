package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/worker/daemon"
	"github.com/edgematrix/emc/worker/runtime"
)

func sweepCmd() *cobra.Command {
	var options runtime.SweepOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use: "sweep", Short: "Remove the containers that a dead worker left behind",
		Long: `Remove what this node's earlier workers left behind when they were killed: containers, volumes and scratch with
this node's label. Nothing else is ever touched. A running worker does this by itself; this command is for a machine
from which the worker is gone.`,
		Example: "  emc-worker sweep --dry-run\n  emc-worker sweep --grace 0s",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := load(cmd)
			if err != nil {
				return err
			}
			unlock, err := w.home.Lock()
			if err != nil {
				return fmt.Errorf("%w; it sweeps by itself, and what it runs now is no leftover", err)
			}
			defer unlock()
			all, err := runtimesOf(w.home, w.log)(w.config)
			if err != nil {
				return err
			}
			left, err := daemon.Leftovers(cmd.Context(), all, options)
			if asJSON {
				return errors.Join(err, json.NewEncoder(cmd.OutOrStdout()).Encode(left))
			}
			for _, l := range left {
				fate := "left alone: younger than --grace"
				switch {
				case l.Removed:
					fate = "removed"
				case options.DryRun && l.Age >= options.Grace:
					fate = "would be removed"
				case l.Age >= options.Grace:
					fate = "could not be removed"
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%-9s  %s  job %s, %s old: %s\n", l.Kind, l.Name, l.Task, l.Age.Round(time.Second), fate)
			}
			if len(left) == 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "nothing was left behind")
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&options.DryRun, "dry-run", false, "only tell what would be removed")
	cmd.Flags().DurationVar(&options.Grace, "grace", daemon.LeftoverGrace, "how old a thing must be to be removed")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
