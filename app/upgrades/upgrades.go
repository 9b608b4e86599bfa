// Package upgrades lists the chain's upgrades, one file each.
//
// An upgrade has a name, the stores that it adds or drops, and a migration. A
// node that reaches an upgrade's height without knowing its name stops and says
// so; a node started with the new binary runs the migration and goes on.
package upgrades

import (
	"context"
	"fmt"

	"github.com/cosmos/cosmos-sdk/baseapp"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	"github.com/cosmos/cosmos-sdk/types/module"
	upgradekeeper "github.com/cosmos/cosmos-sdk/x/upgrade/keeper"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"
)

// Context is what upgrades may use of the application.
type Context struct {
	Upgrade        *upgradekeeper.Keeper
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

// all returns the upgrades that this binary knows, the oldest first. The first
// release has none.
func all() []Upgrade { return nil }

// Register installs every upgrade's handler and, on a node that stopped for one
// of them, the change of its stores. It panics when the node's own record of
// the upgrade cannot be read, because going on would corrupt its state.
func Register(c Context) {
	if len(all()) == 0 {
		return // reading the record creates its folder, which a mere query should not
	}
	info, err := c.Upgrade.ReadUpgradeInfoFromDisk()
	if err != nil {
		panic(fmt.Errorf("read the pending upgrade from disk: %w", err))
	}
	for _, upgrade := range all() {
		c.Upgrade.SetUpgradeHandler(upgrade.Name,
			func(ctx context.Context, plan upgradetypes.Plan, from module.VersionMap) (module.VersionMap, error) {
				if upgrade.Migrate != nil {
					if err := upgrade.Migrate(ctx, plan); err != nil {
						return nil, err
					}
				}
				return c.ModuleManager.RunMigrations(ctx, c.Configurator, from)
			})
		if info.Name == upgrade.Name && !c.Upgrade.IsSkipHeight(info.Height) {
			stores := upgrade.Stores
			c.SetStoreLoader(upgradetypes.UpgradeStoreLoader(info.Height, &stores))
		}
	}
}
