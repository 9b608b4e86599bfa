package keeper

import "github.com/edgematrix/emc/x/poc/types"

// Compute is x/compute as the module sees it, for a simulation that plays its nodes.
func (k *Keeper) Compute() types.ComputeKeeper { return k.compute }

// Staking is x/staking as the module sees it, for a simulation that plays its validators.
func (k *Keeper) Staking() types.StakingKeeper { return k.staking }
