package app

import (
	"maps"

	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"github.com/cosmos/cosmos-sdk/contrib/x/nft"

	ibctransfertypes "github.com/cosmos/ibc-go/v11/modules/apps/transfer/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// ModuleAccounts returns the module accounts and what each may do with coins.
// Nobody may mint but x/poc, by the schedule of the emission, and the IBC transfer
// module, whose vouchers stand for coins locked on the other chain.
func ModuleAccounts() map[string][]string {
	return maps.Clone(map[string][]string{
		authtypes.FeeCollectorName:          nil,
		distrtypes.ModuleName:               nil,
		stakingtypes.BondedPoolName:         {authtypes.Burner, authtypes.Staking},
		stakingtypes.NotBondedPoolName:      {authtypes.Burner, authtypes.Staking},
		stakingtypes.KeyRotationFeePoolName: {authtypes.Burner},
		govtypes.ModuleName:                 {authtypes.Burner},
		nft.ModuleName:                      nil,
		computetypes.ModuleName:             {authtypes.Burner},
		poctypes.ModuleName:                 {authtypes.Minter},
		ibctransfertypes.ModuleName:         {authtypes.Minter, authtypes.Burner},
	})
}

// BlockedAddresses returns the addresses that ordinary transfers may not pay:
// every module account but governance, whose proposals may hold funds.
func BlockedAddresses() map[string]bool {
	blocked := map[string]bool{}
	for name := range ModuleAccounts() {
		if name != govtypes.ModuleName {
			blocked[authtypes.NewModuleAddress(name).String()] = true
		}
	}
	return blocked
}
