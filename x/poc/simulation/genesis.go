package simulation

import (
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/module"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc/types"
)

// RandomizedGenState begins a simulation with validators of whom most have a
// beacon key and a prober, the first at least, and with a history of proofs for every node
// that has market power.
func RandomizedGenState(s *module.SimulationState) {
	g := types.DefaultGenesis()
	g.Params = RandomParams(s.Rand)
	for i, account := range s.Accounts[:min(int(s.NumBonded), len(s.Accounts))] {
		if i > 0 && s.Rand.Intn(8) == 0 {
			continue
		}
		if hot := s.Accounts[(i+1)%len(s.Accounts)].Address; len(s.Accounts) > 1 {
			g.Probers = append(g.Probers, types.Prober{Validator: sdk.ValAddress(account.Address).String(), Prober: hot.String()})
		}
		g.BeaconKeys = append(g.BeaconKeys, types.BeaconKey{Validator: sdk.ValAddress(account.Address).String(), Pubkey: BeaconKey(account, 0).PubKey()})
	}
	if raw, ok := s.GenState[computetypes.ModuleName]; ok { // in alphabetical order: it is there
		var compute computetypes.GenesisState
		s.Cdc.MustUnmarshalJSON(raw, &compute)
		g.Number = uint64(g.Params.PowerWindows)
		for _, n := range compute.Nodes {
			if n.Power > 0 {
				g.Records = append(g.Records, history(n, g.Params.PowerWindows))
			}
		}
	}
	s.GenState[types.ModuleName] = s.Cdc.MustMarshalJSON(g)
}

// history is that of a node which proved its power in every window.
func history(n computetypes.Node, windows uint32) types.Record {
	r := types.NewRecord(n.Address)
	for number := uint64(1); number <= uint64(windows); number++ {
		r.Add(types.Score{Number: number, Outcome: types.OUTCOME_PROVED, Power: n.Power}, windows)
	}
	r.Power, r.ChangesAt = r.Quartile(uint64(windows), windows), r.Changes(uint64(windows), windows)
	return r
}
