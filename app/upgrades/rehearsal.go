//go:build emc_rehearsal

package upgrades

import (
	"context"

	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	upgradetypes "github.com/cosmos/cosmos-sdk/x/upgrade/types"
)

// RehearsalStore is the store that the rehearsal adds.
const RehearsalStore = "rehearsal"

// rehearsal is the upgrade that the tests run before there is a real one. It does
// what real ones do: it adds a store, changes the consensus parameters, and x/compute
// is one version on (app/rehearsal.go).
func rehearsal(c Context) []Upgrade {
	return []Upgrade{{
		Name:   "rehearsal",
		Stores: storetypes.StoreUpgrades{Added: []string{RehearsalStore}},
		Migrate: func(ctx context.Context, _ upgradetypes.Plan) error {
			params, err := c.Consensus.ParamsStore.Get(ctx)
			if err != nil {
				return err
			}
			params.Block.MaxBytes++
			return c.Consensus.ParamsStore.Set(ctx, params)
		},
	}}
}
