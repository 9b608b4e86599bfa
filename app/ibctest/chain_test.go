//go:build ibc_harness

package ibctest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/stretchr/testify/require"

	"cosmossdk.io/log/v2"
	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/client"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authsigning "github.com/cosmos/cosmos-sdk/x/auth/signing"

	transfertypes "github.com/cosmos/ibc-go/v11/modules/apps/transfer/types"
	channeltypes "github.com/cosmos/ibc-go/v11/modules/core/04-channel/types"
	ibckeeper "github.com/cosmos/ibc-go/v11/modules/core/keeper"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/app/ibctest/ibctesting"
	"github.com/edgematrix/emc/app/params"
)

// emc is the chain's application as the harness wants it.
type emc struct {
	*app.App
	// mempool goes into the next block: the harness itself signs in one mode
	// only and pays no fees.
	mempool [][]byte
	last    *abci.ResponseFinalizeBlock
}

var _ ibctesting.TestingApp = (*emc)(nil)

func (e *emc) GetBaseApp() *baseapp.BaseApp    { return e.BaseApp }
func (e *emc) GetIBCKeeper() *ibckeeper.Keeper { return e.IBCKeeper }
func (e *emc) GetTxConfig() client.TxConfig    { return e.TxConfig() }

// FinalizeBlock puts the mempool into the harness's block.
func (e *emc) FinalizeBlock(req *abci.RequestFinalizeBlock) (*abci.ResponseFinalizeBlock, error) {
	req.Txs = append(req.Txs, e.mempool...)
	e.mempool = nil
	var err error
	e.last, err = e.App.FinalizeBlock(req)
	return e.last, err
}

// chain is one of the two chains, with what the tests ask of it.
type chain struct {
	*ibctesting.TestChain
	*emc
	t *testing.T
	// genesis is the supply of uemc at the start; no module makes or burns any.
	genesis math.Int
}

// pair is two chains with an open transfer channel.
type pair struct {
	a, b chain
	path *ibctesting.Path
}

// connect starts two EMC chains and lets the harness create clients, a
// connection and a transfer channel with proofs.
func connect(t *testing.T) pair {
	t.Helper()
	p := unconnected(t)
	p.path.Setup()
	return p
}

func unconnected(t *testing.T) pair {
	t.Helper()
	coordinator := ibctesting.NewCustomAppCoordinator(t, 2, func() (ibctesting.TestingApp, map[string]json.RawMessage) {
		e := &emc{App: app.New(log.NewNopLogger(), dbm.NewMemDB(), true, simtestutil.AppOptionsMap{"home": t.TempDir()})}
		return e, e.DefaultGenesis()
	})
	of := func(i int) chain {
		c := chain{TestChain: coordinator.GetChain(ibctesting.GetChainID(i)), t: t}
		c.emc = c.TestChain.App.(*emc)
		c.genesis = c.supply(params.BaseDenom)
		return c
	}
	p := pair{a: of(1), b: of(2)}
	p.path = ibctesting.NewTransferPath(p.a.TestChain, p.b.TestChain)
	return p
}

// committed reads the state after the last block.
func (c chain) committed() sdk.Context { return c.NewContext(true) }

func (c chain) balance(address sdk.AccAddress, denom string) math.Int {
	return c.BankKeeper.GetBalance(c.committed(), address, denom).Amount
}

func (c chain) supply(denom string) math.Int {
	return c.BankKeeper.GetSupply(c.committed(), denom).Amount
}

// person is an account of the harness; the first relays.
func (c chain) person(i int) ibctesting.SenderAccount { return c.SenderAccounts[i] }

func address(of ibctesting.SenderAccount) sdk.AccAddress { return of.SenderAccount.GetAddress() }

// send delivers the message with a fee, signed in a mode, and returns its result.
func (c chain) send(from ibctesting.SenderAccount, mode signing.SignMode, fee int64, msg sdk.Msg) *abci.ExecTxResult {
	c.t.Helper()
	return c.deliver(from, c.sign(from, mode, fee, msg))
}

// deliver makes a block of one transaction.
func (c chain) deliver(from ibctesting.SenderAccount, tx []byte) *abci.ExecTxResult {
	c.t.Helper()
	c.mempool = append(c.mempool, tx)
	c.Coordinator.CommitBlock(c.TestChain)
	require.NoError(c.t, from.SenderAccount.SetSequence(from.SenderAccount.GetSequence()+1))
	require.Len(c.t, c.last.TxResults, 1)
	return c.last.TxResults[0]
}

// sign returns a transaction of the message.
func (c chain) sign(from ibctesting.SenderAccount, mode signing.SignMode, fee int64, msg sdk.Msg) []byte {
	c.t.Helper()
	config := c.GetTxConfig()
	builder := config.NewTxBuilder()
	require.NoError(c.t, builder.SetMsgs(msg))
	builder.SetGasLimit(1_000_000)
	builder.SetFeeAmount(sdk.NewCoins(sdk.NewInt64Coin(params.BaseDenom, fee)))
	account := from.SenderAccount
	signature := signing.SignatureV2{
		PubKey: from.SenderPrivKey.PubKey(), Data: &signing.SingleSignatureData{SignMode: mode}, Sequence: account.GetSequence(),
	}
	require.NoError(c.t, builder.SetSignatures(signature))
	bytes, err := authsigning.GetSignBytesAdapter(context.Background(), config.SignModeHandler(), mode, authsigning.SignerData{
		Address: account.GetAddress().String(), ChainID: c.ChainID, AccountNumber: account.GetAccountNumber(),
		Sequence: account.GetSequence(), PubKey: from.SenderPrivKey.PubKey(),
	}, builder.GetTx())
	require.NoError(c.t, err)
	raw, err := from.SenderPrivKey.Sign(bytes)
	require.NoError(c.t, err)
	signature.Data = &signing.SingleSignatureData{SignMode: mode, Signature: raw}
	require.NoError(c.t, builder.SetSignatures(signature))
	tx, err := config.TxEncoder()(builder.GetTx())
	require.NoError(c.t, err)
	return tx
}

// checked is what a node answers to whoever sends it the transaction.
func (c chain) checked(tx []byte) *abci.ResponseCheckTx {
	c.t.Helper()
	response, err := c.CheckTx(&abci.RequestCheckTx{Tx: tx, Type: abci.CheckTxType_New})
	require.NoError(c.t, err)
	return response
}

// transfer is a message that sends a coin to a receiver on the other chain within
// a time.
func transfer(from *ibctesting.Endpoint, coin sdk.Coin, sender sdk.AccAddress, receiver string, within time.Duration) *transfertypes.MsgTransfer {
	chain := from.Chain
	timeout := uint64(chain.ProposedHeader.Time.Add(within).UnixNano())
	return transfertypes.NewMsgTransfer(from.ChannelConfig.PortID, from.ChannelID, coin,
		sender.String(), receiver, transfertypes.MsgTransfer{}.TimeoutHeight, timeout, "")
}

// sent sends a transfer as a wallet does and returns its packet.
func (c chain) sent(from ibctesting.SenderAccount, mode signing.SignMode, msg *transfertypes.MsgTransfer) channeltypes.Packet {
	c.t.Helper()
	result := c.send(from, mode, fee, msg)
	require.Equal(c.t, abci.CodeTypeOK, result.Code, result.Log)
	packet, err := ibctesting.ParseV1PacketFromEvents(result.Events)
	require.NoError(c.t, err)
	return packet
}

// escrow is where a channel's end keeps the coins that are on the other chain.
func escrow(end *ibctesting.Endpoint) sdk.AccAddress {
	return transfertypes.GetEscrowAddress(end.ChannelConfig.PortID, end.ChannelID)
}
