package app_test

import (
	"encoding/json"
	"math/rand/v2"
	"path/filepath"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"github.com/edgematrix/emc/app/apptest"
	"github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/beacon"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// proposer is the test chain's validator, by its consensus address.
var proposer = ed25519.GenPrivKeyFromSecret([]byte("validator")).PubKey().Address()

// vrf is a beacon key that is the same in every run.
func vrf(t *testing.T, seed byte) beacon.Key {
	t.Helper()
	k, err := beacon.NewKey(rand.NewChaCha8([32]byte{seed}))
	require.NoError(t, err)
	return k
}

// beaconChain is a chain whose validator has registered one key, and whose node
// has another one, or the same, in its home.
func beaconChain(t *testing.T, registered, own *beacon.Key, options map[string]any) *apptest.Chain {
	t.Helper()
	if options == nil {
		options = map[string]any{}
	}
	if own != nil {
		home := t.TempDir()
		require.NoError(t, own.Save(filepath.Join(home, beacon.KeyFile)))
		options["home"] = home
	}
	return apptest.New(t, apptest.Options{AppOptions: options, Genesis: func(state map[string]json.RawMessage) {
		if registered == nil {
			return
		}
		g := poctypes.DefaultGenesis()
		account := apptest.AccountKey(0)
		g.BeaconKeys = []poctypes.BeaconKey{{Validator: sdk.ValAddress(account.PubKey().Address()).String(), Pubkey: registered.PubKey()}}
		state[poctypes.ModuleName] = mustJSON(t, g)
	}})
}

func mustJSON(t *testing.T, g *poctypes.GenesisState) json.RawMessage {
	t.Helper()
	raw, err := apptest.NewApp(t, nil).AppCodec().MarshalJSON(g)
	require.NoError(t, err)
	return raw
}

// propose lets the node propose the next block.
func propose(t *testing.T, c *apptest.Chain, maxBytes int64, txs ...[]byte) [][]byte {
	t.Helper()
	res, err := c.PrepareProposal(&abci.RequestPrepareProposal{
		Height: c.LastBlockHeight() + 1, Time: c.Time, MaxTxBytes: maxBytes, Txs: txs, ProposerAddress: proposer,
	})
	require.NoError(t, err)
	return res.Txs
}

func accepts(t *testing.T, c *apptest.Chain, txs ...[]byte) bool {
	t.Helper()
	res, err := c.ProcessProposal(&abci.RequestProcessProposal{
		Height: c.LastBlockHeight() + 1, Time: c.Time, Txs: txs, ProposerAddress: proposer, Hash: []byte("hash"),
	})
	require.NoError(t, err)
	return res.Status == abci.ResponseProcessProposal_ACCEPT
}

// finish makes the block and returns its beacon.
func finish(t *testing.T, c *apptest.Chain, txs ...[]byte) (poctypes.Beacon, *abci.ResponseFinalizeBlock) {
	t.Helper()
	res := c.NextBlockBy(proposer, txs...)
	b, err := c.PocKeeper.Newest.Get(c.Context())
	require.NoError(t, err)
	require.Equal(t, c.LastBlockHeight(), b.Height)
	return b, res
}

func send(c *apptest.Chain) []byte {
	from := c.Accounts[1]
	return c.Sign(from, signing.SignMode_SIGN_MODE_DIRECT, 200_000,
		banktypes.NewMsgSend(from.Address, c.Accounts[2].Address, sdk.NewCoins(sdk.NewInt64Coin(amount.BaseDenom, 1))))
}

// hungry wants two of so many parts of a block's gas.
func hungry(c *apptest.Chain, parts uint64) []byte { return hungryAs(c, 2*params.BlockMaxGas/parts) }

func hungryAs(c *apptest.Chain, gas uint64) []byte {
	from := c.Accounts[1]
	return c.Sign(from, signing.SignMode_SIGN_MODE_DIRECT, gas,
		banktypes.NewMsgSend(from.Address, c.Accounts[2].Address, sdk.NewCoins(sdk.NewInt64Coin(amount.BaseDenom, 1))))
}

// A proposer's contribution comes first in his block, is checked by the others,
// and goes into the beacon; the transactions behind it are what they were.
func TestProposal(t *testing.T) {
	var results []*abci.ResponseFinalizeBlock
	for _, executor := range []string{"sequential", "block-stm"} {
		t.Run(executor, func(t *testing.T) {
			key := vrf(t, 1)
			c := beaconChain(t, &key, &key, map[string]any{"block-executor": executor})
			tx := send(c)
			txs := propose(t, c, 1<<20, tx)
			require.Len(t, txs, 2)
			proof, ok := beacon.ParseContribution(txs[0])
			require.True(t, ok)
			require.Equal(t, tx, txs[1])
			require.True(t, accepts(t, c, txs...))
			b, res := finish(t, c, txs...)
			output, err := beacon.Verify(key.PubKey(), proof, beacon.HeightInput(apptest.ChainID, b.Height))
			require.NoError(t, err)
			before, err := c.PocKeeper.Beacons.Get(c.Context(), b.Height-1)
			require.NoError(t, err)
			require.Equal(t, beacon.Value(before.Value).Next(output), beacon.Value(b.Value))
			require.NotEmpty(t, b.Contributor)
			require.Equal(t, &abci.ExecTxResult{Log: "the proposer's contribution to the beacon"}, res.TxResults[0], "it is no transaction")
			require.Zero(t, res.TxResults[1].Code, res.TxResults[1].Log)
			results = append(results, res)
		})
	}
	require.Len(t, results, 2)
	require.Equal(t, results[0], results[1], "both executors give the same results and hash")
}

func TestProposalRefused(t *testing.T) {
	key, other := vrf(t, 1), vrf(t, 2)
	c := beaconChain(t, &key, &key, nil)
	height := c.LastBlockHeight() + 1
	good := beacon.Contribution(key.Prove(beacon.HeightInput(apptest.ChainID, height)))
	tx := send(c)
	for name, row := range map[string]struct {
		txs  [][]byte
		want bool
	}{
		"success - with a contribution": {[][]byte{good, tx}, true},
		"success - without one":         {[][]byte{tx}, true},
		"success - an empty block":      {nil, true},
		"error - another's key":         {[][]byte{beacon.Contribution(other.Prove(beacon.HeightInput(apptest.ChainID, height)))}, false},
		"error - another height":        {[][]byte{beacon.Contribution(key.Prove(beacon.HeightInput(apptest.ChainID, height+1)))}, false},
		"error - cut off":               {[][]byte{good[:len(good)-1]}, false},
		"error - twice":                 {[][]byte{good, good}, false},
		"error - not at the beginning":  {[][]byte{tx, good}, false},
		// The two executors would tell different amounts of gas for these.
		"error - no transaction":        {[][]byte{tx, []byte("rubbish")}, false},
		"error - more gas than allowed": {[][]byte{hungry(c, 3), hungry(c, 3)}, false},
		"error - gas that overflows":    {[][]byte{tx, hungryAs(c, 1<<63), hungryAs(c, 1<<63)}, false},
		"success - as much as allowed":  {[][]byte{hungryAs(c, params.BlockMaxGas)}, true},
	} {
		require.Equal(t, row.want, accepts(t, c, row.txs...), name)
	}
	checked, err := c.CheckTx(&abci.RequestCheckTx{Tx: good})
	require.NoError(t, err)
	require.NotZero(t, checked.Code, "it does not enter a mempool")

	none := beaconChain(t, nil, &key, nil)
	require.False(t, accepts(t, none, good), "nobody has registered the key")
}

// Without a key, with another one than is registered, or in a block that is too
// small, a node proposes all the same.
func TestProposalWithout(t *testing.T) {
	key, other := vrf(t, 1), vrf(t, 2)
	for name, row := range map[string]struct {
		registered, own *beacon.Key
		maxBytes        int64
	}{
		"no key in the home": {&key, nil, 1 << 20},
		"another one":        {&key, &other, 1 << 20},
		"not registered":     {nil, &key, 1 << 20},
		"no room":            {&key, &key, 20},
	} {
		t.Run(name, func(t *testing.T) {
			c := beaconChain(t, row.registered, row.own, nil)
			tx := send(c)
			txs := propose(t, c, row.maxBytes, tx)
			if row.maxBytes > 1000 {
				require.Equal(t, [][]byte{tx}, txs)
			} else {
				require.Empty(t, txs)
			}
			require.True(t, accepts(t, c, txs...))
			b, _ := finish(t, c, txs...)
			require.Empty(t, b.Contributor)
		})
	}
}

// The contribution takes its room from the block's.
func TestProposalFits(t *testing.T) {
	key := vrf(t, 1)
	c := beaconChain(t, &key, &key, nil)
	tx := send(c)
	whole := int64(len(tx) + beacon.ContributionSize)
	require.Len(t, propose(t, c, whole+100, tx), 2)
	require.Len(t, propose(t, c, whole, tx), 1, "the contribution alone: its wire overhead counts, too")
}
