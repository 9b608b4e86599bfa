//go:build emc_rehearsal

package app

import (
	"encoding/binary"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"

	"github.com/edgematrix/emc/app/upgrades"
	"github.com/edgematrix/emc/x/compute"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// This build is one version on: the tests upgrade a network to it. No release
// carries the tag.

func rehearsalStores() []string { return []string{upgrades.RehearsalStore} }

// rehearsedCompute is x/compute with a changed store.
type rehearsedCompute struct {
	compute.AppModule
	app *App
}

func (app *App) computeModule() rehearsedCompute {
	return rehearsedCompute{compute.NewAppModule(app.appCodec, app.ComputeKeeper), app}
}

// ConsensusVersion implements module.HasConsensusVersion.
func (rehearsedCompute) ConsensusVersion() uint64 { return compute.ConsensusVersion + 1 }

// RegisterServices implements module.HasServices.
func (m rehearsedCompute) RegisterServices(cfg module.Configurator) {
	m.AppModule.RegisterServices(cfg)
	if err := cfg.RegisterMigration(computetypes.ModuleName, compute.ConsensusVersion, m.migrate); err != nil {
		panic(err)
	}
}

// migrate reads every job, open or closed, into the new store by its id, and
// changes the old one: closed jobs are kept for a second longer.
func (m rehearsedCompute) migrate(ctx sdk.Context) error {
	state, err := m.app.ComputeKeeper.ExportGenesis(ctx)
	if err != nil {
		return err
	}
	store := ctx.KVStore(m.app.keys[upgrades.RehearsalStore])
	for _, job := range state.Jobs {
		store.Set([]byte(job.Id), binary.BigEndian.AppendUint64(nil, job.MaxPrice.Amount.Uint64()))
	}
	state.Params.JobRetentionSeconds++
	return m.app.ComputeKeeper.Params.Set(ctx, state.Params)
}
