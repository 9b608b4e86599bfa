package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/router/benchmark"
)

func benchCmd() *cobra.Command {
	var asJSON bool
	var dir string
	cmd := &cobra.Command{
		Use: "bench", Short: "Measure what a router on this machine adds to a call, and how many it can carry",
		Long: `Measure what a router on this machine adds to a call, and how many it can carry.

It takes about half a minute, needs no chain and no registration, and touches no money. Calls go through a gateway in a
process of its own and a node in this one, signed, receipted and vouched for as on the network; by turns straight to the
same app; and through a plain proxy in the router's process, which copies bytes and shows what any hop costs here. Ledgers
are in a temporary folder on the disk that you name: let it be the one that the router's home is on, and let nothing else run
meanwhile.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			folder, err := os.MkdirTemp(dir, "emc-router-bench-")
			if err != nil {
				return fmt.Errorf("a folder for ledgers: %w; --dir names another place", err)
			}
			defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
			r, err := benchmark.Measure(cmd.Context(), benchmark.Options{
				Dir: folder, Log: cmd.ErrOrStderr(),
				Router: func(args ...string) []string { return append([]string{self, "bench", "process"}, args...) },
			})
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			}
			return printBench(cmd.OutOrStdout(), r)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.Flags().StringVar(&dir, "dir", "", "where to make the folder of the ledgers (the system's temporary one unless given)")
	cmd.AddCommand(&cobra.Command{
		Use: "process DIR NODE APP", Short: "The router that bench measures; it starts it itself", Hidden: true, Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			return benchmark.Process(cmd.Context(), args[0], args[1], args[2], cmd.InOrStdin(), cmd.OutOrStdout())
		},
	})
	return cmd
}

func printBench(out io.Writer, r benchmark.Result) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tdirect\tthrough the router\tmore\ta plain proxy's more")
	fmt.Fprintf(w, "first byte, half of the calls\t%.2f ms\t%.2f ms\t%.2f ms\t%.2f ms\n", r.Direct.FirstP50, r.Routed.FirstP50, r.FirstByteP50, r.ProxyFirstByteP50)
	fmt.Fprintf(w, "last token, half of the calls\t%.2f ms\t%.2f ms\t%.2f ms\t%.2f ms\n", r.Direct.LastP50, r.Routed.LastP50, r.OverheadP50, r.ProxyP50)
	fmt.Fprintf(w, "last token, 99 of 100\t%.2f ms\t%.2f ms\t%.2f ms\t%.2f ms\n", r.Direct.LastP99, r.Routed.LastP99, r.OverheadP99, r.ProxyP99)
	fmt.Fprintf(w, "with its receipt, half of the calls\t%.2f ms\t%.2f ms\t%.2f ms\n", r.Direct.EndP50, r.Routed.EndP50, r.ReceiptP50)
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nshort calls for each second of a core: %.0f of the router's, %.0f of program, router and node together\n",
		r.CallsPerRouterSecond, r.CallsPerSecond)
	return err
}
