//go:build ibc_harness

package ibctest

import (
	"errors"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	govtypes "github.com/cosmos/cosmos-sdk/x/gov/types"

	transfertypes "github.com/cosmos/ibc-go/v11/modules/apps/transfer/types"
	channeltypes "github.com/cosmos/ibc-go/v11/modules/core/04-channel/types"
	channeltypesv2 "github.com/cosmos/ibc-go/v11/modules/core/04-channel/v2/types"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/app/ibctest/ibctesting"
	"github.com/edgematrix/emc/app/params"
)

const (
	// fee is what each transfer's transaction pays, in uemc.
	fee = 10_007
	// sum is what goes over, in uemc: more than an int32, and no round number.
	sum = 12_345_678_901
	// far is a timeout that no test reaches.
	far = time.Hour

	direct = signing.SignMode_SIGN_MODE_DIRECT
	amino  = signing.SignMode_SIGN_MODE_LEGACY_AMINO_JSON
)

func uemc(n int64) sdk.Coin { return sdk.NewInt64Coin(params.BaseDenom, n) }

// voucher is the denomination of uemc on the chain at the other end.
func voucher(end *ibctesting.Endpoint) string {
	return transfertypes.NewDenom(params.BaseDenom, transfertypes.NewHop(end.ChannelConfig.PortID, end.ChannelID)).IBCDenom()
}

// whole checks that the two chains' coins are all there: the supply never
// changes, and there are as many vouchers as coins in escrow. Between a sending and
// its end some coins are under way.
func (p pair) whole(t *testing.T, underWay int64) {
	t.Helper()
	for _, side := range []struct {
		at, other chain
		end       *ibctesting.Endpoint
	}{{p.a, p.b, p.path.EndpointA}, {p.b, p.a, p.path.EndpointB}} {
		c := side.at
		require.Equal(t, c.genesis, c.supply(params.BaseDenom), "supply of %s", c.ChainID)
		total := math.ZeroInt()
		c.BankKeeper.IterateAllBalances(c.committed(), func(_ sdk.AccAddress, coin sdk.Coin) bool {
			if coin.Denom == params.BaseDenom {
				total = total.Add(coin.Amount)
			}
			return false
		})
		require.Equal(t, c.genesis, total, "balances of %s", c.ChainID)
	}
	locked := p.a.balance(escrow(p.path.EndpointA), params.BaseDenom)
	require.Equal(t, locked, p.a.TransferKeeper.GetTotalEscrowForDenom(p.a.committed(), params.BaseDenom).Amount)
	require.Equal(t, locked, p.b.supply(voucher(p.path.EndpointB)).AddRaw(underWay))
}

// A coin goes to the second chain and comes back: locked here, a voucher there,
// the voucher burnt, the coin free again. Wallets sign in both modes.
func TestThereAndBack(t *testing.T) {
	for _, mode := range []signing.SignMode{direct, amino} {
		t.Run(mode.String(), func(t *testing.T) {
			p := connect(t)
			alice, bob := p.a.person(1), p.b.person(2)
			ibc := voucher(p.path.EndpointB)
			before := p.a.balance(address(alice), params.BaseDenom)
			bobHad := p.b.balance(address(bob), params.BaseDenom)

			packet := p.a.sent(alice, mode, transfer(p.path.EndpointA, uemc(sum), address(alice), address(bob).String(), far))
			require.Equal(t, before.SubRaw(sum+fee), p.a.balance(address(alice), params.BaseDenom))
			require.Equal(t, math.NewInt(sum), p.a.balance(escrow(p.path.EndpointA), params.BaseDenom))
			p.whole(t, sum)

			require.NoError(t, p.path.RelayPacket(packet))
			require.Equal(t, math.NewInt(sum), p.b.balance(address(bob), ibc))
			p.whole(t, 0)
			require.Error(t, p.path.RelayPacket(packet), "a packet counts once")

			metadata, found := p.b.BankKeeper.GetDenomMetaData(p.b.committed(), ibc)
			require.True(t, found, "wallets see where a voucher comes from")
			require.Equal(t, "transfer/"+p.path.EndpointB.ChannelID+"/"+params.BaseDenom, metadata.Display)

			// Home in two parts, so that a wrong sum would show.
			for _, part := range []int64{sum - 1, 1} {
				packet = p.b.sent(bob, mode, transfer(p.path.EndpointB, sdk.NewInt64Coin(ibc, part), address(bob), address(alice).String(), far))
				p.whole(t, part)
				require.NoError(t, p.path.RelayPacket(packet))
				p.whole(t, 0)
			}
			require.Equal(t, before.SubRaw(fee), p.a.balance(address(alice), params.BaseDenom))
			require.Equal(t, bobHad.SubRaw(2*fee), p.b.balance(address(bob), params.BaseDenom))
			require.True(t, p.a.balance(escrow(p.path.EndpointA), params.BaseDenom).IsZero(), "the escrow is empty")
			require.True(t, p.b.supply(ibc).IsZero(), "every voucher is burnt")
			require.True(t, p.b.balance(authtypes.NewModuleAddress(transfertypes.ModuleName), ibc).IsZero())
		})
	}
}

// A second chain's coin is a voucher here, beside uemc and never instead of it,
// though both have the same name at home.
func TestForeignUemcIsAnotherCoin(t *testing.T) {
	p := connect(t)
	alice, bob := p.a.person(1), p.b.person(2)
	had := p.a.balance(address(alice), params.BaseDenom)
	packet := p.b.sent(bob, direct, transfer(p.path.EndpointB, uemc(sum), address(bob), address(alice).String(), far))
	require.NoError(t, p.path.RelayPacket(packet))
	require.Equal(t, had, p.a.balance(address(alice), params.BaseDenom))
	require.Equal(t, math.NewInt(sum), p.a.balance(address(alice), voucher(p.path.EndpointA)))
	require.Equal(t, p.a.genesis, p.a.supply(params.BaseDenom))

	result := p.a.send(alice, direct, fee, transfer(p.path.EndpointA, sdk.NewInt64Coin(voucher(p.path.EndpointA), sum+1), address(alice), address(bob).String(), far))
	require.NotEqual(t, abci.CodeTypeOK, result.Code, "nobody sends more vouchers back than he has")
	require.Equal(t, math.NewInt(sum), p.a.balance(address(alice), voucher(p.path.EndpointA)))
}

// Whoever gets no answer in time gets his coins back, and the packet is dead.
func TestTimeoutRefunds(t *testing.T) {
	p := connect(t)
	alice, bob := p.a.person(1), p.b.person(2)
	before := p.a.balance(address(alice), params.BaseDenom)
	packet := p.a.sent(alice, direct, transfer(p.path.EndpointA, uemc(sum), address(alice), address(bob).String(), time.Minute))

	require.NoError(t, p.path.EndpointA.UpdateClient())
	require.Error(t, p.path.EndpointA.TimeoutPacket(packet), "it is not over yet")
	p.whole(t, sum)

	p.a.Coordinator.IncrementTimeBy(2 * time.Minute)
	require.NoError(t, p.path.EndpointA.UpdateClient())
	require.NoError(t, p.path.EndpointA.TimeoutPacket(packet))
	require.Equal(t, before.SubRaw(fee), p.a.balance(address(alice), params.BaseDenom))
	require.True(t, p.a.balance(escrow(p.path.EndpointA), params.BaseDenom).IsZero())
	p.whole(t, 0)

	require.NoError(t, p.path.EndpointB.UpdateClient())
	require.Error(t, p.path.EndpointB.RecvPacket(packet), "what was refunded cannot arrive any more")
	require.True(t, p.b.supply(voucher(p.path.EndpointB)).IsZero())
}

// Of two relayers with the same packet the second is told so by the node that he
// sends it to, and pays nothing.
func TestRelayersShareNoPacket(t *testing.T) {
	p := connect(t)
	alice, bob, quick, slow := p.a.person(1), p.b.person(2), p.b.person(3), p.b.person(4)
	packet := p.a.sent(alice, direct, transfer(p.path.EndpointA, uemc(sum), address(alice), address(bob).String(), far))
	require.NoError(t, p.path.EndpointB.UpdateClient())

	// The harness makes the message with its proof; the relayers send it themselves.
	var receive *channeltypes.MsgRecvPacket
	errKept := errors.New("kept back")
	p.b.SendMsgsOverride = func(msgs ...sdk.Msg) (*abci.ExecTxResult, error) {
		receive = msgs[0].(*channeltypes.MsgRecvPacket)
		return nil, errKept
	}
	require.ErrorIs(t, p.path.EndpointB.RecvPacket(packet), errKept)
	p.b.SendMsgsOverride = nil

	of := func(relayer ibctesting.SenderAccount) []byte {
		message := *receive
		message.Signer = address(relayer).String()
		return p.b.sign(relayer, direct, fee, &message)
	}
	first, second := of(quick), of(slow)
	require.Equal(t, abci.CodeTypeOK, p.b.checked(second).Code)
	require.Equal(t, abci.CodeTypeOK, p.b.deliver(quick, first).Code)
	p.whole(t, 0)

	had := p.b.balance(address(slow), params.BaseDenom)
	answer := p.b.checked(second)
	require.Equal(t, channeltypes.ErrRedundantTx.ABCICode(), answer.Code, answer.Log)
	require.Equal(t, channeltypes.ErrRedundantTx.Codespace(), answer.Codespace)
	require.Equal(t, had, p.b.balance(address(slow), params.BaseDenom))
}

// Nobody outside can pay coins to where modules keep theirs: their books would not
// know of it. The sender gets everything back.
func TestModuleAccountsRefuse(t *testing.T) {
	p := connect(t)
	alice := p.a.person(1)
	before := p.a.balance(address(alice), params.BaseDenom)
	fees := int64(0)
	for name := range app.ModuleAccounts() {
		module := authtypes.NewModuleAddress(name)
		switch name {
		case govtypes.ModuleName: // proposals may hold funds
			continue
		case transfertypes.ModuleName: // ibc-go's own account takes coins: forwarding passes through it
			continue
		}
		packet := p.a.sent(alice, direct, transfer(p.path.EndpointA, uemc(sum), address(alice), module.String(), far))
		fees += fee
		_, ack, err := p.path.RelayPacketWithResults(packet)
		require.NoError(t, err)
		var answer channeltypes.Acknowledgement
		require.NoError(t, transfertypes.ModuleCdc.UnmarshalJSON(ack, &answer))
		require.NotEmpty(t, answer.GetError(), "%s took it", name)
		require.True(t, p.b.balance(module, voucher(p.path.EndpointB)).IsZero(), name)
		require.Equal(t, before.SubRaw(fees), p.a.balance(address(alice), params.BaseDenom), name)
		p.whole(t, 0)
	}
	require.NotZero(t, fees)
}

// IBC's second version needs no channel: the same coins, over the clients alone.
func TestSecondVersion(t *testing.T) {
	p := unconnected(t)
	p.path.SetupV2()
	alice, bob := p.a.person(1), p.b.person(2)
	end := p.path.EndpointA
	locked := transfertypes.GetEscrowAddress(transfertypes.PortID, end.ClientID)
	ibc := transfertypes.NewDenom(params.BaseDenom, transfertypes.NewHop(transfertypes.PortID, p.path.EndpointB.ClientID))
	before := p.a.balance(address(alice), params.BaseDenom)

	over := func(from *ibctesting.Endpoint, sender ibctesting.SenderAccount, denom string, receiver sdk.AccAddress) {
		data, err := transfertypes.MarshalPacketData(transfertypes.NewFungibleTokenPacketData(
			denom, math.NewInt(sum).String(), address(sender).String(), receiver.String(), ""), transfertypes.V1, transfertypes.EncodingProtobuf)
		require.NoError(t, err)
		payload := channeltypesv2.NewPayload(transfertypes.PortID, transfertypes.PortID, transfertypes.V1, transfertypes.EncodingProtobuf, data)
		packet, err := from.MsgSendPacketWithSender(from.Chain.GetTimeoutTimestampSecs(), []channeltypesv2.Payload{payload}, sender)
		require.NoError(t, err)
		require.NoError(t, from.RelayPacket(packet))
	}
	over(end, alice, params.BaseDenom, address(bob))
	require.Equal(t, math.NewInt(sum), p.a.balance(locked, params.BaseDenom))
	require.Equal(t, math.NewInt(sum), p.b.balance(address(bob), ibc.IBCDenom()))
	over(p.path.EndpointB, bob, ibc.Path(), address(alice))
	require.True(t, p.a.balance(locked, params.BaseDenom).IsZero())
	require.True(t, p.b.supply(ibc.IBCDenom()).IsZero())
	require.Equal(t, before, p.a.balance(address(alice), params.BaseDenom))
	require.Equal(t, p.a.genesis, p.a.supply(params.BaseDenom))
}
