package keeper_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"cosmossdk.io/math"

	"github.com/stretchr/testify/require"

	abci "github.com/cometbft/cometbft/abci/types"
	gogoproto "github.com/cosmos/gogoproto/proto"

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
	"github.com/edgematrix/emc/x/compute/keeper"
	"github.com/edgematrix/emc/x/compute/types"
)

const (
	chainID    = "emc-test-1"
	poolModule = "pool" // stands in for the community pool
	startTime  = 1_800_000_000
)

// fixture is the module over real auth and bank keepers on an in-memory store.
type fixture struct {
	t         *testing.T
	ctx       sdk.Context
	k         *keeper.Keeper
	msg       types.MsgServer
	query     types.QueryServer
	bank      bankkeeper.BaseKeeper
	accounts  authkeeper.AccountKeeper
	hooks     *recordingHooks
	authority string
	supply    math.Int // expected: minted here − burned by slashes
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	enc := moduletestutil.MakeTestEncodingConfig(auth.AppModuleBasic{}, bank.AppModuleBasic{}, compute.AppModule{})
	keys := storetypes.NewKVStoreKeys(authtypes.StoreKey, banktypes.StoreKey, types.StoreKey)
	ctx := testutil.DefaultContextWithKeys(keys, nil, nil)
	ctx = ctx.WithChainID(chainID).WithBlockTime(time.Unix(startTime, 0)).WithBlockHeight(1)

	authority := authtypes.NewModuleAddress("gov").String()
	accounts := authkeeper.NewAccountKeeper(enc.Codec, runtime.NewKVStoreService(keys[authtypes.StoreKey]), authtypes.ProtoBaseAccount,
		map[string][]string{types.ModuleName: {authtypes.Burner}, poolModule: nil, "faucet": {authtypes.Minter}},
		address.NewBech32Codec(params.AddressPrefix), params.AddressPrefix, authority)
	bank := bankkeeper.NewBaseKeeper(enc.Codec, runtime.NewKVStoreService(keys[banktypes.StoreKey]), escrow.Accounts{AccountKeeper: accounts}, nil, authority, log.NewNopLogger())
	require.NoError(t, bank.SetParams(ctx, banktypes.DefaultParams()))
	require.NoError(t, accounts.Params.Set(ctx, authtypes.DefaultParams()))

	hooks := &recordingHooks{}
	k := keeper.NewKeeper(enc.Codec, runtime.NewKVStoreService(keys[types.StoreKey]), accounts, bank, pool{bank}, authority).
		SetHooks(types.MultiHooks{types.NoopHooks{}, hooks})
	f := &fixture{
		t: t, ctx: ctx, k: k, bank: bank, accounts: accounts, hooks: hooks, authority: authority, supply: math.ZeroInt(),
		msg: keeper.NewMsgServer(k), query: keeper.NewQueryServer(k),
	}
	require.NoError(t, k.InitGenesis(ctx, types.DefaultGenesis()))
	return f
}

type pool struct{ bank bankkeeper.BaseKeeper }

func (p pool) FundCommunityPool(ctx context.Context, amount sdk.Coins, sender sdk.AccAddress) error {
	return p.bank.SendCoinsFromAccountToModule(ctx, sender, poolModule, amount)
}

// recordingHooks notes what was called, and fails on demand.
type recordingHooks struct {
	types.NoopHooks
	calls  []string
	closed []types.Job
	fail   error
}

func (h *recordingHooks) AfterJobClosed(_ context.Context, job types.Job) error {
	h.calls, h.closed = append(h.calls, "closed "+types.StatusWord(job.Status)), append(h.closed, job)
	return h.fail
}

func (h *recordingHooks) AfterNodeSlashed(_ context.Context, _ sdk.AccAddress, amount, shortfall math.Int) error {
	h.calls = append(h.calls, fmt.Sprintf("slashed %s short %s", amount, shortfall))
	return h.fail
}

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

func coin(uemc int64) sdk.Coin { return types.Uemc(math.NewInt(uemc)) }

func (f *fixture) balance(addr sdk.AccAddress) int64 {
	return f.bank.GetBalance(f.ctx, addr, types.Denom).Amount.Int64()
}

// check holds every invariant and the supply to the last uemc.
func (f *fixture) check() {
	f.t.Helper()
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

// told lists the typed events of one kind that the block has so far.
func told[E gogoproto.Message](f *fixture) []E {
	f.t.Helper()
	var out []E
	for _, event := range f.ctx.EventManager().Events() {
		message, err := sdk.ParseTypedEvent(abci.Event(event))
		if err != nil {
			continue // the bank's are not typed
		}
		if e, ok := message.(E); ok {
			out = append(out, e)
		}
	}
	return out
}

// pass lets seconds go by in blocks of at most step seconds, ending each one.
func (f *fixture) pass(seconds int64) {
	f.t.Helper()
	for seconds > 0 {
		step := min(seconds, 10)
		seconds -= step
		f.block(step)
	}
}

// block makes the last of the blocks that a running network makes in seconds.
func (f *fixture) block(seconds int64) {
	f.t.Helper()
	clock, err := f.k.Clock.Get(f.ctx)
	require.NoError(f.t, err)
	clock.BlockTime = f.ctx.BlockTime().Unix() + seconds - 1
	require.NoError(f.t, f.k.Clock.Set(f.ctx, clock))
	f.blockAfter(seconds)
}

// blockAfter makes a block after seconds in which the network made none.
func (f *fixture) blockAfter(seconds int64) {
	f.t.Helper()
	f.ctx = f.ctx.WithBlockTime(f.ctx.BlockTime().Add(time.Duration(seconds) * time.Second)).WithBlockHeight(f.ctx.BlockHeight() + 1).
		WithEventManager(sdk.NewEventManager())
	require.NoError(f.t, f.k.BeginBlock(f.ctx))
	require.NoError(f.t, f.k.EndBlock(f.ctx))
	f.check()
}

// nodeKey is a deterministic worker key.
func nodeKey(n int) *secp256k1.PrivKey {
	var seed [8]byte
	binary.BigEndian.PutUint64(seed[:], uint64(n))
	return secp256k1.GenPrivKeyFromSecret(seed[:])
}

func offer(price int64) types.Offer {
	return types.Offer{
		Hardware: types.Hardware{CpuModel: "test", CpuCores: 4, MemoryBytes: 8 << 30}, Region: "DE-BE",
		Slots: 2, SlotHourPrice: coin(price), Runtimes: []string{types.RuntimeWasm},
	}
}

func registration(key *secp256k1.PrivKey, operator sdk.AccAddress, o types.Offer) *types.MsgRegisterNode {
	sig, err := key.Sign(types.RegistrationBytes(chainID, operator))
	if err != nil {
		panic(err)
	}
	return &types.MsgRegisterNode{Operator: operator.String(), Pubkey: key.PubKey().Bytes(), KeySignature: sig, Role: types.ROLE_COMPUTING, Offer: o}
}

// router registers a router with stake that is online.
func (f *fixture) router(n int, operator sdk.AccAddress, stake int64) string {
	f.t.Helper()
	m := registration(nodeKey(n), operator, routerOffer())
	m.Role = types.ROLE_ROUTER
	res, err := atomically(f, func(ctx sdk.Context) (*types.MsgRegisterNodeResponse, error) { return f.msg.RegisterNode(ctx, m) })
	require.NoError(f.t, err)
	f.report(res.Node)
	if stake > 0 {
		require.NoError(f.t, f.stake(operator, res.Node, coin(stake)))
	}
	return res.Node
}

func routerOffer() types.Offer { return types.Offer{Region: "DE-BE", SlotHourPrice: coin(0)} }

// node registers a node that is online.
func (f *fixture) node(n int, operator sdk.AccAddress, o types.Offer) string {
	f.t.Helper()
	res, err := atomically(f, func(ctx sdk.Context) (*types.MsgRegisterNodeResponse, error) {
		return f.msg.RegisterNode(ctx, registration(nodeKey(n), operator, o))
	})
	require.NoError(f.t, err)
	f.report(res.Node)
	return res.Node
}

func (f *fixture) report(node string) {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgReportStatusResponse, error) {
		return f.msg.ReportStatus(ctx, &types.MsgReportStatus{Node: node, Endpoints: []string{"/ip4/127.0.0.1/tcp/4600"}, Accepting: true})
	})
	require.NoError(f.t, err)
}

func (f *fixture) load(node string) types.Node {
	f.t.Helper()
	n, err := f.k.Node(f.ctx, sdk.MustAccAddressFromBech32(node))
	require.NoError(f.t, err)
	return n
}

func (f *fixture) app(owner sdk.AccAddress) {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgRegisterAppResponse, error) {
		return f.msg.RegisterApp(ctx, &types.MsgRegisterApp{
			Owner: owner.String(), Id: "charlm", Runtime: types.RuntimeWasm, Digest: strings.Repeat("ab", 32),
			Interface: types.INTERFACE_BATCH, Comparison: types.COMPARISON_EXACT,
		})
	})
	require.NoError(f.t, err)
}

func submission(customer sdk.AccAddress) *types.MsgSubmitJob {
	return &types.MsgSubmitJob{
		Customer: customer.String(), App: "charlm", MaxSeconds: 600, MaxPrice: coin(1_000_000),
		Requirements: types.Requirements{MinStake: math.ZeroInt()},
		SpecDigest:   bytes.Repeat([]byte{1}, 32), InputsDigest: bytes.Repeat([]byte{2}, 32), AccessKey: nodeKey(999).PubKey().Bytes(),
	}
}

func (f *fixture) submit(m *types.MsgSubmitJob) (*types.MsgSubmitJobResponse, error) {
	f.t.Helper()
	return atomically(f, func(ctx sdk.Context) (*types.MsgSubmitJobResponse, error) { return f.msg.SubmitJob(ctx, m) })
}

func (f *fixture) mustSubmit(m *types.MsgSubmitJob) *types.MsgSubmitJobResponse {
	f.t.Helper()
	res, err := f.submit(m)
	require.NoError(f.t, err)
	return res
}

func (f *fixture) job(id string) types.Job {
	f.t.Helper()
	j, err := f.k.Job(f.ctx, id)
	require.NoError(f.t, err)
	return j
}

func (f *fixture) acknowledge(node, job string, inputs bool) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgAcknowledgeJobResponse, error) {
		return f.msg.AcknowledgeJob(ctx, &types.MsgAcknowledgeJob{Node: node, Job: job, InputsReceived: inputs})
	})
	return err
}

func (f *fixture) start(node, job string) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgStartJobResponse, error) {
		return f.msg.StartJob(ctx, &types.MsgStartJob{Node: node, Job: job})
	})
	return err
}

func receipt(wallSeconds uint64) types.Receipt {
	return types.Receipt{
		Reason: types.EXIT_REASON_EXITED, ResultDigest: bytes.Repeat([]byte{3}, 32), LogDigest: bytes.Repeat([]byte{4}, 32),
		Usage: types.Usage{WallMilliseconds: wallSeconds * 1000},
	}
}

func (f *fixture) finish(node, job string, r types.Receipt) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgSubmitReceiptResponse, error) {
		return f.msg.SubmitReceipt(ctx, &types.MsgSubmitReceipt{Node: node, Job: job, Receipt: r})
	})
	return err
}

func (f *fixture) accept(customer, job string) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgAcceptResultResponse, error) {
		return f.msg.AcceptResult(ctx, &types.MsgAcceptResult{Customer: customer, Job: job})
	})
	return err
}

func (f *fixture) cancel(customer, job string) error {
	f.t.Helper()
	_, err := atomically(f, func(ctx sdk.Context) (*types.MsgCancelJobResponse, error) {
		return f.msg.CancelJob(ctx, &types.MsgCancelJob{Customer: customer, Job: job})
	})
	return err
}

// running brings a job to RUNNING.
func (f *fixture) running(m *types.MsgSubmitJob) *types.MsgSubmitJobResponse {
	f.t.Helper()
	res := f.mustSubmit(m)
	require.NoError(f.t, f.acknowledge(res.Node, res.Job, true))
	require.NoError(f.t, f.start(res.Node, res.Job))
	return res
}

func digestHex(b byte) string { return hex.EncodeToString(bytes.Repeat([]byte{b}, 32)) }
