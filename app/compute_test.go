package app_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/server"
	serverconfig "github.com/cosmos/cosmos-sdk/server/config"
	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"

	"github.com/edgematrix/emc/app/apptest"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Blocks full of jobs that compete for the same slots come to the same hash
// whether they are executed one after the other or in parallel, and every
// invariant holds.
func TestExecutorsAgreeOnJobs(t *testing.T) {
	hashes := map[string][]string{}
	for _, executor := range []string{serverconfig.BlockExecutorSequential, serverconfig.BlockExecutorBlockSTM} {
		c := apptest.New(t, apptest.Options{
			Accounts:   14,
			AppOptions: map[string]any{server.FlagBlockExecutor: executor, server.FlagBlockSTMWorkers: 4},
		})
		note := func(r *abci.ResponseFinalizeBlock) {
			hashes[executor] = append(hashes[executor], fmt.Sprintf("%x", r.AppHash))
			require.NoError(t, c.ComputeKeeper.CheckInvariants(c.Context()))
		}
		operator, nodes, customers := c.Accounts[1], c.Accounts[2:5], c.Accounts[5:]
		market(t, c, operator, nodes)
		placed, refused := 0, 0
		for range 3 {
			var txs [][]byte
			for _, customer := range customers {
				txs = append(txs, c.Sign(customer, signing.SignMode_SIGN_MODE_DIRECT, 400_000, submitJob(customer.Address)))
			}
			response := c.NextBlock(txs...)
			for _, result := range response.TxResults {
				if result.Code == abci.CodeTypeOK {
					placed++
				} else {
					require.Contains(t, result.Log, "no node that serves app charlm")
					refused++
				}
			}
			note(response)
		}
		require.Equal(t, 6, placed, "three nodes with two slots each")
		require.NotZero(t, refused)
		for range 3 * 7 { // the time-outs, one after the other
			note(c.NextBlockAfter(10 * time.Second))
		}
	}
	require.Equal(t, hashes[serverconfig.BlockExecutorSequential], hashes[serverconfig.BlockExecutorBlockSTM])
}

// market registers an app and nodes with two slots each, which are online.
func market(t *testing.T, c *apptest.Chain, operator *apptest.Account, nodes []*apptest.Account) {
	t.Helper()
	c.Deliver(operator, &computetypes.MsgRegisterApp{
		Owner: operator.Address.String(), Id: "charlm", Runtime: computetypes.RuntimeWasm,
		Digest: strings.Repeat("ab", 32), Interface: computetypes.INTERFACE_BATCH,
	})
	for i, node := range nodes {
		signature, err := node.Key.Sign(computetypes.RegistrationBytes(c.ChainID(), operator.Address))
		require.NoError(t, err)
		c.Deliver(operator, &computetypes.MsgRegisterNode{
			Operator: operator.Address.String(), Pubkey: node.Key.PubKey().Bytes(), KeySignature: signature, Role: computetypes.ROLE_COMPUTING,
			Offer: computetypes.Offer{Slots: 2, SlotHourPrice: computetypes.Uemc(math.NewInt(int64(360_000 + i))), Runtimes: []string{computetypes.RuntimeWasm}},
		})
		c.Deliver(node, &computetypes.MsgReportStatus{Node: node.Address.String(), Accepting: true})
	}
}

// The network stands still for an hour while a job waits for its node, and goes
// on as if nothing had been: the node still takes the job, and is paid.
func TestNetworkStandsStill(t *testing.T) {
	c := apptest.New(t, apptest.Options{Accounts: 4})
	node, customer := c.Accounts[2], c.Accounts[3]
	market(t, c, c.Accounts[1], c.Accounts[2:3])
	c.Deliver(customer, submitJob(customer.Address))
	id := computetypes.JobID(customer.Address, 0)
	for range 5 {
		c.NextBlockAfter(10 * time.Second) // 10 of its 60 seconds are left
	}
	c.NextBlockAfter(time.Hour)
	for range 5 {
		c.NextBlockAfter(10 * time.Second)
	}
	job, err := c.ComputeKeeper.Job(c.Context(), id)
	require.NoError(t, err)
	require.Equal(t, computetypes.JOB_STATUS_SCHEDULED, job.Status, job.Reason)
	c.Deliver(node, &computetypes.MsgAcknowledgeJob{Node: node.Address.String(), Job: id, InputsReceived: true})
	c.Deliver(node, &computetypes.MsgStartJob{Node: node.Address.String(), Job: id})
	require.NoError(t, c.ComputeKeeper.CheckInvariants(c.Context()))
}

func submitJob(customer sdk.AccAddress) *computetypes.MsgSubmitJob {
	return &computetypes.MsgSubmitJob{
		Customer: customer.String(), App: "charlm", MaxSeconds: 60, MaxPrice: computetypes.Uemc(math.NewInt(10_000)),
		Requirements: computetypes.Requirements{MinStake: math.ZeroInt()},
		SpecDigest:   bytes.Repeat([]byte{1}, 32), InputsDigest: bytes.Repeat([]byte{2}, 32),
		AccessKey: append([]byte{2}, bytes.Repeat([]byte{3}, 32)...),
	}
}
