package app_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"sync"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
	sdkmempool "github.com/cosmos/cosmos-sdk/types/mempool"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"github.com/edgematrix/emc/app/apptest"
	"github.com/edgematrix/emc/app/mempool"
	"github.com/edgematrix/emc/app/params"
	"github.com/edgematrix/emc/pkg/amount"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// flooded is a chain on which accounts 4 and up are nodes, in the middle of a long window.
func flooded(t *testing.T, nodes int, options map[string]any) (*apptest.Chain, *mempool.Pool) {
	t.Helper()
	c := apptest.New(t, apptest.Options{Accounts: 4 + nodes, AppOptions: options, Genesis: func(state map[string]json.RawMessage) {
		g := poctypes.DefaultGenesis()
		g.Windows = []poctypes.Window{{
			Height: 1, Phase: poctypes.PHASE_OPEN, Beacon: make([]byte, 32), ClosesAt: 1_000,
			Minted: math.ZeroInt(), MintedValidators: math.ZeroInt(), Paid: math.ZeroInt(),
		}}
		state[poctypes.ModuleName] = mustJSON(t, g)
	}})
	market(t, c, c.Accounts[3], c.Accounts[4:])
	pool, ok := c.Mempool().(*mempool.Pool)
	require.True(t, ok)
	require.Zero(t, pool.CountTx(), "what a block holds does not wait")
	return c, pool
}

const proofGas = 100_000

func commit(c *apptest.Chain, node *apptest.Account) []byte {
	return c.Sign(node, signing.SignMode_SIGN_MODE_DIRECT, proofGas,
		&poctypes.MsgCommitProof{Node: node.Address.String(), Window: 1, Kind: 1, Log2N: 10, Rounds: 1, Root: bytes.Repeat([]byte{1}, 32)})
}

func status(c *apptest.Chain, node *apptest.Account) []byte {
	return c.Sign(node, signing.SignMode_SIGN_MODE_DIRECT, proofGas, &computetypes.MsgReportStatus{Node: node.Address.String(), Accepting: true})
}

// arrive checks transactions and requires that all are taken.
func arrive(t *testing.T, c *apptest.Chain, txs ...[]byte) {
	t.Helper()
	for _, tx := range txs {
		r := c.Check(tx)
		require.Zero(t, r.Code, r.Log)
	}
}

func sendMsg(from, to *apptest.Account) sdk.Msg {
	return banktypes.NewMsgSend(from.Address, to.Address, sdk.NewCoins(sdk.NewInt64Coin(amount.BaseDenom, 1)))
}

func sends(c *apptest.Chain, n int) [][]byte {
	txs := make([][]byte, n)
	for i := range txs {
		txs[i] = send(c)
	}
	return txs
}

// Ordinary transactions fill every block. Proofs that arrive last stand in the
// next one all the same, then what nodes say of their work, then the others in
// their order; both executors come to the same.
func TestProofsThroughFlood(t *testing.T) {
	var results []*abci.ResponseFinalizeBlock
	for _, executor := range []string{"sequential", "block-stm"} {
		c, pool := flooded(t, 2, map[string]any{"block-executor": executor})
		ordinary := sends(c, 40)
		arrive(t, c, ordinary...)
		work := status(c, c.Accounts[4])
		proof := commit(c, c.Accounts[5])
		arrive(t, c, work, proof)
		require.Equal(t, []int{1, 1, 40}, []int{pool.Count(mempool.Proof), pool.Count(mempool.Work), pool.Count(mempool.Ordinary)})

		maxBytes := int64(10 * (len(ordinary[0]) + 3))
		txs := propose(t, c, maxBytes, ordinary[:10]...) // CometBFT hands over as many as a block holds
		require.Equal(t, [][]byte{proof, work}, txs[:2])
		require.Equal(t, ordinary[:len(txs)-2], txs[2:])
		require.GreaterOrEqual(t, len(txs), 9)
		size := int64(0)
		for _, tx := range txs {
			size += int64(len(tx)) + 3
		}
		require.LessOrEqual(t, size, maxBytes)
		require.True(t, accepts(t, c, txs...))
		require.True(t, accepts(t, c, append(slices.Clone(txs[2:]), txs[:2]...)...), "the order is not required")

		results = append(results, c.NextBlockBy(proposer, txs...))
		require.Equal(t, []int{0, 0, 42 - len(txs)}, []int{pool.Count(mempool.Proof), pool.Count(mempool.Work), pool.Count(mempool.Ordinary)})
	}
	require.Equal(t, results[0], results[1])
}

// What is taken ahead and handed over, too, stands in the block once.
func TestProofsOnce(t *testing.T) {
	c, _ := flooded(t, 1, nil)
	ordinary, proof := send(c), commit(c, c.Accounts[4])
	arrive(t, c, ordinary, proof)
	require.Equal(t, [][]byte{proof, ordinary}, propose(t, c, 1<<20, ordinary, proof))
}

// Proofs and work together take no more than their share, of bytes and of gas.
// What is beyond it keeps its place among the others.
func TestShareOfProofs(t *testing.T) {
	c, _ := flooded(t, 6, nil)
	ordinary := sends(c, 12)
	arrive(t, c, ordinary...)
	var proofs [][]byte
	for _, node := range c.Accounts[4:] {
		proofs = append(proofs, commit(c, node))
	}
	arrive(t, c, proofs...)
	p, err := c.PocKeeper.Params.Get(c.Context())
	require.NoError(t, err)
	require.EqualValues(t, 5_000, p.ProofBlockBps)

	maxBytes := int64(6 * (len(proofs[0]) + 3)) // half of it is three proofs
	txs := propose(t, c, maxBytes, ordinary...)
	require.Equal(t, proofs[:3], txs[:3])
	require.Equal(t, ordinary[:len(txs)-3], txs[3:])
	require.NotEmpty(t, txs[3:])

	heavy := func(node *apptest.Account, parts uint64) []byte {
		return c.Sign(node, signing.SignMode_SIGN_MODE_DIRECT, params.BlockMaxGas/parts, &computetypes.MsgReportStatus{Node: node.Address.String(), Accepting: true})
	}
	c, _ = flooded(t, 5, nil)
	var work [][]byte
	for _, node := range c.Accounts[4:] {
		work = append(work, heavy(node, 5)) // half of the gas is two and a half
	}
	arrive(t, c, work...)
	ordinary = [][]byte{hungry(c, 8), hungry(c, 8), hungry(c, 8)} // a quarter each
	arrive(t, c, ordinary...)
	txs = propose(t, c, 1<<20, ordinary...)
	require.Equal(t, append(slices.Clone(work[:2]), ordinary[:2]...), txs)
	require.True(t, accepts(t, c, txs...))
}

// A transaction is taken ahead only where its sequence is due.
func TestSequenceOfProofs(t *testing.T) {
	c, _ := flooded(t, 2, nil)
	a, b := c.Accounts[4], c.Accounts[5]
	a1, a2, a3 := commit(c, a), commit(c, a), status(c, a)
	move := c.Sign(b, signing.SignMode_SIGN_MODE_DIRECT, proofGas, sendMsg(b, a))
	b2 := commit(c, b)
	arrive(t, c, a1, a2, a3, move, b2)
	require.Equal(t, [][]byte{a1, a2, a3}, propose(t, c, 1<<20), "b's proof waits for b's transfer")
	txs := propose(t, c, 1<<20, a1, a2, a3, move, b2)
	require.Equal(t, [][]byte{a1, a2, a3, move, b2}, txs)
	for _, result := range c.NextBlockBy(proposer, txs...).TxResults {
		require.NotContains(t, result.Log, "sequence")
	}
}

// Only a registered node's own messages are urgent, and only a few of each.
func TestUrgent(t *testing.T) {
	c, pool := flooded(t, 2, nil)
	stranger, node := c.Accounts[1], c.Accounts[4]
	mixed := c.Sign(node, signing.SignMode_SIGN_MODE_DIRECT, 2*proofGas,
		&computetypes.MsgReportStatus{Node: node.Address.String(), Accepting: true}, sendMsg(node, stranger))
	arrive(t, c, status(c, stranger), mixed)
	require.Contains(t, c.Check(commit(c, stranger)).Log, "not registered", "a stranger's proof has no chance, and takes no place")
	require.Equal(t, 2, pool.Count(mempool.Ordinary))
	proofs := make([][]byte, 7)
	for i := range proofs {
		proofs[i] = commit(c, c.Accounts[5])
	}
	arrive(t, c, proofs[:6]...)
	require.Equal(t, []int{4, 0, 4}, []int{pool.Count(mempool.Proof), pool.Count(mempool.Work), pool.Count(mempool.Ordinary)})
	pool.Executed(c.LastBlockHeight(), proofs[:2])
	arrive(t, c, proofs[6])
	require.Equal(t, 3, pool.Count(mempool.Proof), "their places are free again")
}

// When ordinary transactions have filled their part of the mempool, another one
// is refused in words, and proofs are not. The refusal leaves no trace.
func TestMempoolFull(t *testing.T) {
	for name, options := range map[string]map[string]any{
		"of transactions": {"mempool.size": 8},
		"of bytes":        {"mempool.max_txs_bytes": 8 * 330},
	} {
		t.Run(name, func(t *testing.T) {
			c, pool := flooded(t, 1, options)
			waiting := sends(c, 6)
			arrive(t, c, waiting...)
			late := send(c)
			for range 2 {
				refused := c.Check(late)
				require.Equal(t, sdkerrors.ErrMempoolIsFull.ABCICode(), refused.Code, refused.Log)
				require.Contains(t, refused.Log, "the mempool is full of ordinary transactions: ")
				require.Contains(t, refused.Log, "try again in a few seconds")
			}
			arrive(t, c, status(c, c.Accounts[4]), commit(c, c.Accounts[4]))
			pool.Executed(c.LastBlockHeight(), waiting[:1])
			arrive(t, c, late)
		})
	}
}

// The count of what waits goes down with everything that CometBFT drops, too:
// what failed in a block before its fee was taken, and what fails another check.
func TestNothingLeaks(t *testing.T) {
	c, pool := flooded(t, 1, nil)
	node := c.Accounts[4]
	proof := commit(c, node)
	arrive(t, c, proof)
	ordinary := sends(c, 3)
	arrive(t, c, ordinary...)
	broken := slices.Clone(ordinary[2])
	broken[len(broken)-1] ^= 1
	response := c.NextBlock(ordinary[0], ordinary[2]) // its sequence is not due
	require.NotZero(t, response.TxResults[1].Code)
	require.Equal(t, 1, pool.Count(mempool.Ordinary))

	require.Zero(t, c.Recheck(proof).Code)
	require.Zero(t, c.Recheck(ordinary[1]).Code)
	require.Equal(t, 2, pool.CountTx())

	// The node's next sequence is used up by something that came another way.
	other, err := c.TxConfig().TxDecoder()(proof)
	require.NoError(t, err)
	c.NextBlock(c.SignAgain(node, signing.SignMode_SIGN_MODE_DIRECT, 2*proofGas, other.GetMsgs()...), ordinary[1])
	require.NotZero(t, c.Recheck(proof).Code)
	require.Zero(t, pool.CountTx())
	require.NotZero(t, c.Check(broken).Code)
	require.Zero(t, pool.CountTx(), "what fails its checks never counted")
}

// What gives no sign of life is forgotten, what is checked anew is not.
func TestForgotten(t *testing.T) {
	c, pool := flooded(t, 2, nil)
	alive, lost := commit(c, c.Accounts[4]), commit(c, c.Accounts[5])
	arrive(t, c, alive, lost)
	for range 90 {
		c.NextBlock()
	}
	require.Equal(t, 2, pool.CountTx())
	require.Zero(t, c.Recheck(alive).Code)
	for range 40 {
		c.NextBlock()
	}
	require.Equal(t, 1, pool.CountTx())
	require.Equal(t, [][]byte{alive}, propose(t, c, 1<<20))
}

// Everything is done at the same time; no count goes wrong.
func TestPoolParallel(t *testing.T) {
	c, pool := flooded(t, 4, nil)
	type one struct {
		raw []byte
		tx  sdk.Tx
	}
	var all []one
	for _, node := range c.Accounts[4:] {
		for i := range 8 {
			raw := commit(c, node)
			if i%2 == 1 {
				raw = status(c, node)
			}
			tx, err := c.TxConfig().TxDecoder()(raw)
			require.NoError(t, err)
			all = append(all, one{raw, tx})
		}
	}
	ctx := c.Context()
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for round := range 50 {
				o := all[(worker*7+round*3)%len(all)]
				own, _ := ctx.WithTxBytes(o.raw).CacheContext()
				own, _ = pool.Room(own, o.tx)
				_ = pool.Insert(own, o.tx, sdkmempool.InsertOption{GasWanted: proofGas})
				pool.Keep(own)
				pool.Gas(o.raw)
				pool.Urgent(mempool.Proof)
				if round%3 == 0 {
					_ = pool.RemoveWithReason(own, o.tx, sdkmempool.RemoveReason{Caller: sdkmempool.CallerRunTxRecheck})
				}
				if round%5 == 0 {
					pool.Executed(int64(round), [][]byte{o.raw})
				}
			}
		})
	}
	group.Wait()
	sum := pool.Count(mempool.Proof) + pool.Count(mempool.Work) + pool.Count(mempool.Ordinary)
	require.Equal(t, pool.CountTx(), sum)
	require.Len(t, pool.Urgent(mempool.Proof), pool.Count(mempool.Proof))
	for _, o := range all {
		require.NoError(t, pool.Remove(o.tx))
	}
	require.Zero(t, pool.CountTx())
	require.Empty(t, pool.Urgent(mempool.Work))
}
