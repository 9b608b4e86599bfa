// Package upgrades lists the chain's upgrades, one file each.
//
// An upgrade has a name, the stores that it adds or drops, and a migration. A
// node that reaches an upgrade's height without knowing its name stops and says
// so; a node started with the new binary runs the migration and goes on.
//
// To add one: write a file with a function that returns the Upgrade and name it
// in released; name a new module's store in the application's list of stores;
// for a changed store raise its module's ConsensusVersion and register the
// migration from the last version in its RegisterServices. rehearsal.go is an
// example of all of it. Then let test/validators take the last release's binary
// through it (docs/validators/upgrades.md).
package upgrades

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cosmos/cosmos-sdk/baseapp"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	consensuskeeper "github.com/cosmos/cosmos-sdk/x/consensus/keeper"
	upgradekeeper "github.com/cosmos/cosmos-sdk/x/upgrade/keeper"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"
)

// Context is what upgrades may use of the application.
type Context struct {
	// Home is the node's; empty in an application that serves nobody.
	Home           string
	Upgrade        *upgradekeeper.Keeper
	Consensus      consensuskeeper.Keeper
	ModuleManager  *module.Manager
	Configurator   module.Configurator
	SetStoreLoader func(baseapp.StoreLoader)
}

// Upgrade is one planned change of the state machine.
type Upgrade struct {
	// Name is what the governance proposal calls it.
	Name string
	// Stores are the stores added, renamed or deleted.
	Stores storetypes.StoreUpgrades
	// Migrate runs before the modules' own migrations; nil when there is nothing to do.
	Migrate func(ctx context.Context, plan upgradetypes.Plan) error
}

// released returns the upgrades of the releases, the oldest first. The first
// release has none.
func released(Context) []Upgrade { return nil }

// all returns the upgrades that this binary knows, the oldest first.
func all(c Context) []Upgrade { return append(released(c), rehearsal(c)...) }

// Register installs every upgrade's handler and, on a node that stopped for one
// of them, the change of its stores. It panics when the node's own record of
// the upgrade cannot be read, because going on would corrupt its state.
func Register(c Context) {
	stopped, err := stoppedFor(c)
	if err != nil {
		panic(fmt.Errorf("read the upgrade for which the node stopped: %w", err))
	}
	for _, upgrade := range all(c) {
		c.Upgrade.SetUpgradeHandler(upgrade.Name,
			func(ctx context.Context, plan upgradetypes.Plan, from module.VersionMap) (module.VersionMap, error) {
				if upgrade.Migrate != nil {
					if err := upgrade.Migrate(ctx, plan); err != nil {
						return nil, err
					}
				}
				return c.ModuleManager.RunMigrations(ctx, c.Configurator, from)
			})
		if stopped.Name == upgrade.Name && !c.Upgrade.IsSkipHeight(stopped.Height) {
			stores := upgrade.Stores
			c.SetStoreLoader(upgradetypes.UpgradeStoreLoader(stopped.Height, &stores))
		}
	}
}

// stoppedFor reads the upgrade for which the node stopped last. The keeper's own
// reading would make the folder, in the working directory if there is no home,
// and that for every command that merely asks something.
func stoppedFor(c Context) (upgradetypes.Plan, error) {
	if c.Home == "" {
		return upgradetypes.Plan{}, nil
	}
	_, err := os.Stat(filepath.Join(c.Home, "data", upgradetypes.UpgradeInfoFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return upgradetypes.Plan{}, nil
	}
	return c.Upgrade.ReadUpgradeInfoFromDisk()
}
