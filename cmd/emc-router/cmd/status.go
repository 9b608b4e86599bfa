package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/cmd/internal/owner"
	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/router/daemon"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

func statusCmd() *cobra.Command {
	var asJSON, follow bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show the nodes, the apps, and the router's money",
		Long: `Show the nodes, the apps, and the router's money; with --follow, a line for everything that changes, until Ctrl-C: what
GET /emc/v1/events of the gateway tells everybody.`,
		Example: "  emc-router status\n  emc-router status --follow",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			r, err := load(cmd)
			if err != nil {
				return err
			}
			if !r.home.Running() {
				return fmt.Errorf("no router runs in %s; `emc-router start` runs it", r.home)
			}
			if follow {
				return daemon.Follow(cmd.Context(), r.home, owner.PrintEvent(cmd.OutOrStdout(), asJSON))
			}
			status, err := daemon.AskStatus(cmd.Context(), r.home)
			if err != nil {
				return err
			}
			if asJSON {
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(status)
			}
			return printStatus(cmd.OutOrStdout(), status)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "print what changes, as it changes")
	return cmd
}

func uemc(n uint64) string { return amount.Format(computetypes.Uemc(math.NewIntFromUint64(n))) }

func printStatus(out io.Writer, s daemon.Status) error {
	fmt.Fprintf(out, "router    %s\nchain     %s, height %d\ngateway   %s\n", s.Router, s.ChainID, s.Height, s.Gateway)
	for _, e := range s.Endpoints {
		fmt.Fprintf(out, "endpoint  %s\n", e)
	}
	if s.Problem != "" {
		fmt.Fprintf(out, "problem   %s\n", s.Problem)
	}
	fmt.Fprintf(out, "peers     %d connected\nsessions  %d whose keys are here\n", s.Peers, s.Sessions)
	if e := s.Exposure; e != nil {
		var allotted, cosigned uint64
		for _, x := range e.Sessions {
			allotted += x.Allotment.Amount.Uint64()
			cosigned += e.Cosigned[x.Session]
		}
		fmt.Fprintf(out, "stake     %s, of which %s covers nodes\nexposure  %s vouched for, of %s allotted in %d session(s)\n",
			e.Stake, e.Covered, uemc(cosigned), uemc(allotted), len(e.Sessions))
	}
	if len(s.Apps) > 0 {
		fmt.Fprintln(out)
		w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "APP\tNODES\tREADY\tPER UNIT\tPER CALL\tTYPICAL")
		for _, a := range s.Apps {
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\t%s\t%s\n", a.ID, a.Nodes, a.Ready, uemc(a.UnitPrice), uemc(a.CallPrice), since(a.Typical))
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	if len(s.Nodes) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NODE\tAPP\tSTATE\tRUNNING\tQUEUED\tCALLS\tFIRST BYTE\tSERVICE")
	for _, n := range s.Nodes {
		for _, a := range n.Apps {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d/%d\t%d\t%d\t%s\t%s\n", n.Address, a.ID, state(n, a), a.Running, a.Capacity, a.Queued, a.Calls, since(a.FirstByte), since(a.Service))
		}
	}
	return w.Flush()
}

func state(n daemon.Node, a daemon.NodeApp) string {
	switch {
	case n.Stale:
		return "silent"
	case n.Breaker != "closed":
		return "failing"
	case !n.Accepting:
		return "draining"
	case n.Proving:
		return "proving"
	case !a.Ready:
		return "not ready"
	}
	return "ready"
}

func since(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return d.Round(100 * time.Microsecond).String()
}
