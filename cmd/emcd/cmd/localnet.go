package cmd

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/server"
	svrcmd "github.com/cosmos/cosmos-sdk/server/cmd"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/cmd/emcd/localnet"
	"github.com/edgematrix/emc/cmd/emcd/network"
)

// localnetHome is where a local network is kept when no --home is given: apart
// from a real node's home, because --reset deletes it.
func localnetHome() string { return app.DefaultHome() + "-localnet" }

func localnetCmd(chain *app.App, clientCtx client.Context) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "localnet",
		Short: "Run a network of one validator on this machine",
		RunE:  client.ValidateCmd,
		// A local network has its own home; the root's hook would write
		// configuration into the ordinary one.
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SilenceUsage = true
			return nil
		},
	}
	cmd.AddCommand(localnetStartCmd(chain, clientCtx))
	return cmd
}

func localnetStartCmd(chain *app.App, clientCtx client.Context) *cobra.Command {
	var o localnet.Options
	var ports string
	cmd := &cobra.Command{
		Use:   "start",
		Short: "Start a local network with a faucet from config.yml",
		Long: `Start a network of one validator and a faucet, described by config.yml, in this process.

The network prints "ready" after its first block and writes where it listens to
localnet.json in its home. Its state is kept over restarts, also after a crash.

Without --home its home is ~/.emcd-localnet: --reset deletes it, and must never
meet the home of a real node.`,
		Example: `  emcd localnet start
  emcd localnet start --reset
  emcd localnet start --home /tmp/second --port-offset 100`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch ports {
			case "":
			case "auto":
				o.AutoPorts = true
			default:
				return fmt.Errorf("--ports %q: only \"auto\" is known; to move the ports use --port-offset", ports)
			}
			if o.AutoPorts && o.PortOffset != 0 {
				return fmt.Errorf("give --ports auto or --port-offset, not both")
			}
			o.Home = localnetHome()
			if given := cmd.Flags().Lookup(flags.FlagHome); given != nil && given.Changed {
				o.Home = given.Value.String()
			} else if env := os.Getenv(EnvPrefix + "_HOME"); env != "" {
				o.Home = env
			}
			logLevel := "error"
			if given := cmd.Flags().Lookup(flags.FlagLogLevel); given != nil && given.Changed {
				logLevel = given.Value.String()
			}
			o.Out, o.Codecs = cmd.OutOrStdout(), network.CodecsOf(chain)
			o.RunNode = func(ctx context.Context, args []string, setup localnet.Setup) error {
				return runNode(ctx, clientCtx, append(args, "--"+flags.FlagLogLevel, logLevel), cmd.ErrOrStderr(), setup)
			}
			return localnet.Start(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.ConfigPath, "config", "", "the network's description (default: ./"+localnet.DefaultPath+", or a built-in one)")
	f.BoolVar(&o.Reset, "reset", false, "delete the network and start over from its genesis")
	f.BoolVarP(&o.Quiet, "quiet", "q", false, `print only the line "ready"`)
	f.IntVar(&o.PortOffset, "port-offset", 0, "add this to every port, so that several networks run side by side")
	f.StringVar(&ports, "ports", "", `"auto" takes free ports`)
	return cmd
}

// runNode runs `emcd start` with args in this process; logs go to logs.
func runNode(ctx context.Context, clientCtx client.Context, args []string, logs io.Writer, setup localnet.Setup) error {
	start := server.StartCmdWithOptions(newApp, app.DefaultHome(), server.StartCmdOptions{
		PostSetup: func(_ *server.Context, clientCtx client.Context, ctx context.Context, g *errgroup.Group) error {
			return setup(clientCtx, ctx, g)
		},
	})
	root := &cobra.Command{
		Use: filepath.Base(os.Args[0]), SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error { return prepare(cmd, args, clientCtx) },
	}
	root.PersistentFlags().String(flags.FlagLogLevel, "error", "")
	root.PersistentFlags().String(flags.FlagLogFormat, "plain", "")
	root.PersistentFlags().Bool(flags.FlagLogNoColor, false, "")
	root.PersistentFlags().String(flags.FlagVerboseLogLevel, "", "")
	root.AddCommand(start)
	root.SetArgs(append([]string{"start"}, args...))
	root.SetOut(logs)
	root.SetErr(logs)
	return root.ExecuteContext(svrcmd.CreateExecuteContext(ctx))
}
