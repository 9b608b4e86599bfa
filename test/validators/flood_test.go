package validators

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/operator"
	"github.com/edgematrix/emc/test/e2e/rig"
)

// floodGas is what each transaction of the flood asks for: five fill a block.
const floodGas = 20_000_000

// A flood of ordinary transactions fills every block of some windows, with
// hundreds more waiting. Commitments and proofs get in all the same: nobody is
// silent, and nobody misses a window. It runs alone: a prover that has to wait for
// a processor misses windows, whatever else the blocks are full of.
func TestProofsThroughAFlood(t *testing.T) {
	n := network(t, Options{Validators: 1, Commit: 500 * time.Millisecond, Genesis: quickWindows})
	node := n.Nodes[0]
	workers, err := n.Prove(t.Context(), node)
	for _, w := range workers {
		t.Cleanup(w.Kill)
	}
	require.NoError(t, err)
	money, err := rig.NewMoney(t.Context(), node.Network)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	f := &flood{node: node}
	ended := make(chan error, 1)
	go func() { ended <- f.run(ctx) }()
	require.NoError(t, rig.Eventually(t.Context(), 2*time.Minute, "a hundred transactions wait", func() (bool, error) { return f.sent.Load() > 300, nil }))

	for proved := 0; proved < 2; {
		now, err := node.Height(t.Context())
		require.NoError(t, err)
		w, err := node.WaitWindow(t.Context(), 0, 5*time.Minute, func(w rig.Window) bool { return int64(w.Height) > now })
		require.NoError(t, err)
		w, err = node.WaitWindow(t.Context(), int64(w.Height), 5*time.Minute, func(w rig.Window) bool { return w.Phase == rig.WindowClosed || w.Phase == rig.WindowVoid })
		require.NoError(t, err)
		if w.Phase == rig.WindowVoid { // a machine too slow for its own blocks
			t.Logf("window %d: %s", w.Height, w.Void)
			continue
		}
		require.EqualValues(t, []int64{1, 1, 0}, []int64{int64(w.Commits), int64(w.Proved), int64(w.Silent)}, "window %d", w.Height)
		for height := int64(w.Height) + 1; height <= int64(w.ClosesAt)+2; height++ {
			wanted, err := node.gasWanted(t.Context(), height)
			require.NoError(t, err)
			require.Greater(t, wanted, int64(100_000_000-floodGas-2_000_000), "block %d is full", height)
		}
		proved++
	}
	stop()
	require.NoError(t, <-ended)
	require.NoError(t, money.Check(t.Context()))
	t.Logf("%d transactions of %d gas were sent", f.sent.Load(), floodGas)
}

// gasWanted is what the transactions of a block asked for.
func (n *Node) gasWanted(ctx context.Context, height int64) (sum int64, err error) {
	var answer struct {
		Txs []struct {
			GasWanted rig.Int `json:"gas_wanted"`
		} `json:"txs_results"`
	}
	err = n.rpc(ctx, fmt.Sprintf("block_results?height=%d", height), &answer)
	for _, tx := range answer.Txs {
		sum += int64(tx.GasWanted)
	}
	return sum, err
}

// flood is one account that sends as fast as its node takes.
type flood struct {
	node *Node
	sent atomic.Int64
}

func (f *flood) run(ctx context.Context) error {
	chain, err := chainclient.New(chainclient.Config{RPC: f.node.RPC, ChainID: f.node.ChainID})
	if err != nil {
		return err
	}
	ring, err := operator.OpenKeyring("test", f.node.Home, os.Stdin, chain.Codec)
	if err != nil {
		return err
	}
	signer, err := chainclient.NewKeyringSigner(ring, f.node.Name)
	if err != nil {
		return err
	}
	from := chainclient.Address(signer)
	account, err := chain.Account(ctx, from.String())
	if err != nil {
		return err
	}
	coins := func(amount int64) sdk.Coins { return sdk.NewCoins(sdk.NewCoin("uemc", math.NewInt(amount))) }
	for ctx.Err() == nil {
		if f.send(ctx, chain, signer, chainclient.Draft{
			Messages: []sdk.Msg{banktypes.NewMsgSend(from, from, coins(1))}, Gas: floodGas, Fee: coins(floodGas/100 + 1), Account: account,
		}) != nil { // full: what is ordinary waits
			pause(ctx, 100*time.Millisecond)
			continue
		}
		account.Sequence++
		f.sent.Add(1)
		if f.sent.Load() > 1_000 { // enough wait; now as many as blocks take
			pause(ctx, 50*time.Millisecond)
		}
	}
	return nil
}

func (f *flood) send(ctx context.Context, chain *chainclient.Client, signer chainclient.Signer, d chainclient.Draft) error {
	tx, err := chain.Sign(ctx, d, signer)
	if err != nil {
		return err
	}
	return chain.Broadcast(ctx, tx)
}
