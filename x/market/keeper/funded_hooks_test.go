package keeper_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

func code(err error) uint32 {
	_, code, _ := errorsmod.ABCIInfo(err, false)
	return code
}

// longJob submits a job that outlives its session.
func (s *scene) longJob() *types.MsgSubmitSessionJobResponse {
	s.t.Helper()
	m := s.submission()
	m.MaxSeconds, m.MaxPrice = 20*86_400, coin(4_000_000)
	job, err := s.submit(m)
	require.NoError(s.t, err)
	_, err = s.nodes.AcknowledgeJob(s.ctx, &computetypes.MsgAcknowledgeJob{Node: job.Node, Job: job.Job, InputsReceived: true})
	require.NoError(s.t, err)
	_, err = s.nodes.StartJob(s.ctx, &computetypes.MsgStartJob{Node: job.Node, Job: job.Job})
	require.NoError(s.t, err)
	return job
}

func (s *scene) cancel(job string) error {
	s.t.Helper()
	_, err := atomically(s.fixture, func(ctx sdk.Context) (*computetypes.MsgCancelJobResponse, error) {
		return s.nodes.CancelJob(ctx, &computetypes.MsgCancelJob{Customer: s.owner.String(), Job: job})
	})
	return err
}

// TestFundedLateRefund: what a job does not cost goes to the funder, also when
// its session is settled, and when it is forgotten.
func TestFundedLateRefund(t *testing.T) {
	for name, wait := range map[string]int64{"settled": 0, "forgotten": 7*86_400 + 60} {
		t.Run(name, func(t *testing.T) {
			s, funder := newFunded(newFixture(t), lowPrice)
			wallet := s.balance(s.owner)
			job := s.longJob()
			require.NoError(t, s.closeFor(s.session))
			s.settle()
			require.Equal(t, int64(funds-4_000_000), s.balance(funder))
			if wait > 0 {
				s.pass(wait)
				_, err := s.k.Session(s.ctx, s.session)
				require.ErrorIs(t, err, types.ErrSessionNotFound)
			}
			s.throughGenesis()
			require.NoError(t, s.cancel(job.Job))
			require.Equal(t, int64(funds-5_000), s.balance(funder), "all but the least fee of a job")
			require.Equal(t, wallet, s.balance(s.owner))
			require.Zero(t, s.balance(types.SessionEscrow(s.session)))
			require.False(t, s.accounts.HasAccount(s.ctx, funder))
			told := s.hooks.closed[0]
			require.Equal(t, job.Job, told.job.Id)
			require.Equal(t, []string{s.session, s.owner.String(), funder.String(), "socket/7"}, []string{told.session.Id, told.session.Owner, told.session.Funder, told.session.Source})
			require.Equal(t, types.SESSION_STATUS_SETTLED, told.session.Status)
			require.True(t, told.session.Held.IsZero())
		})
	}
}

// TestSettleHookFails: the session waits for another try, and nothing of the
// settlement is done meanwhile.
func TestSettleHookFails(t *testing.T) {
	s, funder := newFunded(newFixture(t), lowPrice)
	require.NoError(t, s.closeFor(s.session))
	s.pass(3_600)
	before := s.load(s.session)
	s.hooks.fail = errors.New("for the test")
	s.pass(600)
	got := s.load(s.session)
	require.Equal(t, before.Deadline+3_600, got.Deadline)
	got.Deadline = before.Deadline
	require.Equal(t, before, got)
	require.Equal(t, int64(funds-deposit), s.balance(funder))
	require.Contains(t, told(s.ctx, "EventQueueError", "error"), "for the test")
	require.Empty(t, told(s.ctx, "EventSessionSettled", "session"))
	s.hooks.fail = nil
	s.pass(3_600)
	require.Equal(t, types.SESSION_STATUS_SETTLED, s.load(s.session).Status)
	require.Equal(t, int64(funds), s.balance(funder))
}

// TestJobHookFails: by a message the message fails, at the end of a block the
// job waits for another try.
func TestJobHookFails(t *testing.T) {
	s, funder := newFunded(newFixture(t), lowPrice)
	job, err := s.submit(s.submission()) // which its node never acknowledges
	require.NoError(t, err)
	before := s.load(s.session)
	s.hooks.fail = errors.New("for the test")
	require.ErrorIs(t, s.cancel(job.Job), s.hooks.fail)
	require.Equal(t, before, s.load(s.session))
	for range 3 {
		s.pass(3_000)
	}
	require.Greater(t, len(s.hooks.closed), 1, "the end of a block tried, too")
	require.Equal(t, before, s.load(s.session), "the job is not closed by half")
	s.hooks.fail = nil
	for range 3 {
		s.pass(3_600)
	}
	require.True(t, s.load(s.session).Held.IsZero())
	require.NoError(t, s.closeFor(s.session))
	s.settle()
	require.Equal(t, int64(funds)-s.load(s.session).Jobs.Int64(), s.balance(funder))
}

// told is what the last event of a kind says in a field, in JSON.
func told(ctx sdk.Context, kind, field string) (value string) {
	for _, e := range ctx.EventManager().Events() {
		if a, ok := e.GetAttribute(field); ok && e.Type == "emc.market.v1."+kind {
			value = a.Value
		}
	}
	return value
}

// TestFundedGenesis: a funding is there as a whole or not at all, and a job and
// a lane agree with it.
func TestFundedGenesis(t *testing.T) {
	s, funder := newFunded(newFixture(t), lowPrice)
	s.longJob()
	require.Zero(t, s.redeem(s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 1)))[0].Code)
	session := func(g *types.GenesisState) *types.Session {
		for i := range g.Sessions {
			if g.Sessions[i].Id == s.session {
				return &g.Sessions[i]
			}
		}
		return nil
	}
	for name, edit := range map[string]func(*types.GenesisState){
		"no funder":              func(g *types.GenesisState) { session(g).Funder = "" },
		"no source":              func(g *types.GenesisState) { session(g).Source = "" },
		"no price":               func(g *types.GenesisState) { session(g).SlotHourPrice = nil },
		"no node":                func(g *types.GenesisState) { session(g).Node = "" },
		"a price in atoms":       func(g *types.GenesisState) { session(g).SlotHourPrice.Denom = "atom" },
		"node in capitals":       func(g *types.GenesisState) { session(g).Node = strings.ToUpper(session(g).Node) },
		"funder of another kind": func(g *types.GenesisState) { session(g).Funder = "emc1" },
		"job's funder":           func(g *types.GenesisState) { g.Jobs[0].Funder = "emc1" },
		"job's source alone":     func(g *types.GenesisState) { g.Jobs[0].Funder = "" },
	} {
		t.Run(name, func(t *testing.T) {
			g, err := s.k.ExportGenesis(s.ctx)
			require.NoError(t, err)
			require.NoError(t, g.Validate())
			edit(g)
			require.Error(t, g.Validate())
		})
	}
	for name, edit := range map[string]func(*types.GenesisState){
		"refund to the owner":       func(g *types.GenesisState) { g.Jobs[0].Funder, g.Jobs[0].Source = "", "" },
		"refund to another funder":  func(g *types.GenesisState) { g.Jobs[0].Funder = s.owner.String() },
		"refund to another owner":   func(g *types.GenesisState) { g.Jobs[0].Owner = s.mining.String() },
		"bound to another node":     func(g *types.GenesisState) { session(g).Node = s.other.String() },
		"a lane of another session": func(g *types.GenesisState) { g.Lanes[0].Session = g.Sessions[0].Id },
	} {
		t.Run(name, func(t *testing.T) {
			g, err := s.k.ExportGenesis(s.ctx)
			require.NoError(t, err)
			edit(g)
			was := s.ctx
			defer func() { s.ctx = was }()
			s.ctx, _ = was.CacheContext()
			s.empty()
			require.Error(t, s.k.InitGenesis(s.ctx, g))
		})
	}
	s.throughGenesis()
	require.Equal(t, funder.String(), s.load(s.session).Funder)
}
