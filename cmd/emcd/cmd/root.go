// Package cmd is the emcd command line.
package cmd

import (
	"os"

	dbm "github.com/cosmos/cosmos-db"
	"github.com/spf13/cobra"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/config"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/server"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	"github.com/cosmos/cosmos-sdk/version"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/cmd/emcd/network"
)

// EnvPrefix starts the environment variables that stand for flags: EMCD_HOME is --home.
const EnvPrefix = "EMCD"

// NewRootCmd returns the emcd command with every subcommand.
func NewRootCmd() *cobra.Command {
	nameVersion()

	// An application that serves nobody knows the modules' types and commands.
	chain := app.New(log.NewNopLogger(), dbm.NewMemDB(), true, simtestutil.EmptyAppOptions{})

	clientCtx := client.Context{}.
		WithCodec(chain.AppCodec()).
		WithInterfaceRegistry(chain.InterfaceRegistry()).
		WithTxConfig(chain.TxConfig()).
		WithLegacyAmino(chain.LegacyAmino()).
		WithInput(os.Stdin).
		WithAccountRetriever(authtypes.AccountRetriever{}).
		WithHomeDir(app.DefaultHome())

	root := &cobra.Command{
		Use:           params.AppName,
		Short:         "The EMC chain: rent, prove and trade computing power",
		SilenceErrors: false,
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			return prepare(cmd, args, clientCtx)
		},
	}
	addCommands(root, chain, clientCtx)
	if err := addModuleCommands(root, chain); err != nil {
		panic(err)
	}
	return root
}

// prepare runs before every command: it reads the configuration of --home and
// makes amounts and fees ready.
func prepare(cmd *cobra.Command, args []string, clientCtx client.Context) error {
	cmd.SetOut(cmd.OutOrStdout())
	cmd.SetErr(cmd.ErrOrStderr())
	// From here on an error is about what was asked, not about how to ask.
	cmd.SilenceUsage = true

	// Each command has its own viper: a shared one keeps the first home that it
	// was pointed at, and --home would be ignored.
	clientCtx = clientCtx.WithCmdContext(cmd.Context()).WithViper(EnvPrefix)
	clientCtx, err := client.ReadPersistentCommandFlags(clientCtx, cmd.Flags())
	if err != nil {
		return err
	}
	clientCtx, err = config.ReadFromClientConfig(clientCtx)
	if err != nil {
		return err
	}
	// The SDK heeds --keyring-dir only beside --keyring-backend.
	if dir := cmd.Flags().Lookup(flags.FlagKeyringDir); dir != nil && dir.Changed {
		clientCtx = clientCtx.WithKeyringDir(dir.Value.String())
		keys, err := client.NewKeyringFromBackend(clientCtx, clientCtx.Keyring.Backend())
		if err != nil {
			return err
		}
		clientCtx = clientCtx.WithKeyring(keys)
	}
	if err := client.SetCmdClientContextHandler(clientCtx, cmd); err != nil {
		return err
	}
	if err := network.EnsureConfig(clientCtx.HomeDir); err != nil {
		return err
	}
	serverCtx, err := server.InterceptConfigsAndCreateContext(
		cmd, serverconfig.DefaultConfigTemplate, network.AppConfig(), network.CometConfig())
	if err != nil {
		return err
	}
	// Logs go to stderr: what `emcd export` prints to stdout is a genesis.
	logger, err := server.CreateSDKLogger(serverCtx, cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	serverCtx.Logger = logger.With(log.ModuleKey, "server")
	if err := server.SetCmdServerContext(cmd, serverCtx); err != nil {
		return err
	}
	if err := normalizeAmounts(cmd, args); err != nil {
		return err
	}
	return offerFees(cmd)
}

// nameVersion fills in what the linker was not told.
func nameVersion() {
	if version.Name == "" {
		version.Name = params.AppName
	}
	if version.AppName == "" || version.AppName == "<appd>" {
		version.AppName = params.AppName
	}
	if version.Version == "" {
		version.Version = "dev"
	}
}
