package session_test

import (
	"context"
	"errors"
	"strings"
	"time"

	"cosmossdk.io/collections"
	"cosmossdk.io/core/store"
	"cosmossdk.io/log/v2"
	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/codec/address"
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
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/onchain"
	"github.com/edgematrix/emc/x/compute"
	computekeeper "github.com/edgematrix/emc/x/compute/keeper"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market"
	marketkeeper "github.com/edgematrix/emc/x/market/keeper"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

// keeperChain is x/market itself, over real x/compute, auth and bank keepers: a
// schedule is settled by what a chain would do. After each transaction it holds
// the modules' invariants.
type keeperChain struct {
	ctx     sdk.Context
	clock   func() time.Time
	compute *computekeeper.Keeper
	k       *marketkeeper.Keeper
	msg     markettypes.MsgServer
	query   markettypes.QueryServer
	stakes  map[receipt.Address]math.Int // of the routers, at the beginning
}

var _ settlement = (*keeperChain)(nil)

// must stops a schedule that the chain itself has broken.
func must[T any](out T, err error) T {
	if err != nil {
		panic(err)
	}
	return out
}

// newKeeperChain has the schedules' session, routers and covers, without shares:
// what is paid is what the session or the cover gave.
func newKeeperChain(clock func() time.Time, allotted uint64) *keeperChain {
	enc := moduletestutil.MakeTestEncodingConfig(auth.AppModuleBasic{}, bank.AppModuleBasic{}, compute.AppModule{}, market.AppModule{})
	keys := storetypes.NewKVStoreKeys(authtypes.StoreKey, banktypes.StoreKey, computetypes.StoreKey, markettypes.StoreKey)
	service := func(name string) store.KVStoreService { return runtime.NewKVStoreService(keys[name]) }
	authority := authtypes.NewModuleAddress("gov").String()
	accounts := authkeeper.NewAccountKeeper(enc.Codec, service(authtypes.StoreKey), authtypes.ProtoBaseAccount,
		map[string][]string{computetypes.ModuleName: {authtypes.Burner}, authtypes.FeeCollectorName: nil, "pool": nil, "faucet": {authtypes.Minter}},
		address.NewBech32Codec(params.AddressPrefix), params.AddressPrefix, authority)
	money := bankkeeper.NewBaseKeeper(enc.Codec, service(banktypes.StoreKey), escrow.Accounts{AccountKeeper: accounts}, nil, authority, log.NewNopLogger())
	c := &keeperChain{
		ctx:   testutil.DefaultContextWithKeys(keys, nil, nil).WithChainID(chainID).WithBlockTime(clock()).WithBlockHeight(1),
		clock: clock, stakes: map[receipt.Address]math.Int{},
	}
	must(0, errors.Join(money.SetParams(c.ctx, banktypes.DefaultParams()), accounts.Params.Set(c.ctx, authtypes.DefaultParams())))
	c.compute = computekeeper.NewKeeper(enc.Codec, service(computetypes.StoreKey), accounts, money, gifts{money}, authority)
	c.k = marketkeeper.NewKeeper(enc.Codec, service(markettypes.StoreKey), c.compute, money, accounts, gifts{money}, authority)
	c.compute.SetHooks(c.k.Hooks())
	c.msg, c.query = marketkeeper.NewMsgServer(c.k), marketkeeper.NewQueryServer(c.k)

	g := markettypes.DefaultGenesis()
	nothing := markettypes.Uemc(math.ZeroInt())
	g.Params.MinDeposit, g.Params.MinCover, g.Params.ProtocolShare, g.Params.RouterShare = nothing, nothing, 0, 0
	owner := sdk.AccAddress("owner")
	g.Sequences = []markettypes.SessionSequence{{Owner: owner.String(), Next: 1}}
	must(0, errors.Join(c.compute.InitGenesis(c.ctx, computetypes.DefaultGenesis()), c.k.InitGenesis(c.ctx, g)))
	coins := sdk.NewCoins(sdk.NewInt64Coin(markettypes.Denom, 1_000_000_000))
	must(0, errors.Join(money.MintCoins(c.ctx, "faucet", coins), money.SendCoinsFromModuleToAccount(c.ctx, "faucet", owner, coins)))
	c.populate(owner, allotted)
	return c
}

// populate registers the routers with their stake and cover, and opens the session.
func (c *keeperChain) populate(owner sdk.AccAddress, allotted uint64) {
	nodes := computekeeper.NewMsgServer(c.compute)
	amount := func(n int64) sdk.Coin { return markettypes.Uemc(math.NewInt(n)) }
	var allotments []markettypes.Allotment
	for _, r := range routerKeys {
		signature := must(r.Sign(computetypes.RegistrationBytes(chainID, owner)))
		router := must(nodes.RegisterNode(c.ctx, &computetypes.MsgRegisterNode{
			Operator: owner.String(), Pubkey: r.public.Bytes(), KeySignature: signature, Role: computetypes.ROLE_ROUTER, Offer: computetypes.Offer{SlotHourPrice: amount(0)},
		})).Node
		must(nodes.Stake(c.ctx, &computetypes.MsgStake{Operator: owner.String(), Node: router, Amount: amount(20_000_000)}))
		c.stakes[r.public.Address()] = math.NewInt(20_000_000)
		for _, n := range nodeKeys {
			must(c.msg.SetCover(c.ctx, &markettypes.MsgSetCover{Operator: owner.String(), Router: router, Node: n.public.Address().String(), Amount: amount(cover)}))
		}
		allotments = append(allotments, markettypes.Allotment{Router: router, Amount: amount(int64(allotted))})
	}
	opened := must(c.msg.OpenSession(c.ctx, &markettypes.MsgOpenSession{
		Owner: owner.String(), Deposit: amount(3 * allotment), Key: sessionKey.public.Bytes(), Allotments: allotments, Seconds: 86_400,
	}))
	if opened.Session != sessionID.String() {
		panic("the session's id is " + opened.Session)
	}
}

// now brings the chain to the schedule's time: blocks are made in between.
func (c *keeperChain) now() sdk.Context {
	at := c.clock()
	if at.After(c.ctx.BlockTime()) {
		clock := must(c.compute.NetworkClock(c.ctx))
		clock.BlockTime = at.Unix() // the network did not stand still
		must(0, c.compute.Clock.Set(c.ctx, clock))
		c.ctx = c.ctx.WithBlockTime(at).WithBlockHeight(c.ctx.BlockHeight() + 1).WithEventManager(sdk.NewEventManager())
		for range 3 { // a session may go through several of its ends
			must(0, c.k.EndBlock(c.ctx))
		}
	}
	return c.ctx
}

// Session implements session.Chain.
func (c *keeperChain) Session(_ context.Context, id receipt.SessionID) (session.Info, error) {
	s, err := c.k.Session(c.now(), id.String())
	if err != nil {
		return session.Info{}, session.ErrSession
	}
	return onchain.Info(s)
}

// Cover implements session.Chain.
func (c *keeperChain) Cover(_ context.Context, router, node receipt.Address) (uint64, error) {
	q, err := c.query.Cover(c.now(), &markettypes.QueryCoverRequest{Router: router.String(), Node: node.String()})
	if err != nil {
		return 0, err
	}
	return q.Counted.Amount.Uint64(), nil
}

// Redeem implements session.Chain.
func (c *keeperChain) Redeem(_ context.Context, vouchers []receipt.Voucher) ([]session.Redemption, error) {
	m := &markettypes.MsgRedeemVouchers{Sender: sdk.AccAddress("anyone").String()}
	for _, v := range vouchers {
		m.Vouchers = append(m.Vouchers, markettypes.FromReceipt(v))
	}
	answer, err := c.msg.RedeemVouchers(c.now(), m)
	if err != nil {
		return nil, err
	}
	must(0, errors.Join(c.compute.CheckInvariants(c.ctx), c.k.CheckInvariants(c.ctx)))
	return onchain.Answers(answer.Redemptions), nil
}

// Close is the owner's.
func (c *keeperChain) Close(id receipt.SessionID) {
	_, err := c.msg.CloseSession(c.now(), &markettypes.MsgCloseSession{Sender: sdk.AccAddress("owner").String(), Session: id.String()})
	if err != nil && !errors.Is(err, markettypes.ErrWrongStatus) {
		panic(err)
	}
}

// Paid is what a lane was paid.
func (c *keeperChain) Paid(l receipt.Lane) uint64 {
	lane, err := c.k.Lanes.Get(c.now(), collections.Join3(l.Session.String(), sdk.AccAddress(l.Router[:]), sdk.AccAddress(l.Node[:])))
	if err != nil && !strings.Contains(err.Error(), "not found") {
		panic(err)
	}
	return lane.Amount
}

// Seized is what a router lost of its stake.
func (c *keeperChain) Seized(router receipt.Address) uint64 {
	n := must(c.compute.Node(c.now(), router[:]))
	return c.stakes[router].Sub(n.Stake).Uint64()
}

// gifts stands in for the community pool.
type gifts struct{ bank bankkeeper.BaseKeeper }

func (g gifts) FundCommunityPool(ctx context.Context, amount sdk.Coins, sender sdk.AccAddress) error {
	return g.bank.SendCoinsFromAccountToModule(ctx, sender, "pool", amount)
}
