package app_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"github.com/edgematrix/emc/app/apptest"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Whoever joins by state sync holds the very state of those whose snapshot it
// was, and goes on with them: every store is in the snapshot.
func TestSnapshot(t *testing.T) {
	c := apptest.New(t, apptest.Options{Snapshots: true, Accounts: 5})
	alice, bob, operator, node := c.Accounts[1], c.Accounts[2], c.Accounts[3], c.Accounts[4]
	offerNode(t, c, operator, node)
	c.Deliver(alice, submitJob(alice.Address))

	height := c.LastBlockHeight()
	taken, err := c.SnapshotManager().Create(uint64(height))
	require.NoError(t, err)
	listed, err := c.ListSnapshots(&abci.RequestListSnapshots{})
	require.NoError(t, err)
	require.Len(t, listed.Snapshots, 1)
	require.EqualValues(t, height, listed.Snapshots[0].Height)
	was, err := c.Info(&abci.RequestInfo{})
	require.NoError(t, err)
	exported, err := c.ExportAppStateAndValidators(false, nil, nil)
	require.NoError(t, err)

	// The chain goes on while others load its snapshot, until the job runs into
	// its time-outs.
	type block struct {
		request abci.RequestFinalizeBlock
		hash    []byte
	}
	var later []block
	for range 30 {
		tx := c.Sign(alice, signing.SignMode_SIGN_MODE_DIRECT, 200_000, banktypes.NewMsgSend(alice.Address, bob.Address, uemc(1)))
		response := c.NextBlockAfter(10*time.Second, tx)
		require.Equal(t, abci.CodeTypeOK, response.TxResults[0].Code, response.TxResults[0].Log)
		later = append(later, block{abci.RequestFinalizeBlock{Height: c.LastBlockHeight(), Time: c.Time, Txs: [][]byte{tx}}, response.AppHash})
	}

	joined := apptest.NewApp(t, nil, apptest.Snapshots(t))
	offered, err := joined.OfferSnapshot(&abci.RequestOfferSnapshot{Snapshot: listed.Snapshots[0], AppHash: was.LastBlockAppHash})
	require.NoError(t, err)
	require.Equal(t, abci.ResponseOfferSnapshot_ACCEPT, offered.Result)
	for i := range taken.Chunks {
		chunk, err := c.LoadSnapshotChunk(&abci.RequestLoadSnapshotChunk{Height: taken.Height, Format: taken.Format, Chunk: i})
		require.NoError(t, err)
		require.NotEmpty(t, chunk.Chunk)
		damaged := bytes.Clone(chunk.Chunk)
		damaged[len(damaged)/2] ^= 1
		for _, try := range []struct {
			chunk []byte
			want  abci.ResponseApplySnapshotChunk_Result
		}{
			{damaged, abci.ResponseApplySnapshotChunk_RETRY}, // from a peer that lies
			{chunk.Chunk, abci.ResponseApplySnapshotChunk_ACCEPT},
		} {
			applied, err := joined.ApplySnapshotChunk(&abci.RequestApplySnapshotChunk{Index: i, Chunk: try.chunk, Sender: "peer"})
			require.NoError(t, err)
			require.Equal(t, try.want, applied.Result)
		}
	}
	is, err := joined.Info(&abci.RequestInfo{})
	require.NoError(t, err)
	require.Equal(t, was, is, "height and app hash")
	again, err := joined.ExportAppStateAndValidators(false, nil, nil)
	require.NoError(t, err)
	require.JSONEq(t, string(exported.AppState), string(again.AppState))
	require.Equal(t, exported.Validators, again.Validators)

	for _, b := range later {
		response, err := joined.FinalizeBlock(&b.request)
		require.NoError(t, err)
		require.Equal(t, b.hash, response.AppHash, "height %d", b.request.Height)
		_, err = joined.Commit()
		require.NoError(t, err)
	}
	require.NoError(t, joined.ComputeKeeper.CheckInvariants(joined.NewContext(true)))
	jobs, err := joined.ComputeKeeper.ExportGenesis(joined.NewContext(true))
	require.NoError(t, err)
	require.Len(t, jobs.Jobs, 1)
	require.True(t, jobs.Jobs[0].Closed(), "its inputs never came: %s", jobs.Jobs[0].Status)
}

// offerNode registers the app of submitJob and a node that serves it.
func offerNode(t *testing.T, c *apptest.Chain, operator, node *apptest.Account) {
	t.Helper()
	c.Deliver(operator, &computetypes.MsgRegisterApp{
		Owner: operator.Address.String(), Id: "charlm", Runtime: computetypes.RuntimeWasm,
		Digest: strings.Repeat("ab", 32), Interface: computetypes.INTERFACE_BATCH,
	})
	signature, err := node.Key.Sign(computetypes.RegistrationBytes(c.ChainID(), operator.Address))
	require.NoError(t, err)
	c.Deliver(operator, &computetypes.MsgRegisterNode{
		Operator: operator.Address.String(), Pubkey: node.Key.PubKey().Bytes(), KeySignature: signature, Role: computetypes.ROLE_COMPUTING,
		Offer: computetypes.Offer{Slots: 2, SlotHourPrice: computetypes.Uemc(math.NewInt(360_000)), Runtimes: []string{computetypes.RuntimeWasm}},
	})
	c.Deliver(node, &computetypes.MsgReportStatus{Node: node.Address.String(), Accepting: true})
}
