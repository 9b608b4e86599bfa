package keeper_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/contrib/x/nft"
	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/socket/types"
)

func TestPriceRaisedBetweenLookAndBuy(t *testing.T) {
	f := newFixture(t)
	id := f.mint(1, 25*emc)
	require.NoError(t, f.list(f.miner, id, 26*emc))
	require.ErrorIs(t, f.buy(f.alice, id, 25*emc), types.ErrPrice)
	require.NoError(t, f.buy(f.alice, id, 26*emc))
}

func TestWhatCannotBeBought(t *testing.T) {
	f := newFixture(t)
	id := f.mint(1, 25*emc)
	require.ErrorIs(t, f.buy(f.miner, id, 25*emc), types.ErrOwnListing)
	require.NoError(t, f.buy(f.alice, id, 25*emc))
	require.ErrorIs(t, f.buy(f.bob, id, 25*emc), types.ErrNotListed, "two buyers in one block: the second one is late")
	_, err := f.plug(f.alice, id)
	require.NoError(t, err)
	require.ErrorIs(t, f.buy(f.bob, id, 25*emc), types.ErrNotListed)
	require.ErrorIs(t, f.list(f.alice, id, 30*emc), types.ErrWrongStatus, "a plugged one is not sold")
	late := f.mint(1, 25*emc)
	f.pass(day, true)
	require.ErrorIs(t, f.buy(f.bob, late, 25*emc), types.ErrNotListed, "an expired one is settled")
	require.ErrorIs(t, f.buy(f.bob, "s00", 25*emc), types.ErrInvalidSocket)
}

func TestOnlyTheHolder(t *testing.T) {
	f := newFixture(t)
	id := f.sold(1, 25*emc)
	for name, do := range map[string]func() error{
		"list":   func() error { return f.list(f.bob, id, 30*emc) },
		"delist": func() error { return f.delist(f.bob, id) },
		"plug":   func() error { _, err := f.plug(f.miner, id); return err },
		"unplug": func() error { return f.unplug(f.bob, id) },
		"burn":   func() error { return f.burn(f.miner, id) },
		"split":  func() error { _, err := f.split(f.bob, id, 1); return err },
	} {
		require.ErrorIs(t, do(), types.ErrNotHolder, name)
	}
}

// The same watt is not sold twice: not in two sockets, not in a socket and a job,
// not beyond the proven power, the slots, or the stake.
func TestMintingBeyondWhatIsFree(t *testing.T) {
	f := newFixture(t)
	params, err := f.k.Params.Get(f.ctx)
	require.NoError(t, err)
	params.CollateralPerE = coin(5 * emc)
	require.NoError(t, f.k.Params.Set(f.ctx, params))
	f.mint(3, 0)
	_, err = f.tryMint(f.minting(2, 0))
	require.ErrorIs(t, err, computetypes.ErrReserved)
	strong := f.minting(1, 0)
	strong.SlotPower = 2 * types.MicroE
	_, err = f.tryMint(strong)
	require.ErrorIs(t, err, computetypes.ErrReserved)
	require.NoError(t, f.compute.SetPower(f.ctx, f.node, 3*types.MicroE))
	_, err = f.tryMint(f.minting(1, 0))
	require.ErrorIs(t, err, computetypes.ErrReserved, "after its power fell")
	require.NoError(t, f.compute.SetPower(f.ctx, f.node, 4*types.MicroE))
	_, err = f.nodes.Unstake(f.ctx, &computetypes.MsgUnstake{Operator: f.miner.String(), Node: f.node.String(), Amount: coin(85 * emc)})
	require.NoError(t, err)
	_, err = f.tryMint(f.minting(1, 0))
	require.ErrorIs(t, err, computetypes.ErrReserved, "after unstaking")
	_, err = f.nodes.Unstake(f.ctx, &computetypes.MsgUnstake{Operator: f.miner.String(), Node: f.node.String(), Amount: coin(1)})
	require.Error(t, err, "what backs a socket stays")
}

// What a socket has, an ordinary job cannot get, and the other way round.
func TestSocketsAndJobsShareOneLedger(t *testing.T) {
	f := newFixture(t)
	submit := func(power uint64) error {
		_, err := atomically(f, func(ctx sdk.Context) (*computetypes.MsgSubmitJobResponse, error) {
			return f.nodes.SubmitJob(ctx, &computetypes.MsgSubmitJob{
				Customer: f.bob.String(), App: "charlm", Requirements: computetypes.Requirements{MinSlotPower: power, MinStake: math.ZeroInt()},
				MaxSeconds: 60, MaxPrice: coin(emc), SpecDigest: make([]byte, 32), InputsDigest: make([]byte, 32), AccessKey: key("access").PubKey().Bytes(),
			})
		})
		return err
	}
	f.mint(3, 0)
	require.NoError(t, submit(types.MicroE), "the fourth slot, with its power")
	_, err := f.tryMint(f.minting(1, 0))
	require.ErrorIs(t, err, computetypes.ErrReserved)
	require.ErrorIs(t, submit(0), computetypes.ErrNoNodeFits)

	f = newFixture(t)
	strong := f.minting(1, 0)
	strong.SlotPower = 4 * types.MicroE
	_, err = f.tryMint(strong)
	require.NoError(t, err)
	require.ErrorIs(t, submit(1), computetypes.ErrNoNodeFits, "three slots are free, and no power")
	require.NoError(t, submit(0))
}

func TestOthersCannotMint(t *testing.T) {
	f := newFixture(t)
	m := f.minting(1, 0)
	m.Operator = f.alice.String()
	_, err := f.tryMint(m)
	require.ErrorIs(t, err, types.ErrNotOperator)
	for name, change := range map[string]func(*types.MsgMint){
		"slots":        func(m *types.MsgMint) { m.Slots = 0 },
		"many slots":   func(m *types.MsgMint) { m.Slots = types.MaxSlots + 1 },
		"power":        func(m *types.MsgMint) { m.SlotPower = 0 },
		"much power":   func(m *types.MsgMint) { m.SlotPower = 1<<64 - 1 },
		"seconds":      func(m *types.MsgMint) { m.Seconds = 1 },
		"many seconds": func(m *types.MsgMint) { m.Seconds = 1<<64 - 1 },
		"royalty":      func(m *types.MsgMint) { m.Royalty = 10_001 },
		"ask":          func(m *types.MsgMint) { m.Ask = coin(1) },
		"negative ask": func(m *types.MsgMint) { m.Ask.Amount = math.NewInt(-1) },
		"no ask":       func(m *types.MsgMint) { m.Ask = sdk.Coin{} },
		"other coin":   func(m *types.MsgMint) { m.Ask = sdk.NewInt64Coin("atom", 5*emc) },
		"app":          func(m *types.MsgMint) { m.App = "no such app!" },
		"unknown app":  func(m *types.MsgMint) { m.App = "unknown" },
		"node":         func(m *types.MsgMint) { m.Node = f.alice.String() },
		"bad node":     func(m *types.MsgMint) { m.Node = "x" },
	} {
		m := f.minting(1, 25*emc)
		change(m)
		_, err := f.tryMint(m)
		require.Error(t, err, name)
	}
}

// Listed or plugged, the NFT is with the module: x/nft sends it nowhere.
func TestSendingTheNFTWhileListed(t *testing.T) {
	f := newFixture(t)
	id := f.sold(1, 25*emc)
	class := types.ClassID(f.miner.String())
	send := func(from, to sdk.AccAddress) error {
		_, err := atomically(f, func(ctx sdk.Context) (*nft.MsgSendResponse, error) {
			return f.nft.Send(ctx, &nft.MsgSend{ClassId: class, Id: id, Sender: from.String(), Receiver: to.String()})
		})
		return err
	}
	require.NoError(t, f.list(f.alice, id, 30*emc))
	require.Error(t, send(f.alice, f.bob))
	require.NoError(t, f.delist(f.alice, id))
	require.NoError(t, send(f.alice, f.bob))
	require.ErrorIs(t, f.list(f.alice, id, 30*emc), types.ErrNotHolder)
	_, err := f.plug(f.bob, id)
	require.NoError(t, err, "who got it uses it")
	require.Error(t, send(f.bob, f.alice))
}

// Splitting makes no money and loses none, however often.
func TestSplittingIsExact(t *testing.T) {
	f := newFixture(t)
	id := f.sold(4, 25*emc+3)
	ids := []string{id}
	for range 3 {
		part, err := f.split(f.alice, id, 1)
		require.NoError(t, err)
		ids = append(ids, part)
	}
	_, err := f.split(f.alice, id, 1)
	require.ErrorIs(t, err, types.ErrInvalidSocket)
	sum, power := math.ZeroInt(), uint64(0)
	for _, id := range ids {
		s := f.load(id)
		sum, power = sum.Add(s.Price), power+s.Power
		require.Equal(t, s.Price.Int64(), f.balance(types.SocketEscrow(id)))
		require.Equal(t, f.alice, f.owner(id))
	}
	require.Equal(t, int64(25*emc+3), sum.Int64())
	require.Equal(t, uint64(4*types.MicroE), power)
	miner := f.balance(f.miner)
	f.pass(day, true)
	require.Equal(t, miner+25*emc+3, f.balance(f.miner))
}

// What nobody has bought holds no money, and is not plugged in.
func TestUnsoldIsNotPlugged(t *testing.T) {
	f := newFixture(t)
	id := f.mint(1, 0)
	_, err := f.plug(f.miner, id)
	require.ErrorIs(t, err, types.ErrWrongStatus)
	require.NoError(t, f.burn(f.miner, id))
	require.Equal(t, types.SOCKET_STATUS_SETTLED, f.load(id).Status)
}

// A node that is out sells nothing.
func TestFirstSaleOfANodeThatIsOut(t *testing.T) {
	f := newFixture(t)
	id := f.mint(1, 25*emc)
	f.pass(int64(computetypes.DefaultParams().OnlineSeconds)+120, false)
	require.ErrorIs(t, f.buy(f.alice, id, 25*emc), types.ErrNode)
	f.report()
	require.NoError(t, f.buy(f.alice, id, 25*emc))
}

// Strangers' gifts to a socket's escrow belong to nobody of it.
func TestGiftToTheEscrow(t *testing.T) {
	f := newFixture(t)
	id := f.sold(1, 25*emc)
	require.NoError(t, f.bank.SendCoins(f.ctx, f.bob, types.SocketEscrow(id), sdk.NewCoins(coin(7))))
	miner := f.balance(f.miner)
	f.pass(day, true)
	require.Equal(t, miner+25*emc, f.balance(f.miner))
	require.Zero(t, f.balance(types.SocketEscrow(id)))
}
