package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/cmd/internal/owner"
	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/power"
	"github.com/edgematrix/emc/worker/daemon"
	proving "github.com/edgematrix/emc/worker/power"
	"github.com/edgematrix/emc/x/compute/types"
)

// report is what `status --json` prints.
type report struct {
	Running bool `json:"running"`
	daemon.Status
}

func statusCmd() *cobra.Command {
	var asJSON, follow bool
	cmd := &cobra.Command{
		Use: "status", Short: "Show the node, its jobs, its messages and what it earned",
		Example: "  emc-worker status\n  emc-worker status --json\n  emc-worker status --follow",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := load(cmd)
			if err != nil {
				return err
			}
			if follow {
				if !w.home.Running() {
					return fmt.Errorf("no worker runs in %s; `emc-worker start` runs it", w.home)
				}
				return daemon.Control{Home: w.home}.Follow(cmd.Context(), owner.PrintEvent(cmd.OutOrStdout(), asJSON))
			}
			r, err := statusOf(cmd.Context(), w)
			if err != nil {
				return err
			}
			if asJSON {
				out := json.NewEncoder(cmd.OutOrStdout())
				out.SetIndent("", "  ")
				return out.Encode(r)
			}
			printStatus(cmd.OutOrStdout(), r)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "print what changes, as it changes, until Ctrl-C")
	return cmd
}

// statusOf asks the running daemon, or else the chain and the files.
func statusOf(ctx context.Context, w *worker) (report, error) {
	if w.home.Running() {
		s, err := daemon.Control{Home: w.home}.Status(ctx)
		return report{Running: true, Status: s}, err
	}
	r := report{Status: daemon.Status{
		Node: w.identity.Address(), ChainID: w.config.Chain.ID, Draining: w.home.Draining(), Endpoints: []string{}, Running: []string{},
		Power: proving.Off(), Jobs: []daemon.StoredJob{}, Waiting: []daemon.WaitingMessage{}, Last: []daemon.DoneMessage{},
	}}
	var err error
	if r.Earned, err = daemon.ReadEarnings(w.home.Earnings()); err != nil {
		return r, err
	}
	head, err := w.chain.CheckChain(ctx)
	if err != nil {
		r.Problem = err.Error()
		return r, nil //nolint:nilerr // a chain that is away is part of the status
	}
	r.Height, r.BlockTime = head.Height, head.Time
	switch n, err := w.chain.Node(ctx, r.Node); {
	case err == nil:
		r.OnChain, r.Endpoints = &n, n.Node.Endpoints
		if r.Power.Figures, err = proving.ReadFigures(ctx, w.chain, n.Node); err != nil {
			r.Problem = err.Error()
		}
	case errors.Is(err, chainclient.ErrNotFound):
		r.Problem = "the node is not registered; see `emc-worker register`"
	default:
		r.Problem = err.Error()
	}
	return r, nil
}

func printStatus(out io.Writer, r report) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%-10s%s\n", name, fmt.Sprintf(format, args...))
	}
	line("node", "%s", r.Node)
	line("chain", "%s, height %d", r.ChainID, r.Height)
	switch {
	case !r.Running:
		line("worker", "stopped")
	case r.OnChain == nil:
		line("worker", "running, not registered")
	case r.Draining:
		line("worker", "running, takes no new work (drain)")
	case r.Ready:
		line("worker", "running, ready")
	default:
		line("worker", "running, not ready yet")
	}
	if r.Problem != "" {
		line("problem", "%s", r.Problem)
	}
	if v := r.OnChain; v != nil {
		n := v.Node
		state := "takes work"
		if v.Unavailable != "" {
			state = v.Unavailable
		}
		line("on chain", "%s; %d of %d slot(s) free", state, v.FreeSlots, n.Offer.Slots)
		line("operator", "%s", n.Operator)
		line("price", "%s for a slot and hour", amount.Format(n.Offer.SlotHourPrice))
		line("power", "%s", powerOnChain(v))
		line("stake", "%s EMC, deposit %s EMC", amount.FormatBase(n.Stake), amount.FormatBase(n.Deposit))
		rep := n.Reputation
		line("record", "%d completed, %d failed, %d declined, %d starts missed", rep.JobsCompleted, rep.JobsFailed, rep.JobsDeclined, rep.StartsMissed)
	}
	printPower(line, r)
	line("earned", "%s EMC with %d job(s)", amount.FormatBase(r.Earned.Uemc), r.Earned.Jobs)
	for _, e := range r.Endpoints {
		line("endpoint", "%s", e)
	}
	for _, j := range r.Jobs {
		line("job", "%s %s %s, since %s %s", j.ID, j.App, j.Phase, j.Created.Format(time.DateTime), j.Message)
	}
	for _, m := range r.Waiting {
		line("waiting", "%s since %s", m.Key, m.Created.Local().Format(time.DateTime))
	}
	if r.Flight != nil {
		line("in flight", "%s until block %d: %v", r.Flight.Hash, r.Flight.TimeoutHeight, r.Flight.Keys)
	}
	for _, m := range r.Last {
		if m.Words != "" {
			line("dropped", "%s: %s", m.Key, m.Words)
			continue
		}
		line("sent", "%s in block %d, %s", m.Key, m.Height, m.Hash)
	}
}

// printPower tells what the node proves and what that has earned.
func printPower(line func(name, format string, args ...any), r report) {
	p := r.Power
	switch {
	case r.Running && p.Enabled && p.N > 0:
		line("proof", "%s; %s, n = %d, %d threads", p.State, p.Backend, p.N, p.Threads)
	case r.Running:
		line("proof", "%s", p.State)
	}
	if r.OnChain == nil {
		return
	}
	line("proven", "%s in the last proof", power.Format(p.Proven))
	line("windows", "%d proved, %d silent, %d wrong; %d of the last ones missed", p.Proved, p.Silent, p.Wrong, p.Missed)
	line("rewards", "%s EMC claimable by the operator", amount.FormatBase(p.Claimable))
	if r.Running {
		line("frozen", "%s, %.2f %% of the time since the start", p.Frozen.Round(time.Second), 100*p.Share)
	}
}

// powerOnChain says what power the network has seen proved, and what of it is promised.
func powerOnChain(v *types.NodeView) string {
	n := v.Node
	if n.Power == 0 {
		return "none to sell yet: it is the lower quartile of the last windows"
	}
	return fmt.Sprintf("%s, %s a slot, %s not promised", power.Format(n.Power), power.Format(n.SlotPower()), power.Format(n.FreePower()))
}
