package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/pkg/proof/kernel"
	"github.com/edgematrix/emc/pkg/proof/measure"
)

func benchCmd() *cobra.Command {
	var (
		n, threads int
		seconds    float64
		backend    string
		asJSON     bool
	)
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure this machine's computing power",
		Long: `Do the network's standard task on this machine for a while: products of int8 matrices, committed to and
proved as on the chain. It needs no home, no key and no network.

The power E is 10^12 multiply-accumulates a second. The ceiling is what the same cores do on registers
alone, measured in turns with the task: no program can do more.`,
		Example: "  emc-worker bench\n  emc-worker bench --seconds 30 --n 2048\n  emc-worker bench --backend avx2 --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := benchOptions(backend, n, threads, seconds)
			if err != nil {
				return err
			}
			o.Progress = func(words string) { fmt.Fprintln(cmd.ErrOrStderr(), words) }
			r, err := measure.Run(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				out := json.NewEncoder(cmd.OutOrStdout())
				out.SetIndent("", "  ")
				return out.Encode(r)
			}
			return printReport(cmd.OutOrStdout(), r)
		},
	}
	cmd.Flags().IntVar(&n, "n", 0, "size of the matrices: 1024, 2048, 4096, 8192 or 16384 (default: what suits the backend)")
	cmd.Flags().IntVar(&threads, "threads", 0, "cores to use (default: all)")
	cmd.Flags().Float64Var(&seconds, "seconds", 10, "how long to compute, about")
	cmd.Flags().StringVar(&backend, "backend", "auto", "auto, go, avx2, vnni or amx")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// benchOptions checks the flags.
func benchOptions(backend string, n, threads int, seconds float64) (measure.Options, error) {
	o := measure.Options{Threads: threads, Duration: time.Duration(seconds * float64(time.Second))}
	var err error
	switch backend {
	case "cuda":
		return o, fmt.Errorf("--backend %s: this build cannot prove with it yet; leave --backend out for the fastest that works here", backend)
	default:
		if o.Kernel, err = kernel.Named(backend); err != nil {
			return o, fmt.Errorf("--backend: %w", err)
		}
	}
	if n != 0 {
		if o.LogN, err = measure.LogN(n); err != nil {
			return o, fmt.Errorf("--n: %w", err)
		}
	}
	if seconds <= 0 || seconds > 3600 {
		return o, errors.New("--seconds must be more than 0 and at most 3600")
	}
	if threads < 0 || threads > 4096 {
		return o, errors.New("--threads must be from 1 to 4096; leave it out for all cores")
	}
	if threads == 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	return o, nil
}

func printReport(to io.Writer, r measure.Report) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	row("backend", "%s, n = %d, %d threads", r.Backend, r.N, r.Threads)
	row("rounds", "%d in %.1f s", r.Rounds, r.Seconds)
	row("rate", "%.1f GMAC/s", r.Rate/1e9)
	row("power", "%.4f E", r.E)
	row("ceiling", "%.1f GMAC/s on registers alone, of which %.0f %% is reached", r.Ceiling/1e9, 100*r.OfCeiling)
	row("overhead", "%.1f %% of the time (making matrices %.1f %%, folding %.1f %%, hashing %.1f %%)",
		100*r.Overhead, 100*r.Generate, 100*r.Fold, 100*r.Hash)
	row("memory", "%s", humanize.IBytes(uint64(r.Memory)))
	row("proof", "%d openings in %s, verified in %.2f ms", r.Samples, humanize.IBytes(uint64(r.ProofBytes)), r.VerifyMillis)
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(to, "\n%s\n", r.Verdict)
	return err
}
