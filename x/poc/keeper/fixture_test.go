package keeper_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	"github.com/cosmos/cosmos-sdk/runtime"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	"github.com/cosmos/cosmos-sdk/testutil"
	sdk "github.com/cosmos/cosmos-sdk/types"
	moduletestutil "github.com/cosmos/cosmos-sdk/types/module/testutil"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	_ "github.com/edgematrix/emc/app/params" // the address prefix
	"github.com/edgematrix/emc/pkg/beacon"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/poc"
	"github.com/edgematrix/emc/x/poc/keeper"
	"github.com/edgematrix/emc/x/poc/types"
)

const chainID = "emc-test-1"

// began is the time of the first block.
var began = time.Unix(1_700_000_000, 0).UTC()

// fixture is the module over a set of validators that tests change.
type fixture struct {
	*testing.T
	ctx       sdk.Context
	k         *keeper.Keeper
	msg       types.MsgServer
	query     types.QueryServer
	staking   *validators
	compute   *nodes
	bank      *purse
	authority string
	// rebuild makes the keeper anew, over what stands around it now.
	rebuild func()
}

func newFixture(t *testing.T, count int) *fixture {
	t.Helper()
	enc := moduletestutil.MakeTestEncodingConfig(poc.AppModule{})
	keys := storetypes.NewKVStoreKeys(types.StoreKey)
	f := &fixture{
		T: t, staking: &validators{}, compute: &nodes{byAddress: map[string]*computetypes.Node{}}, bank: newPurse(), authority: authtypes.NewModuleAddress("gov").String(),
		ctx: testutil.DefaultContextWithKeys(keys, nil, nil).WithChainID(chainID).WithBlockHeight(1).WithBlockTime(began),
	}
	for i := range count {
		f.staking.add(t, byte(i+1))
	}
	f.rebuild = func() {
		f.k = keeper.NewKeeper(enc.Codec, runtime.NewKVStoreService(keys[types.StoreKey]), f.staking, f.compute, f.bank, f.bank, f.authority)
		f.compute.hooks = f.k.Hooks()
		f.msg, f.query = keeper.NewMsgServer(f.k), keeper.NewQueryServer(f.k)
	}
	f.rebuild()
	g := types.DefaultGenesis()
	g.Params.KeyDelayBlocks = 5
	require.NoError(t, f.k.InitGenesis(f.ctx, g))
	return f
}

// validators stand in for x/staking: all of them are bonded.
type validators struct{ list []stakingtypes.Validator }

func (v *validators) add(t *testing.T, seed byte) {
	t.Helper()
	key := ed25519.GenPrivKeyFromSecret([]byte{seed}).PubKey()
	one, err := stakingtypes.NewValidator(sdk.ValAddress(bytes.Repeat([]byte{seed}, 20)).String(), key, stakingtypes.Description{})
	require.NoError(t, err)
	v.list = append(v.list, one)
}

func (v *validators) find(fits func(stakingtypes.Validator) bool) (stakingtypes.Validator, error) {
	for _, one := range v.list {
		if fits(one) {
			return one, nil
		}
	}
	return stakingtypes.Validator{}, stakingtypes.ErrNoValidatorFound
}

func (v *validators) GetValidator(_ context.Context, addr sdk.ValAddress) (stakingtypes.Validator, error) {
	return v.find(func(one stakingtypes.Validator) bool { return one.OperatorAddress == addr.String() })
}

func (v *validators) GetValidatorByConsAddr(_ context.Context, addr sdk.ConsAddress) (stakingtypes.Validator, error) {
	return v.find(func(one stakingtypes.Validator) bool {
		cons, err := one.GetConsAddr()
		return err == nil && bytes.Equal(cons, addr)
	})
}

func (v *validators) GetBondedValidatorsByPower(context.Context) ([]stakingtypes.Validator, error) {
	return v.list, nil
}

// key is a beacon key that is the same in every run.
func (f *fixture) key(seed byte) beacon.Key {
	f.Helper()
	k, err := beacon.NewKey(rand.NewChaCha8([32]byte{seed}))
	require.NoError(f, err)
	return k
}

// registration is a valid message of the i-th validator.
func (f *fixture) registration(i int, key beacon.Key) *types.MsgRegisterBeaconKey {
	f.Helper()
	addr, err := sdk.ValAddressFromBech32(f.staking.list[i].OperatorAddress)
	require.NoError(f, err)
	return &types.MsgRegisterBeaconKey{
		Validator: addr.String(), Pubkey: key.PubKey(), Proof: key.Prove(beacon.OwnerInput(chainID, addr)),
	}
}

// block makes the next block: the i-th validator proposes it, and contributes
// with the key unless that is nil.
func (f *fixture) block(i int, key *beacon.Key) types.Beacon {
	f.Helper()
	var first []byte
	if key != nil {
		first = beacon.Contribution(key.Prove(beacon.HeightInput(chainID, f.ctx.BlockHeight()+1)))
	}
	return f.blockWith(i, first)
}

func (f *fixture) blockWith(i int, first []byte) types.Beacon {
	f.Helper()
	proposer, err := f.staking.list[i].GetConsAddr()
	require.NoError(f, err)
	header := f.ctx.BlockHeader()
	header.Height++
	header.Time = f.ctx.BlockTime().Add(time.Second)
	header.ChainID, header.ProposerAddress = chainID, proposer
	f.ctx = f.ctx.WithBlockHeader(header).WithBlockHeight(header.Height).WithEventManager(sdk.NewEventManager())
	require.NoError(f, f.k.Advance(f.ctx, first))
	b, err := f.query.Beacon(f.ctx, &types.QueryBeaconRequest{})
	require.NoError(f, err)
	require.Equal(f, header.Height, b.Beacon.Height)
	return b.Beacon
}

// record is what the chain keeps of the i-th validator's key.
func (f *fixture) record(i int) types.BeaconKey {
	f.Helper()
	r, err := f.query.BeaconKey(f.ctx, &types.QueryBeaconKeyRequest{Validator: f.staking.list[i].OperatorAddress})
	require.NoError(f, err)
	return r.BeaconKey
}

// register registers keys, waits until they count, and has each contribute once.
func (f *fixture) register(keys ...beacon.Key) {
	f.Helper()
	for i, key := range keys {
		_, err := f.msg.RegisterBeaconKey(f.ctx, f.registration(i, key))
		require.NoError(f, err)
	}
	for range 5 {
		f.block(0, nil)
	}
	for i := range keys {
		f.block(i, &keys[i])
	}
}
