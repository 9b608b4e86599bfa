package keeper_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

func TestOpenFunded(t *testing.T) {
	s := newScene(newFixture(t))
	funder := s.funder("socket", funds)
	for _, c := range []struct {
		name string
		edit func(*types.Funding, *types.MsgOpenSession)
		err  error
	}{
		{"success", func(*types.Funding, *types.MsgOpenSession) {}, nil},
		{"success - less than the least deposit", func(_ *types.Funding, m *types.MsgOpenSession) { m.Deposit, m.Allotments = coin(1), nil }, nil},
		{"success - the node's own price", func(f *types.Funding, _ *types.MsgOpenSession) { f.SlotHourPrice = coin(0) }, nil},
		{"error - no deposit", func(_ *types.Funding, m *types.MsgOpenSession) { m.Deposit, m.Allotments = coin(0), nil }, types.ErrInvalidAmount},
		{"error - more than the funder has", func(_ *types.Funding, m *types.MsgOpenSession) { m.Deposit = coin(funds + 1) }, sdkerrors.ErrInsufficientFunds},
		{"error - allotted more than paid", func(_ *types.Funding, m *types.MsgOpenSession) { m.Deposit = coin(allotment - 1) }, types.ErrNotFree},
		{"error - too long", func(_ *types.Funding, m *types.MsgOpenSession) { m.Seconds = 91 * 86_400 }, types.ErrInvalidSession},
		{"error - key", func(_ *types.Funding, m *types.MsgOpenSession) { m.Key = nil }, types.ErrInvalidKey},
		{"error - owner", func(_ *types.Funding, m *types.MsgOpenSession) { m.Owner = "" }, types.ErrInvalidSession},
		{"error - nothing", func(f *types.Funding, _ *types.MsgOpenSession) { *f = types.Funding{} }, types.ErrInvalidSession},
		{"error - no funder", func(f *types.Funding, _ *types.MsgOpenSession) { f.Funder = nil }, types.ErrInvalidSession},
		{"error - no source", func(f *types.Funding, _ *types.MsgOpenSession) { f.Source = "" }, types.ErrInvalidSession},
		{"error - a source in two lines", func(f *types.Funding, _ *types.MsgOpenSession) { f.Source = "socket\n7" }, types.ErrInvalidSession},
		{"error - a long source", func(f *types.Funding, _ *types.MsgOpenSession) { f.Source = strings.Repeat("s", 129) }, types.ErrInvalidSession},
		{"error - no node", func(f *types.Funding, _ *types.MsgOpenSession) { f.Node = nil }, types.ErrInvalidSession},
		{"error - no node's address", func(f *types.Funding, _ *types.MsgOpenSession) { f.Node = funder }, types.ErrInvalidSession},
		{"error - other coin", func(f *types.Funding, _ *types.MsgOpenSession) { f.SlotHourPrice.Denom = "atom" }, types.ErrInvalidAmount},
		{"error - no price", func(f *types.Funding, _ *types.MsgOpenSession) { f.SlotHourPrice = sdk.Coin{Denom: types.Denom} }, types.ErrInvalidAmount},
		{"error - negative price", func(f *types.Funding, _ *types.MsgOpenSession) { f.SlotHourPrice.Amount = math.NewInt(-1) }, types.ErrInvalidAmount},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, m := s.funding(funder, s.node), s.opening(types.Allotment{Router: s.router.String(), Amount: coin(allotment)})
			c.edit(&f, m)
			wallet, before := s.balance(s.owner), s.balance(funder)
			id, err := s.openFunded(f, m)
			require.Equal(t, wallet, s.balance(s.owner), "the owner pays nothing")
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				require.Equal(t, before, s.balance(funder))
				return
			}
			require.NoError(t, err)
			require.Equal(t, before-m.Deposit.Amount.Int64(), s.balance(funder))
			q, err := s.query.Session(s.ctx, &types.QuerySessionRequest{Session: id})
			require.NoError(t, err)
			got := q.Session
			require.Equal(t, []string{funder.String(), "socket/7", f.SlotHourPrice.String(), s.node.String()}, []string{got.Funder, got.Source, got.SlotHourPrice.String(), got.Node})
			for field, want := range map[string]string{"funder": got.Funder, "source": got.Source, "node": got.Node} {
				require.Equal(t, `"`+want+`"`, told(s.ctx, "EventSessionOpened", field))
			}
			require.Contains(t, q.State, "funded by socket/7, for node "+s.node.String()+" alone")
			s.throughGenesis()
		})
	}
}

// TestFundedThieves: the money of a funded session pays one node, and what is
// left of it is the funder's. Each thief fails, and nothing has moved.
func TestFundedThieves(t *testing.T) {
	for _, c := range []struct {
		name  string
		steal func(*scene) uint32
		err   error
	}{
		{"a voucher for another node", func(s *scene) uint32 {
			return s.redeem(s.honest().sign(s, s.voucher(s.router, s.other, 1_000_000, 1)))[0].Code
		}, types.ErrOtherNode},
		{"a voucher for another node beyond the allotment, for the cover", func(s *scene) uint32 {
			return s.redeem(s.honest().sign(s, s.voucher(s.router, s.other, allotment+cover, 1)))[0].Code
		}, types.ErrOtherNode},
		{"a voucher for another node without a router", func(s *scene) uint32 {
			return s.redeem(s.honest().sign(s, s.voucher(nil, s.other, 1_000_000, 1)))[0].Code
		}, types.ErrOtherNode},
		{"a voucher for the owner himself", func(s *scene) uint32 {
			return s.redeem(s.honest().sign(s, s.voucher(s.router, s.owner, 1_000_000, 1)))[0].Code
		}, types.ErrOtherNode},
		{"a job for another node", func(s *scene) uint32 {
			m := s.submission()
			m.Node = s.other.String()
			_, err := s.submit(m)
			return code(err)
		}, types.ErrOtherNode},
		{"a job by the funder", func(s *scene) uint32 {
			m := s.submission()
			m.Customer = s.load(s.session).Funder
			_, err := s.submit(m)
			return code(err)
		}, types.ErrNotOwner},
		{"money of the owner's", func(s *scene) uint32 {
			_, err := s.topUp(1_000_000, 0)
			return code(err)
		}, types.ErrFunded},
		{"time", func(s *scene) uint32 {
			_, err := s.topUp(0, 2*86_400)
			return code(err)
		}, types.ErrFunded},
		{"time with an allotment", func(s *scene) uint32 {
			_, err := s.topUp(0, 1, types.Allotment{Router: s.router.String(), Amount: coin(1)})
			return code(err)
		}, types.ErrFunded},
		{"more allotted than is free", func(s *scene) uint32 {
			_, err := s.topUp(0, 0, types.Allotment{Router: s.router.String(), Amount: coin(deposit - allotment + 1)})
			return code(err)
		}, types.ErrNotFree},
		{"a stranger closes it", func(s *scene) uint32 { return code(s.close(s.mining)) }, types.ErrNotOwner},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, funder := newFunded(newFixture(t), jobPrice)
			wallet, miner, stake, before := s.balance(s.owner), s.balance(s.mining), s.stake(s.router), s.load(s.session)
			require.Equal(t, code(c.err), c.steal(s))
			require.Equal(t, before, s.load(s.session))
			require.Equal(t, []int64{wallet, miner, stake}, []int64{s.balance(s.owner), s.balance(s.mining), s.stake(s.router)})
			require.Empty(t, s.hooks.overIssued, "a voucher that pays nothing judges nobody")
			s.comesBack(funder, map[string]bool{s.session: true}, 0)
			require.Equal(t, wallet+deposit, s.balance(s.owner), "his own session's deposit, and no more")
		})
	}
}

// TestFundedPays: vouchers and jobs of its node are paid as ever, the router's
// cover stands in for what it vouched too much, and the rest is the funder's.
func TestFundedPays(t *testing.T) {
	s, funder := newFunded(newFixture(t), jobPrice)
	require.Equal(t, uint64(2_000_000), s.redeem(s.honest().sign(s, s.voucher(s.router, s.node, 2_000_000, 2)))[0].Paid)
	got := s.redeem(s.honest().sign(s, s.voucher(s.router, s.node, allotment+3_000_000, 9)))[0]
	require.Equal(t, types.Redemption{Paid: allotment + 1_000_000, FromCover: 3_000_000}, got, "over-issue")
	require.Equal(t, []uint64{3_000_000}, s.hooks.overIssued)
	require.Equal(t, uint64(500_000), s.redeem(s.honest().sign(s, s.voucher(nil, s.node, 500_000, 2)))[0].Paid)

	for _, named := range []string{"", s.node.String()} {
		m := s.submission()
		m.Node = named
		job, err := s.submit(m)
		require.NoError(t, err)
		require.Equal(t, s.node.String(), job.Node)
		s.run(job.Job, job.Node)
		_, err = s.nodes.AcceptResult(s.ctx, &computetypes.MsgAcceptResult{Customer: s.owner.String(), Job: job.Job})
		require.NoError(t, err)
		closed := s.hooks.closed[len(s.hooks.closed)-1]
		require.Equal(t, job.Job, closed.job.Id)
		after := s.load(s.session)
		require.Equal(t, after.String(), closed.session.String(), "the hook sees the session as it is afterwards")
	}
	require.Equal(t, int64(100_000), s.load(s.session).Jobs.Int64(), "at the price of the deal, not of the node's offer")
	require.NoError(t, s.close(s.owner))
	s.settle()
	require.Equal(t, int64(funds-allotment-500_000-100_000), s.balance(funder))
	require.Equal(t, s.load(s.session), s.hooks.settled[0])
	require.Contains(t, s.load(s.session).Words(0), "went back to socket/7")
	require.Equal(t, `"`+funder.String()+`"`, told(s.ctx, "EventSessionSettled", "funder"))
}

// TestFundedJobWithoutANode goes to the session's node, whichever the chain would have chosen.
func TestFundedJobWithoutANode(t *testing.T) {
	s, funder := newFunded(newFixture(t), jobPrice)
	for _, node := range []sdk.AccAddress{s.node, s.other} {
		s.fund(funder, node)
		job, err := s.submit(s.submission())
		require.NoError(t, err)
		require.Equal(t, node.String(), job.Node)
	}
}

// TestFundedAllotments: what is free may be moved to a router, also a new one.
func TestFundedAllotments(t *testing.T) {
	s, _ := newFunded(newFixture(t), jobPrice)
	expires := s.load(s.session).ExpiresAt
	res, err := s.topUp(0, 0, types.Allotment{Router: s.router.String(), Amount: coin(1)}, types.Allotment{Router: s.router2.String(), Amount: coin(deposit - allotment - 1)})
	require.NoError(t, err)
	require.Equal(t, int64(deposit), res.Deposit.Amount.Int64())
	require.True(t, s.load(s.session).Free().IsZero())
	require.Equal(t, expires, s.load(s.session).ExpiresAt)
}

// TestFundedKey: the owner replaces the key, and a thief of the old one has nothing.
func TestFundedKey(t *testing.T) {
	s, funder := newFunded(newFixture(t), jobPrice)
	_, err := atomically(s.fixture, func(ctx sdk.Context) (*types.MsgRotateSessionKeyResponse, error) {
		return s.msg.RotateSessionKey(ctx, &types.MsgRotateSessionKey{Owner: s.owner.String(), Session: s.session, Key: key("second").PubKey().Bytes()})
	})
	require.NoError(t, err)
	require.Equal(t, types.ErrInvalidKey.ABCICode(), s.redeem(s.honest().sign(s, s.voucher(nil, s.node, 1_000_000, 1)))[0].Code)
	v, g := s.voucher(s.router, s.node, 1_000_000, 1), s.honest()
	v.KeyID, g.session = 2, key("second")
	require.Zero(t, s.redeem(g.sign(s, v))[0].Code)
	m := s.submission()
	m.Customer = sdk.AccAddress(key("session").PubKey().Address()).String()
	_, err = s.submit(m)
	require.ErrorIs(t, err, types.ErrNotOwner)
	s.comesBack(funder, map[string]bool{s.session: true}, 1_000_000)
}

// TestFundedEnds: whoever may close it, and nobody, brings the money home.
func TestFundedEnds(t *testing.T) {
	for name, end := range map[string]func(*scene) string{
		"its owner":    func(s *scene) string { require.NoError(s.t, s.close(s.owner)); return "closed by the owner" },
		"a router":     func(s *scene) string { require.NoError(s.t, s.close(s.router)); return "closed by router" },
		"the module":   func(s *scene) string { require.NoError(s.t, s.closeFor(s.session)); return "the socket was unplugged" },
		"time, itself": func(s *scene) string { s.pass(86_400); return "it expired" },
	} {
		t.Run(name, func(t *testing.T) {
			s, funder := newFunded(newFixture(t), jobPrice)
			wallet := s.balance(s.owner)
			reason := end(s)
			for range 2 { // closing, and settled
				before := s.load(s.session)
				require.Contains(t, before.Reason, reason)
				require.NoError(t, s.closeFor(s.session))
				require.Equal(t, before, s.load(s.session), "a session that ends is left as it is")
				if before.Status != types.SESSION_STATUS_SETTLED {
					s.settle()
				}
			}
			require.Equal(t, int64(funds), s.balance(funder))
			if len(s.hooks.settled) > 1 {
				wallet += deposit // his own session has expired, too
			}
			require.Equal(t, wallet, s.balance(s.owner))
			s.comesBack(funder, map[string]bool{s.session: true}, 0)
		})
	}
}

func TestCloseForRefused(t *testing.T) {
	s := newScene(newFixture(t))
	require.ErrorIs(t, s.closeFor(s.session), types.ErrNotOwner, "an owner's session is no module's to close")
	require.ErrorIs(t, s.closeFor(strings.Repeat("0", 32)), types.ErrSessionNotFound)
	require.ErrorIs(t, s.closeFor("x"), types.ErrInvalidSession)
	require.Equal(t, types.SESSION_STATUS_OPEN, s.load(s.session).Status)
}

// TestTwoOfOneFunder: two sessions of one funder share its address and no uemc.
func TestTwoOfOneFunder(t *testing.T) {
	s, funder := newFunded(newFixture(t), jobPrice)
	first := s.session
	s.fund(funder, s.other)
	second := s.session
	require.NotEqual(t, first, second)
	require.Equal(t, int64(funds-2*deposit), s.balance(funder))
	require.Equal(t, uint64(allotment), s.redeem(s.honest().sign(s, s.voucher(s.router, s.other, allotment, 1)))[0].Paid)
	require.Equal(t, types.ErrOtherNode.ABCICode(), s.redeem(s.honest().sign(s, s.voucher(s.router, s.node, 1, 1)))[0].Code, "the node of the other session")
	require.NoError(t, s.closeFor(second))
	require.Equal(t, types.SESSION_STATUS_OPEN, s.load(first).Status)
	s.settle()
	require.Equal(t, int64(funds-deposit-allotment), s.balance(funder), "the first session's deposit is with it")
	require.Equal(t, int64(deposit), s.balance(types.SessionEscrow(first)))
	s.comesBack(funder, map[string]bool{first: true, second: true}, allotment)
}
