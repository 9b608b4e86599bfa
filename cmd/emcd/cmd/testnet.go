package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"cosmossdk.io/math/unsafe"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	"github.com/cosmos/cosmos-sdk/server"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/cmd/emcd/network"
)

func testnetCmd(chain *app.App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "testnet",
		Short: "Write the files of a network of several validators",
		RunE:  client.ValidateCmd,
		// It writes where it is told to, and has no use for the home's configuration.
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			return nil
		},
	}
	cmd.AddCommand(testnetInitFilesCmd(chain))
	return cmd
}

func testnetInitFilesCmd(chain *app.App) *cobra.Command {
	var t network.Testnet
	cmd := &cobra.Command{
		Use:   "init-files",
		Short: "Write keys, genesis and configuration for N validators",
		Long: `Write a folder for each of N validators, with its keys, a common genesis and its
peers. Start each node with emcd start --home DIR/nodeI/emcd.

By default the nodes have consecutive IP addresses and the usual ports; with
--single-host they run side by side on this machine.`,
		Example: `  emcd testnet init-files --v 4 --output-dir ./.testnets --starting-ip-address 192.168.10.2
  emcd testnet init-files --v 4 --output-dir ./.testnets --single-host`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if t.ChainID == "" {
				t.ChainID = "emc-test-" + unsafe.Str(6)
			}
			t.KeyringInput = cmd.InOrStdin()
			if err := t.Write(cmd.Context(), network.CodecsOf(chain)); err != nil {
				return err
			}
			cmd.PrintErrf("Wrote %d nodes of the network %s to %s\n", t.Validators, t.ChainID, t.OutputDir)
			for i := range t.Validators {
				fmt.Fprintf(cmd.OutOrStdout(), "%s start --home %s/%s%d/%s\n", params.AppName, t.OutputDir, t.NodePrefix, i, t.DaemonHome)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.IntVar(&t.Validators, "v", 4, "how many validators")
	f.StringVarP(&t.OutputDir, "output-dir", "o", "./.testnets", "where to write")
	f.StringVar(&t.ChainID, flags.FlagChainID, "", "the network's chain id (default: a random one)")
	f.StringVar(&t.NodePrefix, "node-dir-prefix", "node", "nodes are called by this and their number")
	f.StringVar(&t.DaemonHome, "node-daemon-home", params.AppName, "the home inside a node's folder")
	f.StringVar(&t.StartingIP, "starting-ip-address", "192.168.0.1", "the first node's IP address")
	f.BoolVar(&t.SingleHost, "single-host", false, "run all nodes on this machine, on different ports")
	f.IntVar(&t.BasePort, "base-port", 27000, "with --single-host: the first node's ports start here, the next ones' 10 higher each")
	f.StringVar(&t.Coins, "coins", "1000000emc", "each validator's balance")
	f.StringVar(&t.Bonded, "bonded", "500000emc", "each validator's own stake")
	f.StringVar(&t.MinGasPrices, server.FlagMinGasPrices, params.MinGasPrice, "the least gas price that the nodes accept")
	f.StringVar(&t.KeyringBackend, flags.FlagKeyringBackend, keyring.BackendTest, "where the validators' keys are kept (os|file|test)")
	f.DurationVar(&t.CommitTimeout, "commit-timeout", 0, "the time between blocks (default 1s)")
	f.StringVar(&t.BlockExecutor, server.FlagBlockExecutor, "", "sequential or block-stm (default sequential)")
	f.BoolVar(&t.EnablePrometheus, "prometheus", false, "serve CometBFT's metrics")
	return cmd
}
