package app

import (
	"encoding/json"
	"fmt"

	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"

	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	"github.com/cosmos/cosmos-sdk/x/staking"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

// ExportAppStateAndValidators writes the state as a genesis. With forZeroHeight
// it can start a new chain at height 0: rewards are paid out, and heights that
// mean nothing there are reset. jailAllowed then names the validators that stay
// in the set; empty means all.
func (app *App) ExportAppStateAndValidators(
	forZeroHeight bool, jailAllowed, modules []string,
) (servertypes.ExportedApp, error) {
	ctx := app.NewContextLegacy(true, cmtproto.Header{Height: app.LastBlockHeight()})

	height := app.LastBlockHeight() + 1
	if forZeroHeight {
		height = 0
		if err := app.prepareZeroHeight(ctx, jailAllowed); err != nil {
			return servertypes.ExportedApp{}, fmt.Errorf("prepare the state for height 0: %w", err)
		}
	}
	genesis, err := app.moduleManager.ExportGenesisForModules(ctx, app.appCodec, modules)
	if err != nil {
		return servertypes.ExportedApp{}, err
	}
	state, err := json.MarshalIndent(genesis, "", "  ")
	if err != nil {
		return servertypes.ExportedApp{}, err
	}
	validators, err := staking.WriteValidators(ctx, app.StakingKeeper)
	if err != nil {
		return servertypes.ExportedApp{}, err
	}
	return servertypes.ExportedApp{
		AppState:        state,
		Validators:      validators,
		Height:          height,
		ConsensusParams: app.GetConsensusParams(ctx),
	}, nil
}

// prepareZeroHeight pays out what is owed and resets what counts in heights.
func (app *App) prepareZeroHeight(ctx sdk.Context, jailAllowed []string) error {
	if err := app.restartDistribution(ctx); err != nil {
		return err
	}
	if err := app.restartStaking(ctx, jailAllowed); err != nil {
		return err
	}
	if err := app.PocKeeper.RestartAtZero(ctx); err != nil {
		return err
	}
	var failed error
	err := app.SlashingKeeper.IterateValidatorSigningInfos(ctx,
		func(address sdk.ConsAddress, info slashingtypes.ValidatorSigningInfo) bool {
			info.StartHeight = 0
			failed = app.SlashingKeeper.SetValidatorSigningInfo(ctx, address, info)
			return failed != nil
		})
	if err != nil {
		return err
	}
	return failed
}

// restartDistribution withdraws every reward and opens the periods anew.
func (app *App) restartDistribution(ctx sdk.Context) error {
	validators, err := app.StakingKeeper.GetAllValidators(ctx)
	if err != nil {
		return err
	}
	delegations, err := app.StakingKeeper.GetAllDelegations(ctx)
	if err != nil {
		return err
	}
	valCodec, accCodec := app.StakingKeeper.ValidatorAddressCodec(), app.AccountKeeper.AddressCodec()
	for _, validator := range validators {
		operator, err := valCodec.StringToBytes(validator.GetOperator())
		if err != nil {
			return err
		}
		// A validator without commission answers an error; there is nothing to pay.
		_, _ = app.DistrKeeper.WithdrawValidatorCommission(ctx, operator)
	}
	for _, delegation := range delegations {
		operator, err := valCodec.StringToBytes(delegation.ValidatorAddress)
		if err != nil {
			return err
		}
		delegator, err := accCodec.StringToBytes(delegation.DelegatorAddress)
		if err != nil {
			return err
		}
		if _, err := app.DistrKeeper.WithdrawDelegationRewards(ctx, delegator, operator); err != nil {
			return err
		}
	}
	app.DistrKeeper.DeleteAllValidatorSlashEvents(ctx)
	app.DistrKeeper.DeleteAllValidatorHistoricalRewards(ctx)

	atZero := ctx.WithBlockHeight(0)
	for _, validator := range validators {
		operator, err := valCodec.StringToBytes(validator.GetOperator())
		if err != nil {
			return err
		}
		// What rounding left undivided goes to the community.
		scraps, err := app.DistrKeeper.GetValidatorOutstandingRewardsCoins(ctx, operator)
		if err != nil {
			return err
		}
		pool, err := app.DistrKeeper.FeePool.Get(ctx)
		if err != nil {
			return err
		}
		pool.CommunityPool = pool.CommunityPool.Add(scraps...)
		if err := app.DistrKeeper.FeePool.Set(ctx, pool); err != nil {
			return err
		}
		if err := app.DistrKeeper.Hooks().AfterValidatorCreated(atZero, operator); err != nil {
			return err
		}
	}
	for _, delegation := range delegations {
		operator, err := valCodec.StringToBytes(delegation.ValidatorAddress)
		if err != nil {
			return err
		}
		delegator, err := accCodec.StringToBytes(delegation.DelegatorAddress)
		if err != nil {
			return err
		}
		if err := app.DistrKeeper.Hooks().BeforeDelegationCreated(atZero, delegator, operator); err != nil {
			return err
		}
		if err := app.DistrKeeper.Hooks().AfterDelegationModified(atZero, delegator, operator); err != nil {
			return err
		}
	}
	return nil
}

// restartStaking resets creation heights and jails the validators that were not asked for.
func (app *App) restartStaking(ctx sdk.Context, jailAllowed []string) error {
	allowed := map[string]bool{}
	for _, address := range jailAllowed {
		if _, err := app.StakingKeeper.ValidatorAddressCodec().StringToBytes(address); err != nil {
			return fmt.Errorf("--jail-allowed-addrs: %q is not a validator address: %w", address, err)
		}
		allowed[address] = true
	}
	var failed error
	if err := app.StakingKeeper.IterateRedelegations(ctx, func(_ int64, red stakingtypes.Redelegation) bool {
		for i := range red.Entries {
			red.Entries[i].CreationHeight = 0
		}
		failed = app.StakingKeeper.SetRedelegation(ctx, red)
		return failed != nil
	}); err != nil || failed != nil {
		return errorOr(err, failed)
	}
	if err := app.StakingKeeper.IterateUnbondingDelegations(ctx, func(_ int64, ubd stakingtypes.UnbondingDelegation) bool {
		for i := range ubd.Entries {
			ubd.Entries[i].CreationHeight = 0
		}
		failed = app.StakingKeeper.SetUnbondingDelegation(ctx, ubd)
		return failed != nil
	}); err != nil || failed != nil {
		return errorOr(err, failed)
	}
	validators, err := app.StakingKeeper.GetAllValidators(ctx)
	if err != nil {
		return err
	}
	for _, validator := range validators {
		validator.UnbondingHeight = 0
		if len(allowed) > 0 && !allowed[validator.GetOperator()] && !validator.Jailed {
			if err := app.StakingKeeper.DeleteValidatorByPowerIndex(ctx, validator); err != nil {
				return err
			}
			validator.Jailed = true
		}
		if err := app.StakingKeeper.SetValidator(ctx, validator); err != nil {
			return err
		}
	}
	_, err = app.StakingKeeper.ApplyAndReturnValidatorSetUpdates(ctx)
	return err
}

func errorOr(first, second error) error {
	if first != nil {
		return first
	}
	return second
}
