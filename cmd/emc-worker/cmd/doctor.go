package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/worker/doctor"
	"github.com/edgematrix/emc/worker/home"
)

func doctorCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check everything that a job needs, and run one",
		Long: `Check the home, the settings, the key, the disk, the spool, the ports, the chain, the clock and the
registration, and run one job end to end in each runtime. What is missing comes with what to do about it.
The exit status is not zero if a check fails.`,
		Example: "  emc-worker doctor\n  emc-worker doctor --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := homeOf(cmd)
			if err != nil {
				return err
			}
			tell := lines(cmd.OutOrStdout())
			var all []doctor.Finding
			if asJSON {
				tell = func(f doctor.Finding) { all = append(all, f) }
			}
			healthy := examine(cmd.Context(), h, os.Environ(), tell)
			if asJSON {
				out := json.NewEncoder(cmd.OutOrStdout())
				out.SetIndent("", "  ")
				if err := out.Encode(map[string]any{"healthy": healthy, "checks": all}); err != nil {
					return err
				}
			}
			if !healthy {
				return quietError{errors.New("a check failed")}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return cmd
}

func examine(ctx context.Context, h home.Home, environ []string, tell func(doctor.Finding)) bool {
	quiet := slog.New(slog.DiscardHandler)
	return doctor.Examine(ctx, doctor.Patient{Home: h, Environ: environ, Runtimes: runtimesOf(h, quiet), Chain: chainOf}, tell)
}

// lines prints one line for each finding.
func lines(out io.Writer) func(doctor.Finding) {
	return func(f doctor.Finding) { fmt.Fprintf(out, "%-4s  %-12s  %s\n", f.Verdict, f.Check, f.Words) }
}
