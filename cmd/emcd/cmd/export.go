package cmd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	dbm "github.com/cosmos/cosmos-db"
	"github.com/spf13/cast"
	"github.com/spf13/cobra"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/server"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	"github.com/cosmos/cosmos-sdk/store/v2/rootmulti"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"github.com/edgematrix/emc/app"
)

// exporter writes the state as a genesis.
type exporter struct {
	// at is the time of the last exported block.
	at time.Time
}

// app reads the state at a height; -1 is the last.
func (e *exporter) app(
	logger log.Logger, db dbm.DB, height int64, forZeroHeight bool, jailAllowed []string,
	appOpts servertypes.AppOptions, modules []string,
) (servertypes.ExportedApp, error) {
	if cast.ToString(appOpts.Get(flags.FlagHome)) == "" {
		return servertypes.ExportedApp{}, errors.New("the application's home is not set: give --home")
	}
	chain := app.New(logger, db, height == -1, appOpts, server.DefaultBaseappOptions(appOpts)...)
	if height != -1 {
		if err := chain.LoadHeight(height); err != nil {
			return servertypes.ExportedApp{}, fmt.Errorf("load height %d (it may have been pruned): %w", height, err)
		}
	}
	store, ok := chain.CommitMultiStore().(*rootmulti.Store)
	if !ok {
		return servertypes.ExportedApp{}, fmt.Errorf("the store is a %T, which keeps no times of its commits", chain.CommitMultiStore())
	}
	commit, err := store.GetCommitInfo(chain.LastBlockHeight())
	if err != nil {
		return servertypes.ExportedApp{}, fmt.Errorf("the time of the last block: %w", err)
	}
	e.at = commit.Timestamp
	return chain.ExportAppStateAndValidators(forZeroHeight, jailAllowed, modules)
}

// timed lets the export begin where the old chain ended, and not, as the SDK
// does, when the old chain began: the first block would take the clock back by
// the chain's whole life, and every deadline in the state with it.
func (e *exporter) timed(cmd *cobra.Command) {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		target, err := cmd.Flags().GetString(flags.FlagOutputDocument)
		if err != nil {
			return err
		}
		dir, err := os.MkdirTemp("", "emcd-export-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		file := filepath.Join(dir, "genesis.json")
		if err := cmd.Flags().Set(flags.FlagOutputDocument, file); err != nil {
			return err
		}
		if err := run(cmd, args); err != nil {
			return err
		}
		genesis, err := genutiltypes.AppGenesisFromFile(file)
		if err != nil {
			return err
		}
		genesis.GenesisTime = e.at
		if target != "" {
			return genesis.SaveAs(target)
		}
		return json.NewEncoder(cmd.OutOrStdout()).Encode(genesis)
	}
}
