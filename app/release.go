//go:build !emc_rehearsal

package app

import (
	"github.com/edgematrix/emc/x/compute"
)

// A release has no more stores than its modules'. See rehearsal.go.
func rehearsalStores() []string { return nil }

func (app *App) computeModule() compute.AppModule {
	return compute.NewAppModule(app.appCodec, app.ComputeKeeper)
}
