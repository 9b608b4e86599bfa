package app_test

import (
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/baseapp"
	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkmempool "github.com/cosmos/cosmos-sdk/types/mempool"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"github.com/edgematrix/emc/app/apptest"
	"github.com/edgematrix/emc/app/mempool"
	"github.com/edgematrix/emc/pkg/amount"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// waiting is how many transactions each measurement has.
const waiting = 5_000

type decoded struct {
	ctx sdk.Context
	raw []byte
	tx  sdk.Tx
}

// crowd is a chain with so many transactions, of as many nodes or of one stranger.
func crowd(b *testing.B, ofNodes bool) (*apptest.Chain, *mempool.Pool, []decoded) {
	b.Helper()
	accounts := 3
	if ofNodes {
		accounts = waiting
	}
	c := apptest.New(b, apptest.Options{Accounts: accounts})
	ctx := c.Context()
	txs := make([]decoded, waiting)
	for i := range txs {
		var raw []byte
		if ofNodes {
			node := c.Accounts[i]
			raw = commit(c, node)
			require.NoError(b, c.ComputeKeeper.Nodes.Set(ctx, node.Address, computetypes.Node{Address: node.Address.String()}))
		} else {
			raw = c.Sign(c.Accounts[1], signing.SignMode_SIGN_MODE_DIRECT, 80_000, sendMsg(c.Accounts[1], c.Accounts[2]))
		}
		tx, err := c.TxConfig().TxDecoder()(raw)
		require.NoError(b, err)
		txs[i] = decoded{ctx.WithTxBytes(raw), raw, tx}
	}
	pool, ok := c.Mempool().(*mempool.Pool)
	require.True(b, ok)
	return c, pool, txs
}

func insert(b *testing.B, pool *mempool.Pool, txs []decoded) {
	b.Helper()
	for _, t := range txs {
		ctx, err := pool.Room(t.ctx, t.tx)
		if err != nil {
			b.Fatal(err)
		}
		if err := pool.Insert(ctx, t.tx, sdkmempool.InsertOption{}); err != nil {
			b.Fatal(err)
		}
	}
}

// What the pool adds to the checks of 5,000 transactions, and to a block of them.
func BenchmarkInsert(b *testing.B) {
	for name, ofNodes := range map[string]bool{"ordinary": false, "proofs": true} {
		_, pool, txs := crowd(b, ofNodes)
		raws := make([][]byte, len(txs))
		for i, t := range txs {
			raws[i] = t.raw
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				insert(b, pool, txs)
				pool.Executed(1, raws)
			}
		})
		require.Zero(b, pool.CountTx())
	}
}

// A proposal while 5,000 transactions wait: ours, and the SDK's without a mempool
// of the application, which was in its place before.
func BenchmarkPrepare(b *testing.B) {
	request := func(c *apptest.Chain, raws [][]byte) *abci.RequestPrepareProposal {
		return &abci.RequestPrepareProposal{Height: c.LastBlockHeight() + 1, Time: c.Time, MaxTxBytes: 2 << 20, Txs: raws, ProposerAddress: proposer}
	}
	run := func(b *testing.B, c *apptest.Chain, raws [][]byte) {
		b.Helper()
		for b.Loop() {
			res, err := c.PrepareProposal(request(c, raws))
			require.NoError(b, err)
			require.NotEmpty(b, res.Txs)
			b.ReportMetric(float64(len(res.Txs)), "txs")
		}
	}
	c, pool, txs := crowd(b, false)
	raws := make([][]byte, len(txs))
	for i, t := range txs {
		raws[i] = t.raw
	}
	block := raws[:1_250] // as many as the block's gas allows are handed over
	b.Run("before", func(b *testing.B) {
		handler := baseapp.NewDefaultProposalHandler(sdkmempool.NoOpMempool{}, c.App).PrepareProposalHandler()
		for b.Loop() {
			res, err := handler(c.Context(), request(c, block))
			require.NoError(b, err)
			b.ReportMetric(float64(len(res.Txs)), "txs")
		}
	})
	b.Run("unknown", func(b *testing.B) { run(b, c, block) })
	insert(b, pool, txs)
	b.Run("ordinary", func(b *testing.B) { run(b, c, block) })
	b.Run("ordinary-all", func(b *testing.B) { run(b, c, raws) })

	c, pool, proofs := crowd(b, true)
	insert(b, pool, proofs)
	b.Run("proofs", func(b *testing.B) { run(b, c, nil) })
}

// BenchmarkRound is the whole way of transfers through one node but for
// consensus and disk: they arrive, a block of them is proposed, checked and executed.
func BenchmarkRound(b *testing.B) {
	const block = 1_000
	c := apptest.New(b, apptest.Options{})
	from, to := c.Accounts[1], c.Accounts[2]
	for b.Loop() {
		b.StopTimer()
		raws := make([][]byte, block)
		for i := range raws {
			raws[i] = c.Sign(from, signing.SignMode_SIGN_MODE_DIRECT, 90_000,
				banktypes.NewMsgSend(from.Address, to.Address, sdk.NewCoins(sdk.NewInt64Coin(amount.BaseDenom, 1))))
		}
		b.StartTimer()
		for _, raw := range raws {
			res, err := c.CheckTx(&abci.RequestCheckTx{Tx: raw})
			require.NoError(b, err)
			require.Zero(b, res.Code, res.Log)
		}
		res, err := c.PrepareProposal(&abci.RequestPrepareProposal{Height: c.LastBlockHeight() + 1, Time: c.Time, MaxTxBytes: 2 << 20, Txs: raws, ProposerAddress: proposer})
		require.NoError(b, err)
		require.Len(b, res.Txs, block)
		_, err = c.ProcessProposal(&abci.RequestProcessProposal{Height: c.LastBlockHeight() + 1, Time: c.Time, Txs: res.Txs, ProposerAddress: proposer, Hash: []byte("hash")})
		require.NoError(b, err)
		c.NextBlockBy(proposer, res.Txs...)
	}
	b.ReportMetric(float64(block)*float64(b.N)/b.Elapsed().Seconds(), "tx/s")
}
