package cmd

import (
	"crypto/rand"
	"fmt"
	"os"

	dbm "github.com/cosmos/cosmos-db"
	"github.com/spf13/cobra"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/server"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	genutilcli "github.com/cosmos/cosmos-sdk/x/genutil/client/cli"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/pkg/beacon"
)

// newApp opens the chain for the node and the maintenance commands.
func newApp(logger log.Logger, db dbm.DB, appOpts servertypes.AppOptions) servertypes.Application {
	return app.New(logger, db, true, appOpts, server.DefaultBaseappOptions(appOpts)...)
}

// sayWhyNotLoaded turns the panic of a binary that does not fit the state into
// the command's error: a stack trace would hide the words.
func sayWhyNotLoaded(cmd *cobra.Command) {
	if run := cmd.RunE; run != nil {
		cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
			defer func() {
				switch cause := recover().(type) {
				case nil:
				case *app.LoadError:
					err = cause
				default:
					panic(cause)
				}
			}()
			return run(cmd, args)
		}
	}
	for _, sub := range cmd.Commands() {
		sayWhyNotLoaded(sub)
	}
}

// needGenesis makes cmd and its subcommands say what to do in a home without a
// genesis; the SDK would panic there.
func needGenesis(cmd *cobra.Command) {
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		file := server.GetServerContextFromCmd(cmd).Config.GenesisFile()
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("%w: this home holds no chain yet: run `emcd init` and put the network's genesis.json there, "+
				"or name the right --home; for a network on this machine run `emcd localnet start`", err)
		}
		return nil
	}
	for _, sub := range cmd.Commands() {
		needGenesis(sub)
	}
}

// initCmd is the SDK's init with the chain's own limits on blocks.
func initCmd(chain *app.App, home string) *cobra.Command {
	cmd := genutilcli.InitCmd(chain.BasicManager(), home)
	write := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := write(cmd, args); err != nil {
			return err
		}
		file := server.GetServerContextFromCmd(cmd).Config.SetRoot(client.GetClientContextFromCmd(cmd).HomeDir).GenesisFile()
		genesis, err := genutiltypes.AppGenesisFromFile(file)
		if err != nil {
			return err
		}
		if _, err := beacon.LoadOrMake(client.GetClientContextFromCmd(cmd).HomeDir, rand.Reader); err != nil {
			return err
		}
		keys := genesis.Consensus.Params.Validator.PubKeyTypes
		genesis.Consensus.Params = app.DefaultConsensusParams()
		genesis.Consensus.Params.Validator.PubKeyTypes = keys
		return genesis.SaveAs(file)
	}
	return cmd
}
