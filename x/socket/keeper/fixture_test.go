package keeper_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/log/v2"
	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/codec/address"
	"github.com/cosmos/cosmos-sdk/contrib/x/nft"
	nftkeeper "github.com/cosmos/cosmos-sdk/contrib/x/nft/keeper"
	nftmodule "github.com/cosmos/cosmos-sdk/contrib/x/nft/module"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/cosmos/cosmos-sdk/runtime"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	"github.com/cosmos/cosmos-sdk/testutil"
	sdk "github.com/cosmos/cosmos-sdk/types"
	moduletestutil "github.com/cosmos/cosmos-sdk/types/module/testutil"
	"github.com/cosmos/cosmos-sdk/x/auth"
	authkeeper "github.com/cosmos/cosmos-sdk/x/auth/keeper"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	"github.com/cosmos/cosmos-sdk/x/bank"
	bankkeeper "github.com/cosmos/cosmos-sdk/x/bank/keeper"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/pkg/escrow"
	"github.com/edgematrix/emc/x/compute"
	computekeeper "github.com/edgematrix/emc/x/compute/keeper"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market"
	marketkeeper "github.com/edgematrix/emc/x/market/keeper"
	markettypes "github.com/edgematrix/emc/x/market/types"
	"github.com/edgematrix/emc/x/socket"
	"github.com/edgematrix/emc/x/socket/keeper"
	"github.com/edgematrix/emc/x/socket/types"
)

const (
	chainID    = "emc-test-1"
	poolModule = "pool" // stands in for the community pool
	startTime  = 1_800_000_000

	emc = 1_000_000
)

// fixture is x/socket over real x/market, x/compute, x/nft, auth and bank keepers
// on an in-memory store.
type fixture struct {
	t       *testing.T
	ctx     sdk.Context
	k       *keeper.Keeper
	msg     types.MsgServer
	query   types.QueryServer
	market  *marketkeeper.Keeper
	trade   markettypes.MsgServer
	compute *computekeeper.Keeper
	nodes   computetypes.MsgServer
	nft     nftkeeper.Keeper
	bank    bankkeeper.BaseKeeper
	supply  math.Int

	miner, alice, bob sdk.AccAddress // people
	node              sdk.AccAddress

	blockSeconds int64  // between two blocks
	afterBlock   func() // looks on after each
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	enc := moduletestutil.MakeTestEncodingConfig(auth.AppModuleBasic{}, bank.AppModuleBasic{}, compute.AppModule{}, market.AppModule{}, nftmodule.AppModuleBasic{}, socket.AppModule{})
	keys := storetypes.NewKVStoreKeys(authtypes.StoreKey, banktypes.StoreKey, computetypes.StoreKey, markettypes.StoreKey, nftkeeper.StoreKey, types.StoreKey)
	ctx := testutil.DefaultContextWithKeys(keys, nil, nil).WithChainID(chainID).WithBlockTime(time.Unix(startTime, 0)).WithBlockHeight(1)
	authority := authtypes.NewModuleAddress("gov").String()
	accounts := authkeeper.NewAccountKeeper(enc.Codec, runtime.NewKVStoreService(keys[authtypes.StoreKey]), authtypes.ProtoBaseAccount,
		map[string][]string{computetypes.ModuleName: {authtypes.Burner}, authtypes.FeeCollectorName: nil, nft.ModuleName: nil, poolModule: nil, "faucet": {authtypes.Minter}},
		address.NewBech32Codec(params.AddressPrefix), params.AddressPrefix, authority)
	money := bankkeeper.NewBaseKeeper(enc.Codec, runtime.NewKVStoreService(keys[banktypes.StoreKey]), escrow.Accounts{AccountKeeper: accounts}, nil, authority, log.NewNopLogger())
	require.NoError(t, money.SetParams(ctx, banktypes.DefaultParams()))
	require.NoError(t, accounts.Params.Set(ctx, authtypes.DefaultParams()))

	c := computekeeper.NewKeeper(enc.Codec, runtime.NewKVStoreService(keys[computetypes.StoreKey]), accounts, money, pool{money}, authority)
	m := marketkeeper.NewKeeper(enc.Codec, runtime.NewKVStoreService(keys[markettypes.StoreKey]), c, money, accounts, pool{money}, authority)
	n := nftkeeper.NewKeeper(runtime.NewKVStoreService(keys[nftkeeper.StoreKey]), enc.Codec, accounts, money)
	k := keeper.NewKeeper(enc.Codec, runtime.NewKVStoreService(keys[types.StoreKey]), c, m, keeper.Tokens{Keeper: n}, money, accounts, pool{money}, authority)
	m.SetHooks(k.Hooks())
	c.SetHooks(m.Hooks())
	require.NoError(t, c.InitGenesis(ctx, computetypes.DefaultGenesis()))
	require.NoError(t, m.InitGenesis(ctx, markettypes.DefaultGenesis()))
	require.NoError(t, k.InitGenesis(ctx, types.DefaultGenesis()))
	f := &fixture{
		t: t, ctx: ctx, k: k, msg: keeper.NewMsgServer(k), query: keeper.NewQueryServer(k), market: m, trade: marketkeeper.NewMsgServer(m),
		compute: c, nodes: computekeeper.NewMsgServer(c), nft: n, bank: money, supply: math.ZeroInt(),
		blockSeconds: 60, afterBlock: func() {},
	}
	f.populate()
	return f
}

// populate registers a node of four slots and 4 E, and an app.
func (f *fixture) populate() {
	f.miner, f.alice, f.bob = f.account("miner", 1000*emc), f.account("alice", 1000*emc), f.account("bob", 1000*emc)
	k := key("node")
	signature, err := k.Sign(computetypes.RegistrationBytes(chainID, f.miner))
	require.NoError(f.t, err)
	res, err := f.nodes.RegisterNode(f.ctx, &computetypes.MsgRegisterNode{
		Operator: f.miner.String(), Pubkey: k.PubKey().Bytes(), KeySignature: signature, Role: computetypes.ROLE_COMPUTING,
		Offer: computetypes.Offer{Slots: 4, SlotHourPrice: coin(3_600_000), Runtimes: []string{computetypes.RuntimeWasm}},
	})
	require.NoError(f.t, err)
	f.node = sdk.MustAccAddressFromBech32(res.Node)
	_, err = f.nodes.Stake(f.ctx, &computetypes.MsgStake{Operator: f.miner.String(), Node: res.Node, Amount: coin(100 * emc)})
	require.NoError(f.t, err)
	require.NoError(f.t, f.compute.SetPower(f.ctx, f.node, 4*types.MicroE))
	_, err = f.nodes.RegisterApp(f.ctx, &computetypes.MsgRegisterApp{
		Owner: f.miner.String(), Id: "charlm", Runtime: computetypes.RuntimeWasm, Digest: strings.Repeat("ab", 32),
		Interface: computetypes.INTERFACE_BATCH, Comparison: computetypes.COMPARISON_EXACT,
	})
	require.NoError(f.t, err)
	f.report()
}

// report keeps the node online.
func (f *fixture) report() {
	f.t.Helper()
	_, err := f.nodes.ReportStatus(f.ctx, &computetypes.MsgReportStatus{Node: f.node.String(), Accepting: true})
	require.NoError(f.t, err)
	f.check()
}

type pool struct{ bank bankkeeper.BaseKeeper }

func (p pool) FundCommunityPool(ctx context.Context, amount sdk.Coins, sender sdk.AccAddress) error {
	return p.bank.SendCoinsFromAccountToModule(ctx, sender, poolModule, amount)
}

func coin(uemc int64) sdk.Coin { return types.Uemc(math.NewInt(uemc)) }

// key is a secp256k1 key that is the same in every run.
func key(name string) *secp256k1.PrivKey { return secp256k1.GenPrivKeyFromSecret([]byte(name)) }

// account makes an address with money.
func (f *fixture) account(name string, uemc int64) sdk.AccAddress {
	addr := sdk.AccAddress(bytes.Repeat([]byte(name+"_"), 20)[:20])
	if uemc > 0 {
		coins := sdk.NewCoins(coin(uemc))
		require.NoError(f.t, f.bank.MintCoins(f.ctx, "faucet", coins))
		require.NoError(f.t, f.bank.SendCoinsFromModuleToAccount(f.ctx, "faucet", addr, coins))
		f.supply = f.supply.AddRaw(uemc)
	}
	return addr
}

func (f *fixture) balance(addr sdk.AccAddress) int64 {
	return f.bank.GetBalance(f.ctx, addr, types.Denom).Amount.Int64()
}

// check holds every invariant of all modules, and the supply to the last uemc.
func (f *fixture) check() {
	f.t.Helper()
	require.NoError(f.t, f.compute.CheckInvariants(f.ctx))
	require.NoError(f.t, f.market.CheckInvariants(f.ctx))
	require.NoError(f.t, f.k.CheckInvariants(f.ctx))
	require.Equal(f.t, f.supply.String(), f.bank.GetSupply(f.ctx, types.Denom).Amount.String(), "supply")
}

// atomically runs a message as a transaction does: all or nothing.
func atomically[R any](f *fixture, run func(sdk.Context) (R, error)) (R, error) {
	f.t.Helper()
	cached, write := f.ctx.CacheContext()
	out, err := run(cached)
	if err == nil {
		write()
	}
	f.check()
	return out, err
}

// pass lets seconds go by, of which the node reports or not.
func (f *fixture) pass(seconds int64, online bool) {
	f.t.Helper()
	for seconds > 0 {
		step := min(seconds, f.blockSeconds)
		seconds -= step
		f.ctx = f.ctx.WithBlockTime(f.ctx.BlockTime().Add(time.Duration(step) * time.Second)).WithBlockHeight(f.ctx.BlockHeight() + 1).
			WithEventManager(sdk.NewEventManager())
		clock, err := f.compute.NetworkClock(f.ctx)
		require.NoError(f.t, err)
		clock.BlockTime = f.ctx.BlockTime().Unix() - 1 // no standstill
		require.NoError(f.t, f.compute.Clock.Set(f.ctx, clock))
		require.NoError(f.t, f.compute.BeginBlock(f.ctx))
		if online {
			_, err := f.nodes.ReportStatus(f.ctx, &computetypes.MsgReportStatus{Node: f.node.String(), Accepting: true})
			require.NoError(f.t, err)
		}
		require.NoError(f.t, f.compute.EndBlock(f.ctx))
		require.NoError(f.t, f.market.EndBlock(f.ctx))
		require.NoError(f.t, f.k.EndBlock(f.ctx))
		f.afterBlock()
	}
	f.check()
}
