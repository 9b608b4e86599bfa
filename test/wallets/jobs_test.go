package wallets

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/test/e2e/rig"
	"github.com/edgematrix/emc/x/compute/types"
)

func uemc(amount int64) sdk.Coin { return sdk.NewInt64Coin("uemc", amount) }

// bond is what the nodes here have at stake.
const bond = 20_000_000

var digest = bytes.Repeat([]byte{7}, 32)

// node is a registered node with stake, and the wallets of its operator and itself.
type node struct {
	operator, key *key
}

func (n node) address() string { return n.key.address.String() }

func offer(runtime string) types.Offer {
	return types.Offer{
		Hardware: types.Hardware{CpuModel: awkward, CpuCores: 4, MemoryBytes: 8 << 30, Gpus: []types.Gpu{
			{Model: "H200", UuidHash: strings.Repeat("0f", 32), MemoryBytes: 141 << 30, ComputeCapability: "9.0"},
		}},
		Region: "DE-BE", Slots: 2, SlotHourPrice: uemc(1_000_000), Runtimes: []string{runtime},
	}
}

// newNode registers a node, with the messages that this takes.
func (s *site) newNode(t *testing.T, mode string) node {
	t.Helper()
	n := node{s.borrow(t), s.borrow(t)}
	signature, err := n.key.secret.Sign(types.RegistrationBytes(chainID, n.operator.address))
	require.NoError(t, err)
	operator := n.operator.address.String()
	s.must(t, n.operator, mode, &types.MsgRegisterNode{
		Operator: operator, Pubkey: n.key.secret.PubKey().Bytes(), KeySignature: signature, Role: types.ROLE_COMPUTING, Offer: offer(types.RuntimeWasm),
	})
	s.must(t, n.operator, mode, &types.MsgStake{Operator: operator, Node: n.address(), Amount: uemc(bond)})
	return n
}

// leave takes a node out; the wallets can be used again.
func (s *site) leave(t *testing.T, mode string, n node) {
	t.Helper()
	s.must(t, n.operator, mode, &types.MsgUnstake{Operator: n.operator.address.String(), Node: n.address(), Amount: uemc(bond / 4)})
	s.must(t, n.operator, mode, &types.MsgRetireNode{Operator: n.operator.address.String(), Node: n.address(), WhenIdle: true})
}

// testJobs plays all that customers and nodes do with jobs.
func (s *site) testJobs(t *testing.T, mode string) {
	n, customer := s.newNode(t, mode), s.borrow(t)
	owner, app := customer.address.String(), "app-"+mode
	entry := types.MsgRegisterApp{
		Owner: owner, Id: app, Runtime: types.RuntimeWasm, Digest: strings.Repeat("ab", 32), Interface: types.INTERFACE_BATCH, MinMemoryBytes: 1 << 20,
		Unit: "token", Comparison: types.COMPARISON_EXACT, Description: awkward,
	}
	s.must(t, customer, mode, &entry)
	update := types.MsgUpdateApp(entry)
	update.Comparison, update.Description = types.COMPARISON_NONE, ""
	s.must(t, customer, mode, &update)
	s.must(t, n.key, mode, &types.MsgReportStatus{Node: n.address(), Endpoints: []string{"/ip4/203.0.113.7/tcp/4600"}, Accepting: true})
	changed := offer(types.RuntimeWasm)
	changed.Hardware.Gpus = nil
	s.must(t, n.operator, mode, &types.MsgUpdateNode{Operator: n.operator.address.String(), Node: n.address(), Offer: changed})

	submit := func(requirements types.Requirements) string {
		s.must(t, customer, mode, &types.MsgSubmitJob{
			Customer: owner, App: app, Node: n.address(), Requirements: requirements, MaxSeconds: 60, MaxPrice: uemc(1_000_000),
			SpecDigest: digest, InputsDigest: digest, AccessKey: customer.secret.PubKey().Bytes(),
		})
		jobs, err := s.net.CustomerJobs(t.Context(), owner, 0)
		require.NoError(t, err)
		for _, j := range jobs {
			if j.Status == rig.Scheduled {
				return j.ID
			}
		}
		t.Fatalf("none of the jobs is scheduled: %v", jobs)
		return ""
	}
	job := submit(types.Requirements{MinStake: math.NewInt(bond), Region: "DE", CpuCores: 1})
	s.must(t, n.key, mode, &types.MsgAcknowledgeJob{Node: n.address(), Job: job, InputsReceived: true})
	s.must(t, n.key, mode, &types.MsgStartJob{Node: n.address(), Job: job})
	s.must(t, n.key, mode, &types.MsgSubmitReceipt{Node: n.address(), Job: job, Receipt: types.Receipt{
		Reason: types.EXIT_REASON_EXITED, ExitCode: -1, ResultDigest: digest, LogDigest: digest, Usage: types.Usage{WallMilliseconds: 1},
	}})
	s.must(t, customer, mode, &types.MsgAcceptResult{Customer: owner, Job: job})
	_, err := s.net.WaitJob(t.Context(), job, 20*time.Second, rig.Completed)
	require.NoError(t, err)

	s.must(t, customer, mode, &types.MsgCancelJob{Customer: owner, Job: submit(types.Requirements{MinStake: math.ZeroInt()})})
	s.must(t, n.key, mode, &types.MsgDeclineJob{Node: n.address(), Job: submit(types.Requirements{MinStake: math.ZeroInt()}), Reason: awkward})
	s.leave(t, mode, n)
}
