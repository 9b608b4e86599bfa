package keeper_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/codec/address"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/cosmos/cosmos-sdk/runtime"
	"github.com/cosmos/cosmos-sdk/testutil"
	sdk "github.com/cosmos/cosmos-sdk/types"
	moduletestutil "github.com/cosmos/cosmos-sdk/types/module/testutil"
	"github.com/cosmos/cosmos-sdk/x/auth"
	authkeeper "github.com/cosmos/cosmos-sdk/x/auth/keeper"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	"github.com/cosmos/cosmos-sdk/x/bank"
	bankkeeper "github.com/cosmos/cosmos-sdk/x/bank/keeper"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"cosmossdk.io/log/v2"
	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"

	"github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/pkg/escrow"
	"github.com/edgematrix/emc/x/compute"
	computekeeper "github.com/edgematrix/emc/x/compute/keeper"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market"
	"github.com/edgematrix/emc/x/market/keeper"
	"github.com/edgematrix/emc/x/market/types"
)

const (
	chainID    = "emc-test-1"
	poolModule = "pool" // stands in for the community pool
	startTime  = 1_800_000_000
)

// fixture is x/market over real x/compute, auth and bank keepers on an
// in-memory store.
type fixture struct {
	t         *testing.T
	ctx       sdk.Context
	k         *keeper.Keeper
	msg       types.MsgServer
	query     types.QueryServer
	compute   *computekeeper.Keeper
	nodes     computetypes.MsgServer
	bank      bankkeeper.BaseKeeper
	accounts  authkeeper.AccountKeeper
	hooks     *recordingHooks
	authority string
	supply    math.Int
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	enc := moduletestutil.MakeTestEncodingConfig(auth.AppModuleBasic{}, bank.AppModuleBasic{}, compute.AppModule{}, market.AppModule{})
	keys := storetypes.NewKVStoreKeys(authtypes.StoreKey, banktypes.StoreKey, computetypes.StoreKey, types.StoreKey)
	ctx := testutil.DefaultContextWithKeys(keys, nil, nil).WithChainID(chainID).WithBlockTime(time.Unix(startTime, 0)).WithBlockHeight(1)

	authority := authtypes.NewModuleAddress("gov").String()
	accounts := authkeeper.NewAccountKeeper(enc.Codec, runtime.NewKVStoreService(keys[authtypes.StoreKey]), authtypes.ProtoBaseAccount,
		map[string][]string{computetypes.ModuleName: {authtypes.Burner}, authtypes.FeeCollectorName: nil, poolModule: nil, "faucet": {authtypes.Minter}},
		address.NewBech32Codec(params.AddressPrefix), params.AddressPrefix, authority)
	bankKeeper := bankkeeper.NewBaseKeeper(enc.Codec, runtime.NewKVStoreService(keys[banktypes.StoreKey]), escrow.Accounts{AccountKeeper: accounts}, nil, authority, log.NewNopLogger())
	require.NoError(t, bankKeeper.SetParams(ctx, banktypes.DefaultParams()))
	require.NoError(t, accounts.Params.Set(ctx, authtypes.DefaultParams()))

	c := computekeeper.NewKeeper(enc.Codec, runtime.NewKVStoreService(keys[computetypes.StoreKey]), accounts, bankKeeper, pool{bankKeeper}, authority)
	hooks := &recordingHooks{}
	k := keeper.NewKeeper(enc.Codec, runtime.NewKVStoreService(keys[types.StoreKey]), c, bankKeeper, accounts, pool{bankKeeper}, authority).
		SetHooks(types.MultiHooks{types.NoopHooks{}, hooks})
	c.SetHooks(k.Hooks())
	require.NoError(t, c.InitGenesis(ctx, computetypes.DefaultGenesis()))
	require.NoError(t, k.InitGenesis(ctx, types.DefaultGenesis()))
	return &fixture{
		t: t, ctx: ctx, k: k, msg: keeper.NewMsgServer(k), query: keeper.NewQueryServer(k), compute: c, nodes: computekeeper.NewMsgServer(c),
		bank: bankKeeper, accounts: accounts, hooks: hooks, authority: authority, supply: math.ZeroInt(),
	}
}

// checkReservations: every cover is reserved in x/compute, and nothing else is
// reserved in the name of one.
func (f *fixture) checkReservations() {
	f.t.Helper()
	reserved := 0
	require.NoError(f.t, f.compute.Reservations.Walk(f.ctx, nil, func(k collections.Pair[sdk.AccAddress, string], r computetypes.Reservation) (bool, error) {
		node, ok := strings.CutPrefix(k.K2(), "cover/")
		if !ok {
			return false, nil
		}
		reserved++
		c, err := f.k.Covers.Get(f.ctx, collections.Join(k.K1(), sdk.MustAccAddressFromBech32(node)))
		require.NoError(f.t, err)
		require.Equal(f.t, c.Amount.String(), r.Stake.String())
		return false, nil
	}))
	covers := 0
	require.NoError(f.t, f.k.Covers.Walk(f.ctx, nil, func(collections.Pair[sdk.AccAddress, sdk.AccAddress], types.Cover) (bool, error) {
		covers++
		return false, nil
	}))
	require.Equal(f.t, covers, reserved, "covers and reservations for them")
}

type pool struct{ bank bankkeeper.BaseKeeper }

func (p pool) FundCommunityPool(ctx context.Context, amount sdk.Coins, sender sdk.AccAddress) error {
	return p.bank.SendCoinsFromAccountToModule(ctx, sender, poolModule, amount)
}

// recordingHooks notes what was called, and fails on demand.
type recordingHooks struct {
	overIssued []uint64
	receipts   []uint64
	settled    []types.Session
	closed     []closedJob
	fail       error
}

// closedJob is what a hook was told of a job.
type closedJob struct {
	session types.Session
	job     computetypes.Job
}

func (h *recordingHooks) AfterSessionSettled(_ context.Context, s types.Session) error {
	h.settled = append(h.settled, s)
	return h.fail
}

func (h *recordingHooks) AfterSessionJobClosed(_ context.Context, s types.Session, job computetypes.Job) error {
	h.closed = append(h.closed, closedJob{s, job})
	return h.fail
}

func (h *recordingHooks) AfterReceiptRecorded(_ context.Context, e types.Evidence) error {
	h.receipts = append(h.receipts, e.Sequence)
	return h.fail
}

func (h *recordingHooks) AfterOverIssue(_ context.Context, _, _ string, amount uint64) error {
	h.overIssued = append(h.overIssued, amount)
	return h.fail
}

func coin(uemc int64) sdk.Coin { return types.Uemc(math.NewInt(uemc)) }

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

// check holds every invariant of both modules, every cover against its
// reservation, and the supply to the last uemc.
func (f *fixture) check() {
	f.t.Helper()
	require.NoError(f.t, f.compute.CheckInvariants(f.ctx))
	require.NoError(f.t, f.k.CheckInvariants(f.ctx))
	f.checkReservations()
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

// pass lets seconds go by in blocks of at most 10 seconds.
func (f *fixture) pass(seconds int64) {
	f.t.Helper()
	clock, err := f.compute.NetworkClock(f.ctx)
	require.NoError(f.t, err)
	clock.BlockTime = f.ctx.BlockTime().Unix() + seconds - 1
	require.NoError(f.t, f.compute.Clock.Set(f.ctx, clock))
	f.ctx = f.ctx.WithBlockTime(f.ctx.BlockTime().Add(time.Duration(seconds) * time.Second)).WithBlockHeight(f.ctx.BlockHeight() + 1).
		WithEventManager(sdk.NewEventManager())
	require.NoError(f.t, f.compute.BeginBlock(f.ctx))
	require.NoError(f.t, f.compute.EndBlock(f.ctx))
	require.NoError(f.t, f.k.EndBlock(f.ctx))
	f.check()
}

// key is a secp256k1 key that is the same in every run.
func key(name string) *secp256k1.PrivKey { return secp256k1.GenPrivKeyFromSecret([]byte(name)) }

// register registers a node or a router with stake and returns its address.
func (f *fixture) register(name string, role computetypes.Role, operator sdk.AccAddress, stake int64) sdk.AccAddress {
	f.t.Helper()
	k := key(name)
	signature, err := k.Sign(computetypes.RegistrationBytes(chainID, operator))
	require.NoError(f.t, err)
	offer := computetypes.Offer{SlotHourPrice: coin(0)}
	if role == computetypes.ROLE_COMPUTING {
		offer.Slots, offer.SlotHourPrice, offer.Runtimes = 2, coin(3_600_000), []string{computetypes.RuntimeWasm}
	}
	res, err := f.nodes.RegisterNode(f.ctx, &computetypes.MsgRegisterNode{
		Operator: operator.String(), Pubkey: k.PubKey().Bytes(), KeySignature: signature, Role: role, Offer: offer,
	})
	require.NoError(f.t, err)
	if stake > 0 {
		_, err = f.nodes.Stake(f.ctx, &computetypes.MsgStake{Operator: operator.String(), Node: res.Node, Amount: coin(stake)})
		require.NoError(f.t, err)
	}
	if role == computetypes.ROLE_COMPUTING {
		_, err = f.nodes.ReportStatus(f.ctx, &computetypes.MsgReportStatus{Node: res.Node, Accepting: true})
		require.NoError(f.t, err)
	}
	f.check()
	return sdk.MustAccAddressFromBech32(res.Node)
}

func (f *fixture) app(owner sdk.AccAddress) {
	f.t.Helper()
	_, err := f.nodes.RegisterApp(f.ctx, &computetypes.MsgRegisterApp{
		Owner: owner.String(), Id: "charlm", Runtime: computetypes.RuntimeWasm, Digest: strings.Repeat("ab", 32),
		Interface: computetypes.INTERFACE_BATCH, Comparison: computetypes.COMPARISON_EXACT,
	})
	require.NoError(f.t, err)
}
