package cmd

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/cosmos/cosmos-sdk/client/flags"

	"github.com/edgematrix/emc/cmd/emcd/events"
	"github.com/edgematrix/emc/cmd/internal/owner"
	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/control"
	"github.com/edgematrix/emc/pkg/feed"
)

func eventsCmd() *cobra.Command {
	var listen string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Follow the chain: blocks, windows, and what changes about nodes and apps",
		Long: `Follow the chain, a line for each event, until Ctrl-C: blocks, windows of the proof of computing, and what changes about
nodes and apps. With --listen, serve the same to web pages as server-sent events at http://HOST:PORT/events.

It asks the RPC of any node. docs/events.md has the events, and an example for a web page.`,
		Example: `  emcd events
  emcd events --json --node https://rpc.example.org:443
  emcd events --listen 127.0.0.1:8090`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			node, _ := cmd.Flags().GetString(flags.FlagNode)
			id, _ := cmd.Flags().GetString(flags.FlagChainID)
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			chain, err := chainclient.New(chainclient.Config{RPC: node, ChainID: id, Logger: log})
			if err != nil {
				return err
			}
			if _, err := chain.CheckChain(ctx); err != nil {
				return err
			}
			told := feed.New(feed.Default())
			g, ctx := errgroup.WithContext(ctx)
			g.Go(func() error { events.Follow(ctx, chain, told, log); return nil })
			if listen == "" {
				g.Go(func() error {
					if err := told.Listen(ctx, owner.PrintEvent(cmd.OutOrStdout(), asJSON)); ctx.Err() == nil {
						return err
					}
					return nil
				})
				return g.Wait()
			}
			listener, err := net.Listen("tcp", listen)
			if err != nil {
				return fmt.Errorf("--listen: %w; choose another HOST:PORT", err)
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "events at http://%s/events\n", listener.Addr())
			mux := http.NewServeMux()
			mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Access-Control-Allow-Origin", "*") // the chain is everybody's
				told.ServeHTTP(w, r)
			})
			g.Go(func() error { return control.ServeHTTP(ctx, listener, mux) })
			return g.Wait()
		},
	}
	cmd.Flags().String(flags.FlagNode, "tcp://localhost:26657", "RPC address of the chain")
	cmd.Flags().String(flags.FlagChainID, "", "id of the chain; empty takes the one of the RPC")
	cmd.Flags().StringVar(&listen, "listen", "", "serve web pages at HOST:PORT, in place of printing")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, an object in each line")
	return cmd
}
