package simulation

import (
	"context"
	"fmt"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"github.com/edgematrix/emc/x/compute/keeper"
	"github.com/edgematrix/emc/x/compute/types"
)

// mostApps is how many apps a simulation registers: few, so that nodes and jobs meet.
const mostApps = 12

// registerApp registers a new name, or one that is taken.
func registerApp(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgRegisterApp](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgRegisterApp, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		known := s.apps()
		id, handler := fmt.Sprintf("app-%d", len(known)), simsx.SimDeliveryResultHandler(nil)
		if len(known) > 0 && s.r.Intn(8) == 0 {
			id, handler = known[s.r.Intn(len(known))].Id, refused(types.ErrAppExists)
		} else if len(known) >= mostApps {
			reporter.Skip("enough apps")
			return nil, nil, nil
		}
		owner, ok := s.rich(s.params.AppRegistrationFee)
		if !ok {
			reporter.Skip("nobody can pay")
			return nil, nil, nil
		}
		a := randomApp(s.r.Rand, id, owner.AddressBech32)
		return []simsx.SimAccount{owner}, &types.MsgRegisterApp{
			Owner: a.Owner, Id: a.Id, Runtime: a.Runtime, Digest: a.Digest, Interface: a.Interface, MinMemoryBytes: a.MinMemoryBytes,
			MinCpuCores: a.MinCpuCores, Unit: a.Unit, Comparison: a.Comparison, Description: a.Description,
		}, handler
	})
}

// updateApp gives an app a new version, which may need another runtime.
func updateApp(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgUpdateApp](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgUpdateApp, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		app, ok := pick(s, "app", s.apps())
		if !ok {
			return nil, nil, nil
		}
		owner, handler := app.Owner, simsx.SimDeliveryResultHandler(nil)
		if s.r.Intn(4) == 0 || !data.HasAccount(owner) {
			if owner = data.AnyAccount(reporter).AddressBech32; owner != app.Owner {
				handler = refused(types.ErrNotOwner)
			}
		}
		a := randomApp(s.r.Rand, app.Id, owner)
		return s.who(owner), &types.MsgUpdateApp{
			Owner: a.Owner, Id: a.Id, Runtime: a.Runtime, Digest: a.Digest, Interface: a.Interface, MinMemoryBytes: a.MinMemoryBytes,
			MinCpuCores: a.MinCpuCores, Unit: a.Unit, Comparison: a.Comparison, Description: a.Description,
		}, handler
	})
}
