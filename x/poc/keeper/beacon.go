package keeper

import (
	"context"
	"errors"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"github.com/edgematrix/emc/pkg/beacon"
	"github.com/edgematrix/emc/x/poc/types"
)

// pruned is how many old beacons leave the state in a block: more than come, so
// that a shorter history takes effect.
const pruned = 2

// newest is the beacon before this block's.
func (k *Keeper) newest(ctx context.Context) (types.Beacon, error) {
	b, err := k.Newest.Get(ctx)
	if errors.Is(err, collections.ErrNotFound) {
		sdkCtx := sdk.UnwrapSDKContext(ctx)
		genesis := beacon.Genesis(sdkCtx.ChainID())
		return types.Beacon{Height: sdkCtx.BlockHeight() - 1, Value: genesis[:]}, nil
	}
	return b, err
}

// Advance makes this block's beacon. First is the block's first transaction, or
// nil. A contribution that is missing or wrong is left out, since nothing here
// may stop a chain; ProcessProposal has refused a wrong one before.
func (k *Keeper) Advance(ctx context.Context, first []byte) error {
	sdkCtx := sdk.UnwrapSDKContext(ctx)
	height := sdkCtx.BlockHeight()
	before, err := k.newest(ctx)
	if err != nil {
		return err
	}
	now := types.Beacon{Height: height}
	if now.Needed, err = k.needed(ctx, height); err != nil {
		return err
	}
	value := beacon.Value(before.Value).Skip(height)
	key, found, err := k.proposersKey(ctx, sdkCtx.BlockHeader().ProposerAddress)
	if err != nil {
		return err
	}
	if found && key.ActiveAt(height) != nil {
		output, wrong := checkContribution(sdkCtx.ChainID(), height, key, first)
		if wrong == nil {
			value = beacon.Value(before.Value).Next(output)
			now.Contributor = key.Validator
			key.LastContribution = height
			key.Contributions++
		} else {
			key.Misses++
		}
		if err := k.setKey(ctx, key); err != nil {
			return err
		}
	}
	now.Value = value[:]
	if err := k.Newest.Set(ctx, now); err != nil {
		return err
	}
	if err := k.Beacons.Set(ctx, height, now); err != nil {
		return err
	}
	if err := k.prune(ctx, height); err != nil {
		return err
	}
	return emit(ctx, &types.EventBeacon{Value: now.Value, Contributor: now.Contributor})
}

// prune forgets beacons that are older than the history.
func (k *Keeper) prune(ctx context.Context, height int64) error {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return err
	}
	until := height - int64(params.HistoryBlocks)
	old := new(collections.Range[int64]).EndInclusive(until)
	var heights []int64
	if err := k.Beacons.Walk(ctx, old, func(h int64, _ types.Beacon) (bool, error) {
		heights = append(heights, h)
		return len(heights) == pruned, nil
	}); err != nil {
		return err
	}
	for _, h := range heights {
		if err := k.Beacons.Remove(ctx, h); err != nil {
			return err
		}
	}
	return nil
}

// needed is how many keys a draw waits for: some, or all where there are fewer, of
// the bonded validators who contributed not long ago. Others are not waited for: a
// lost key must not stop the windows of all, nor a validator whose proposals are
// refused since what he contributes is false.
func (k *Keeper) needed(ctx context.Context, height int64) (uint32, error) {
	params, err := k.Params.Get(ctx)
	if err != nil {
		return 0, err
	}
	// At most max_validators of x/staking.
	validators, err := k.staking.GetBondedValidatorsByPower(ctx)
	if err != nil {
		return 0, err
	}
	var active uint32
	for _, v := range validators {
		key, found, err := k.keyOf(ctx, v)
		if err != nil {
			return 0, err
		}
		if found && key.ActiveAt(height) != nil && key.LastContribution > 0 && key.LastContribution+int64(params.DrawBlocks) > height {
			if active++; active == params.DrawContributors {
				break
			}
		}
	}
	return active, nil
}

// ProposerKey is the VRF key that counts for the proposer of the coming block;
// nil when he has none.
func (k *Keeper) ProposerKey(ctx context.Context, proposer []byte, height int64) ([]byte, error) {
	key, found, err := k.proposersKey(ctx, proposer)
	if err != nil || !found {
		return nil, err
	}
	return key.ActiveAt(height), nil
}

// CheckProposal refuses a proposal that begins with a contribution which is not
// its proposer's. One without is fine: nothing here may stop a chain.
func (k *Keeper) CheckProposal(ctx context.Context, proposer []byte, height int64, first []byte) error {
	if _, ok := beacon.ParseContribution(first); !ok {
		return nil
	}
	key, found, err := k.proposersKey(ctx, proposer)
	if err != nil {
		return err
	}
	if !found || key.ActiveAt(height) == nil {
		return errorsmod.Wrapf(types.ErrContribution, "proposer %s has no active beacon key", sdk.ConsAddress(proposer))
	}
	_, err = checkContribution(sdk.UnwrapSDKContext(ctx).ChainID(), height, key, first)
	return err
}

// checkContribution returns what a contribution adds.
func checkContribution(chainID string, height int64, key types.BeaconKey, first []byte) (output []byte, err error) {
	proof, ok := beacon.ParseContribution(first)
	if !ok {
		return nil, errorsmod.Wrapf(types.ErrContribution, "%s gave none at height %d", key.Validator, height)
	}
	if output, err = beacon.Verify(key.ActiveAt(height), proof, beacon.HeightInput(chainID, height)); err != nil {
		return nil, errorsmod.Wrapf(types.ErrContribution, "of %s at height %d: %s", key.Validator, height, err)
	}
	return output, nil
}

// proposersKey finds a proposer's key by his consensus address.
func (k *Keeper) proposersKey(ctx context.Context, proposer []byte) (types.BeaconKey, bool, error) {
	v, err := k.staking.GetValidatorByConsAddr(ctx, proposer)
	if errors.Is(err, stakingtypes.ErrNoValidatorFound) {
		return types.BeaconKey{}, false, nil
	}
	if err != nil {
		return types.BeaconKey{}, false, err
	}
	return k.keyOf(ctx, v)
}

func (k *Keeper) keyOf(ctx context.Context, v stakingtypes.Validator) (types.BeaconKey, bool, error) {
	address, err := sdk.ValAddressFromBech32(v.GetOperator())
	if err != nil {
		return types.BeaconKey{}, false, err
	}
	key, err := k.BeaconKeys.Get(ctx, address)
	if errors.Is(err, collections.ErrNotFound) {
		return types.BeaconKey{}, false, nil
	}
	return key, err == nil, err
}

func (k *Keeper) setKey(ctx context.Context, key types.BeaconKey) error {
	address, err := sdk.ValAddressFromBech32(key.Validator)
	if err != nil {
		return err
	}
	return k.BeaconKeys.Set(ctx, address, key)
}
