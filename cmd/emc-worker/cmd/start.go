package cmd

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/worker/daemon"
	"github.com/edgematrix/emc/worker/hardware"
	"github.com/edgematrix/emc/worker/runtime"
)

func startCmd() *cobra.Command {
	return &cobra.Command{
		Use: "start", Short: "Run the worker",
		Long: `Run the worker until it is told to stop by SIGTERM or Ctrl-C. No operator key is needed on this machine.

The worker may be stopped or killed at any moment: after its restart it goes on where it was. A job that was
running is run again from its start if its time suffices.`,
		Example: "  emc-worker start\n  emc-worker start --home /var/lib/emc-worker",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := load(cmd)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), w, cmd.OutOrStdout())
		},
	}
}

// measureInterval is how often a machine is looked at that isolates nothing yet.
const measureInterval = 5 * time.Second

// measured waits until jobs can be isolated: after a reboot the worker may be
// there before the Engine is.
func measured(ctx context.Context, w *worker) (runtime.Tier, error) {
	said := ""
	for {
		tier, err := isolation(ctx, w)
		if err == nil {
			return tier, nil
		}
		if err.Error() != said {
			said = err.Error()
			w.log.Warn("jobs cannot be isolated yet; the worker waits", "error", err)
		}
		retry := time.NewTimer(measureInterval)
		select {
		case <-ctx.Done():
			retry.Stop()
			return runtime.TierNone, err
		case <-retry.C:
		}
	}
}

// serve runs the daemon and says "ready" when the chain shows it.
func serve(ctx context.Context, w *worker, out io.Writer) error {
	runtimes, err := runtimesOf(w.home, w.log)(w.config)
	if err != nil {
		return err
	}
	tier, err := measured(ctx, w)
	if err != nil {
		return err
	}
	return daemon.Run(ctx, daemon.Options{
		Home: w.home, Config: w.config, Identity: w.identity, Chain: w.chain, Runtimes: runtimes, Isolation: tier,
		Hardware: hardware.Host{Dir: string(w.home)}, Logger: w.log,
		Ready: func() {
			fmt.Fprintf(out, "ready     node %s on chain %s, %d slot(s) at %s an hour\n",
				w.identity.Address(), w.config.Chain.ID, w.config.Offer.Slots, w.config.Offer.Price)
		},
	})
}
