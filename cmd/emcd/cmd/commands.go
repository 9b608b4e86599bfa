package cmd

import (
	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/debug"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/client/keys"
	"github.com/cosmos/cosmos-sdk/client/pruning"
	"github.com/cosmos/cosmos-sdk/client/rpc"
	"github.com/cosmos/cosmos-sdk/client/snapshot"
	"github.com/cosmos/cosmos-sdk/server"
	authcmd "github.com/cosmos/cosmos-sdk/x/auth/client/cli"
	genutilcli "github.com/cosmos/cosmos-sdk/x/genutil/client/cli"

	"github.com/edgematrix/emc/app"
)

// addCommands adds everything but the modules' own commands.
func addCommands(root *cobra.Command, chain *app.App, clientCtx client.Context) {
	home := app.DefaultHome()
	root.AddCommand(
		initCmd(chain, home),
		genutilcli.Commands(chain.TxConfig(), chain.BasicManager(), home),
		localnetCmd(chain, clientCtx),
		testnetCmd(chain),
		jobCommand(),
		sessionCommand(),
		socketCommand(),
		eventsCmd(),
		beaconKeyCmd(),
		proberCmd(),
		queryCmd(),
		txCmd(),
		keys.Commands(),
		debug.Cmd(),
		configCmd(),
		pruning.Cmd(newApp, home),
		snapshot.Cmd(newApp),
		server.StatusCommand(),
	)
	export := &exporter{}
	server.AddCommandsWithStartCmdOptions(root, home, newApp, export.app, server.StartCmdOptions{})
	for _, cmd := range root.Commands() {
		if cmd.Name() == "export" {
			export.timed(cmd)
		}
		switch cmd.Name() {
		case "start", "export", "rollback", "prune", "snapshots":
			needGenesis(cmd)
			sayWhyNotLoaded(cmd)
		}
	}
}

// queryCmd holds the queries that belong to no module.
func queryCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:                        "query",
		Aliases:                    []string{"q"},
		Short:                      "Ask the chain",
		SuggestionsMinimumDistance: 2,
		RunE:                       client.ValidateCmd,
	}
	cmd.AddCommand(
		rpc.WaitTxCmd(),
		rpc.ValidatorCommand(),
		server.QueryBlockCmd(),
		server.QueryBlocksCmd(),
		server.QueryBlockResultsCmd(),
		authcmd.QueryTxsByEventsCmd(),
		authcmd.QueryTxCmd(),
	)
	return cmd
}

// txCmd holds the transaction tools that belong to no module.
func txCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:                        "tx",
		Short:                      "Send a transaction, or sign, encode and check one",
		SuggestionsMinimumDistance: 2,
		RunE:                       client.ValidateCmd,
	}
	cmd.AddCommand(
		authcmd.GetSignCommand(),
		authcmd.GetSignBatchCommand(),
		authcmd.GetMultiSignCommand(),
		authcmd.GetMultiSignBatchCmd(),
		authcmd.GetValidateSignaturesCommand(),
		authcmd.GetBroadcastCommand(),
		authcmd.GetEncodeCommand(),
		authcmd.GetDecodeCommand(),
		authcmd.GetSimulateCmd(),
	)
	cmd.PersistentFlags().String(flags.FlagChainID, "", "The network chain ID")
	return cmd
}
