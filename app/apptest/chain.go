// Package apptest runs the EMC chain inside a test: no network, no disk, blocks
// on request and a clock that the test moves.
package apptest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/stretchr/testify/require"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/crypto/hd"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/cosmos/cosmos-sdk/store/v2/snapshots"
	snapshottypes "github.com/cosmos/cosmos-sdk/store/v2/snapshots/types"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authsigning "github.com/cosmos/cosmos-sdk/x/auth/signing"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/cmd/emcd/network"
	"github.com/edgematrix/emc/pkg/amount"
)

// ChainID is the test chain's id.
const ChainID = "emc-apptest-1"

// Account is a funded account of the test chain.
type Account struct {
	Address sdk.AccAddress
	Key     *secp256k1.PrivKey
	number  uint64
	nonce   uint64
}

// Chain is one running application.
type Chain struct {
	*app.App
	// Accounts have a million EMC each; the first operates the validator.
	Accounts []*Account
	// Genesis is what the chain began with.
	Genesis *genutiltypes.AppGenesis
	// Time is the last block's.
	Time time.Time

	t      testing.TB
	height int64
}

// Options change the test chain.
type Options struct {
	// Accounts is how many to make; 3 when zero.
	Accounts int
	// AppOptions are app.toml's keys, for example block-executor.
	AppOptions map[string]any
	// Snapshots gives the chain a place for state sync snapshots. They are taken
	// by SnapshotManager().Create alone: those that a node takes by itself are
	// written in the background, and the test would end before they do.
	Snapshots bool
	// Genesis changes the genesis state before the chain starts.
	Genesis func(state map[string]json.RawMessage)
}

// New starts a chain and makes its first block. Keys and times are the same in
// every run, so that two chains given the same transactions have the same hashes.
func New(t testing.TB, o Options) *Chain {
	t.Helper()
	if o.Accounts == 0 {
		o.Accounts = 3
	}
	var options []func(*baseapp.BaseApp)
	if o.Snapshots {
		options = append(options, Snapshots(t))
	}
	application := NewApp(t, o.AppOptions, options...)
	codecs := network.CodecsOf(application)
	c := &Chain{App: application, t: t, Time: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}

	var funded []network.Account
	for i := range o.Accounts {
		key := AccountKey(i)
		address := sdk.AccAddress(key.PubKey().Address())
		c.Accounts = append(c.Accounts, &Account{Address: address, Key: key, number: uint64(i)})
		funded = append(funded, network.Account{
			Name: fmt.Sprintf("account%d", i), Address: address,
			Coins: sdk.NewCoins(sdk.NewInt64Coin(amount.BaseDenom, 1_000_000_000_000)),
		})
	}
	ring := keyring.NewInMemory(codecs.Codec)
	require.NoError(t, ring.ImportPrivKeyHex("validator", fmt.Sprintf("%x", c.Accounts[0].Key.Key), string(hd.Secp256k1Type)))
	genTx, err := network.GenTx(t.Context(), codecs, ring, ChainID, network.Validator{
		KeyName: "validator", Moniker: "validator", PubKey: ed25519.GenPrivKeyFromSecret([]byte("validator")).PubKey(),
		Bonded: sdk.NewInt64Coin(amount.BaseDenom, 500_000_000_000),
	})
	require.NoError(t, err)
	c.Genesis, err = network.NewGenesis(codecs, ChainID, c.Time, funded, []json.RawMessage{genTx}, nil)
	require.NoError(t, err)
	if o.Genesis != nil {
		var state map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(c.Genesis.AppState, &state))
		o.Genesis(state)
		c.Genesis.AppState, err = json.Marshal(state)
		require.NoError(t, err)
	}
	InitChain(t, application, c.Genesis)
	c.Accounts[0].nonce = 1 // it signed the genesis transaction
	c.NextBlock()
	return c
}

// AccountKey is the key of the i-th account of every test chain.
func AccountKey(i int) *secp256k1.PrivKey {
	return &secp256k1.PrivKey{Key: secp256k1.GenPrivKeyFromSecret(fmt.Appendf(nil, "account %d", i)).Key}
}

// NewApp returns an application on an empty database, not yet initialised.
func NewApp(t testing.TB, appOptions map[string]any, baseOptions ...func(*baseapp.BaseApp)) *app.App {
	t.Helper()
	options := simtestutil.AppOptionsMap{"home": t.TempDir()}
	for key, value := range appOptions {
		options[key] = value
	}
	return app.New(log.NewNopLogger(), dbm.NewMemDB(), true, options, append(baseOptions, baseapp.SetChainID(ChainID))...)
}

// Snapshots gives an application a place for state sync snapshots.
func Snapshots(t testing.TB) func(*baseapp.BaseApp) {
	t.Helper()
	store, err := snapshots.NewStore(dbm.NewMemDB(), t.TempDir())
	require.NoError(t, err)
	return baseapp.SetSnapshot(store, snapshottypes.NewSnapshotOptions(0, 0))
}

// InitChain starts an application from a genesis.
func InitChain(t testing.TB, application *app.App, genesis *genutiltypes.AppGenesis) {
	t.Helper()
	consensus := genesis.Consensus.Params.ToProto()
	_, err := application.InitChain(&abci.RequestInitChain{
		ChainId: genesis.ChainID, Time: genesis.GenesisTime, InitialHeight: genesis.InitialHeight,
		ConsensusParams: &consensus, AppStateBytes: genesis.AppState,
	})
	require.NoError(t, err)
}

// NextBlock makes a block of the transactions, one second after the last.
func (c *Chain) NextBlock(txs ...[]byte) *abci.ResponseFinalizeBlock {
	c.t.Helper()
	return c.NextBlockAfter(time.Second, txs...)
}

// NextBlockAfter makes a block after a time.
func (c *Chain) NextBlockAfter(d time.Duration, txs ...[]byte) *abci.ResponseFinalizeBlock {
	c.t.Helper()
	return c.block(d, nil, txs)
}

// NextBlockBy makes a block that a validator, by its consensus address, has proposed.
func (c *Chain) NextBlockBy(proposer []byte, txs ...[]byte) *abci.ResponseFinalizeBlock {
	c.t.Helper()
	return c.block(time.Second, proposer, txs)
}

func (c *Chain) block(d time.Duration, proposer []byte, txs [][]byte) *abci.ResponseFinalizeBlock {
	c.t.Helper()
	c.Time = c.Time.Add(d)
	c.height = c.LastBlockHeight() + 1
	response, err := c.FinalizeBlock(&abci.RequestFinalizeBlock{Height: c.height, Time: c.Time, Txs: txs, ProposerAddress: proposer})
	require.NoError(c.t, err)
	_, err = c.Commit()
	require.NoError(c.t, err)
	return response
}

// Check hands a transaction to the node, as CometBFT does when it receives one.
func (c *Chain) Check(tx []byte) *abci.ResponseCheckTx { return c.check(tx, abci.CheckTxType_New) }

// Recheck checks a waiting transaction anew, as CometBFT does after each block.
func (c *Chain) Recheck(tx []byte) *abci.ResponseCheckTx {
	return c.check(tx, abci.CheckTxType_Recheck)
}

func (c *Chain) check(tx []byte, kind abci.CheckTxType) *abci.ResponseCheckTx {
	c.t.Helper()
	response, err := c.CheckTx(&abci.RequestCheckTx{Tx: tx, Type: kind})
	require.NoError(c.t, err)
	return response
}

// Context reads the last committed state; what is written to it is lost.
func (c *Chain) Context() sdk.Context { return c.NewContext(true).WithBlockTime(c.Time) }

// Sign returns a transaction of the messages, signed by the account in mode. Each
// call takes the account's next sequence number.
func (c *Chain) Sign(from *Account, mode signing.SignMode, gas uint64, msgs ...sdk.Msg) []byte {
	c.t.Helper()
	config := c.TxConfig()
	builder := config.NewTxBuilder()
	require.NoError(c.t, builder.SetMsgs(msgs...))
	builder.SetGasLimit(gas)
	builder.SetFeeAmount(sdk.NewCoins(sdk.NewInt64Coin(amount.BaseDenom, int64(gas/100)+1)))
	signature := signing.SignatureV2{
		PubKey: from.Key.PubKey(), Data: &signing.SingleSignatureData{SignMode: mode}, Sequence: from.nonce,
	}
	require.NoError(c.t, builder.SetSignatures(signature))
	bytes, err := authsigning.GetSignBytesAdapter(c.t.Context(), config.SignModeHandler(), mode, authsigning.SignerData{
		Address: from.Address.String(), ChainID: ChainID, AccountNumber: from.number, Sequence: from.nonce, PubKey: from.Key.PubKey(),
	}, builder.GetTx())
	require.NoError(c.t, err)
	raw, err := from.Key.Sign(bytes)
	require.NoError(c.t, err)
	signature.Data = &signing.SingleSignatureData{SignMode: mode, Signature: raw}
	require.NoError(c.t, builder.SetSignatures(signature))
	tx, err := config.TxEncoder()(builder.GetTx())
	require.NoError(c.t, err)
	from.nonce++
	return tx
}

// Deliver signs the messages, makes a block of them and requires success.
func (c *Chain) Deliver(from *Account, msgs ...sdk.Msg) *abci.ExecTxResult {
	c.t.Helper()
	response := c.NextBlock(c.Sign(from, signing.SignMode_SIGN_MODE_DIRECT, 1_000_000, msgs...))
	require.Equal(c.t, abci.CodeTypeOK, response.TxResults[0].Code, response.TxResults[0].Log)
	return response.TxResults[0]
}

// SignAgain signs with the sequence number of the account's last transaction.
func (c *Chain) SignAgain(from *Account, mode signing.SignMode, gas uint64, msgs ...sdk.Msg) []byte {
	c.t.Helper()
	from.nonce--
	return c.Sign(from, mode, gas, msgs...)
}
