package keeper_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

func (s *scene) submission() *types.MsgSubmitSessionJob {
	return &types.MsgSubmitSessionJob{
		Customer: s.owner.String(), Session: s.session, App: "charlm", MaxSeconds: 1_000, MaxPrice: coin(1_000_000),
		Requirements: computetypes.Requirements{MinStake: math.ZeroInt()},
		SpecDigest:   bytes.Repeat([]byte{1}, 32), InputsDigest: bytes.Repeat([]byte{2}, 32), AccessKey: key("access").PubKey().Bytes(),
	}
}

func (s *scene) submit(m *types.MsgSubmitSessionJob) (*types.MsgSubmitSessionJobResponse, error) {
	s.t.Helper()
	return atomically(s.fixture, func(ctx sdk.Context) (*types.MsgSubmitSessionJobResponse, error) {
		return s.msg.SubmitSessionJob(ctx, m)
	})
}

// run brings a job to its end after 100 seconds at an hour's price of 3.6 EMC.
func (s *scene) run(job, node string) {
	s.t.Helper()
	_, err := s.nodes.AcknowledgeJob(s.ctx, &computetypes.MsgAcknowledgeJob{Node: node, Job: job, InputsReceived: true})
	require.NoError(s.t, err)
	_, err = s.nodes.StartJob(s.ctx, &computetypes.MsgStartJob{Node: node, Job: job})
	require.NoError(s.t, err)
	s.pass(100)
	_, err = s.nodes.SubmitReceipt(s.ctx, &computetypes.MsgSubmitReceipt{Node: node, Job: job, Receipt: computetypes.Receipt{
		Reason: computetypes.EXIT_REASON_EXITED, ResultDigest: bytes.Repeat([]byte{3}, 32), LogDigest: bytes.Repeat([]byte{4}, 32),
		Usage: computetypes.Usage{WallMilliseconds: 100_000},
	}})
	require.NoError(s.t, err)
}

func TestSessionJob(t *testing.T) {
	s := newScene(newFixture(t))
	s.app(s.mining)
	wallet, miner := s.balance(s.owner), s.balance(s.mining)
	job, err := s.submit(s.submission())
	require.NoError(t, err)
	require.Equal(t, wallet, s.balance(s.owner), "the wallet pays nothing")
	require.Equal(t, int64(deposit-1_000_000), s.balance(types.SessionEscrow(s.session)))
	require.Equal(t, int64(1_000_000), s.load(s.session).Held.Int64())
	s.run(job.Job, job.Node)
	_, err = s.nodes.AcceptResult(s.ctx, &computetypes.MsgAcceptResult{Customer: s.owner.String(), Job: job.Job})
	require.NoError(t, err)
	s.check()
	require.Equal(t, miner+100_000, s.balance(s.mining))
	require.Equal(t, int64(deposit-100_000), s.balance(types.SessionEscrow(s.session)), "the rest is the session's again")
	require.Equal(t, int64(100_000), s.load(s.session).Jobs.Int64())

	// The key's own account may submit too, and the free part is the bound.
	m := s.submission()
	m.Customer, m.MaxPrice = sdk.AccAddress(key("session").PubKey().Address()).String(), coin(deposit-allotment-100_000+1)
	_, err = s.submit(m)
	require.ErrorIs(t, err, types.ErrNotFree)
	m.MaxPrice = coin(deposit - allotment - 100_000)
	job, err = s.submit(m)
	require.NoError(t, err)
	require.Equal(t, types.ErrNothingLeft.ABCICode(), s.redeem(s.honest().sign(s, s.voucher(nil, s.node, 1, 1)))[0].Code, "what a job holds pays for no call")
	_, err = s.nodes.CancelJob(s.ctx, &computetypes.MsgCancelJob{Customer: m.Customer, Job: job.Job})
	require.NoError(t, err)
	s.check()

	m = s.submission()
	m.Customer = s.mining.String()
	_, err = s.submit(m)
	require.ErrorIs(t, err, types.ErrNotOwner)
	m = s.submission()
	m.App = "nothing"
	_, err = s.submit(m)
	require.ErrorIs(t, err, computetypes.ErrAppNotFound)
	m = s.submission()
	m.MaxPrice = coin(0)
	_, err = s.submit(m)
	require.ErrorIs(t, err, types.ErrInvalidAmount)
	require.NoError(t, s.close(s.owner))
	_, err = s.submit(s.submission())
	require.ErrorIs(t, err, types.ErrWrongStatus)
}

// TestJobOutlivesItsSession: what a job does not cost goes to the owner, also
// when the session is settled, and when it is forgotten.
func TestJobOutlivesItsSession(t *testing.T) {
	for name, wait := range map[string]int64{"settled": 0, "forgotten": 7*86_400 + 60} {
		t.Run(name, func(t *testing.T) {
			s := newScene(newFixture(t))
			s.app(s.mining)
			before := s.balance(s.owner)
			m := s.submission()
			m.MaxSeconds, m.MaxPrice = 20*86_400, coin(4_000_000)
			m.Node = s.node.String()
			_, err := s.nodes.UpdateNode(s.ctx, &computetypes.MsgUpdateNode{Operator: s.mining.String(), Node: s.node.String(), Offer: computetypes.Offer{
				Slots: 1, SlotHourPrice: coin(1), Runtimes: []string{computetypes.RuntimeWasm},
			}})
			require.NoError(t, err)
			job, err := s.submit(m)
			require.NoError(t, err)
			_, err = s.nodes.AcknowledgeJob(s.ctx, &computetypes.MsgAcknowledgeJob{Node: job.Node, Job: job.Job, InputsReceived: true})
			require.NoError(t, err)
			_, err = s.nodes.StartJob(s.ctx, &computetypes.MsgStartJob{Node: job.Node, Job: job.Job})
			require.NoError(t, err)
			require.NoError(t, s.close(s.owner))
			s.pass(3_600)
			s.pass(600)
			require.Equal(t, before+deposit-4_000_000, s.balance(s.owner))
			if wait > 0 {
				s.pass(wait)
				_, err = s.k.Session(s.ctx, s.session)
				require.ErrorIs(t, err, types.ErrSessionNotFound)
			}
			_, err = s.nodes.CancelJob(s.ctx, &computetypes.MsgCancelJob{Customer: s.owner.String(), Job: job.Job})
			require.NoError(t, err)
			s.check()
			require.Equal(t, before+deposit-5_000, s.balance(s.owner), "all but the least fee of a job")
			require.Zero(t, s.balance(types.SessionEscrow(s.session)))
		})
	}
}
