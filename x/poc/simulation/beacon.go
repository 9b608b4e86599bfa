package simulation

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/rand/v2"

	"cosmossdk.io/collections"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	simtypes "github.com/cosmos/cosmos-sdk/types/simulation"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"github.com/edgematrix/emc/pkg/beacon"
	"github.com/edgematrix/emc/x/poc/keeper"
	"github.com/edgematrix/emc/x/poc/types"
)

// generations is how many beacon keys an account has, one after the other.
const generations = 6

// BeaconKey is one of an account's beacon keys; the first is that of the genesis.
func BeaconKey(account simtypes.Account, generation int) beacon.Key {
	seed := sha256.Sum256(binary.LittleEndian.AppendUint64(bytes.Clone(account.PrivKey.Bytes()), uint64(generation)))
	key, err := beacon.NewKey(rand.NewChaCha8(seed))
	if err != nil {
		panic(err)
	}
	return key
}

// Contribution is what a validator adds to a block: nil if none of his account's
// keys is the one that counts.
func Contribution(account simtypes.Account, pubkey []byte, chainID string, height int64) []byte {
	for generation := range generations {
		if key := BeaconKey(account, generation); bytes.Equal(key.PubKey(), pubkey) {
			return beacon.Contribution(key.Prove(beacon.HeightInput(chainID, height)))
		}
	}
	return nil
}

// registerBeaconKey registers a validator's next key, now and then one that he
// has, one that he does not hold, or one for an account that is no validator.
func registerBeaconKey(k *keeper.Keeper) simsx.SimMsgFactoryX {
	return simsx.NewSimMsgFactoryWithDeliveryResultHandler[*types.MsgRegisterBeaconKey](func(ctx context.Context, data *simsx.ChainDataSource, reporter simsx.SimulationReporter) ([]simsx.SimAccount, *types.MsgRegisterBeaconKey, simsx.SimDeliveryResultHandler) {
		s := newScene(ctx, k, data, reporter)
		account := data.AnyAccount(reporter)
		validator := sdk.ValAddress(account.Address)
		now := sdk.UnwrapSDKContext(ctx).BlockHeight()
		registered, err := k.BeaconKeys.Get(ctx, validator)
		if err != nil && !errors.Is(err, collections.ErrNotFound) {
			panic(err)
		}
		key := BeaconKey(account.Account, s.r.Intn(generations))
		m := &types.MsgRegisterBeaconKey{
			Validator: validator.String(), Pubkey: key.PubKey(), Proof: key.Prove(beacon.OwnerInput(sdk.UnwrapSDKContext(ctx).ChainID(), validator)),
		}
		handler := simsx.SimDeliveryResultHandler(nil)
		_, err = k.Staking().GetValidator(ctx, validator)
		switch {
		case errors.Is(err, stakingtypes.ErrNoValidatorFound):
			if s.r.Intn(8) > 0 { // most accounts are none
				reporter.Skip("not a validator")
				return nil, nil, nil
			}
			handler = refused(types.ErrNotValidator)
		case err != nil:
			panic(err)
		case s.r.Intn(6) == 0:
			m.Proof = key.Prove(beacon.HeightInput(sdk.UnwrapSDKContext(ctx).ChainID(), now))
			handler = refused(types.ErrInvalidKey)
		case registered.Has(m.Pubkey, now):
			handler = refused(types.ErrKeyTaken)
		}
		return []simsx.SimAccount{account}, m, handler
	})
}
