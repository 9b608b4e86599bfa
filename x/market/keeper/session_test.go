package keeper_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

func TestOpenSession(t *testing.T) {
	s := newScene(newFixture(t))
	routed := func(router sdk.AccAddress, amount int64) []types.Allotment {
		return []types.Allotment{{Router: router.String(), Amount: coin(amount)}}
	}
	jailed := s.register("jailed", computetypes.ROLE_ROUTER, s.routing, 20_000_000)
	require.NoError(t, s.compute.Jail(s.ctx, jailed, startTime+1_000, "for the test"))
	bare := s.register("bare", computetypes.ROLE_ROUTER, s.routing, 0)
	for _, c := range []struct {
		name string
		edit func(*types.MsgOpenSession)
		err  error
	}{
		{"success - no router", func(m *types.MsgOpenSession) { m.Allotments = nil }, nil},
		{"success - all of it allotted", func(m *types.MsgOpenSession) { m.Allotments = routed(s.router, deposit) }, nil},
		{"success - an allotment of nothing", func(m *types.MsgOpenSession) { m.Allotments = routed(s.router, 0) }, nil},
		{"error - owner", func(m *types.MsgOpenSession) { m.Owner = "emc1" }, types.ErrInvalidSession},
		{"error - other coin", func(m *types.MsgOpenSession) { m.Deposit.Denom = "atom" }, types.ErrInvalidAmount},
		{"error - no deposit", func(m *types.MsgOpenSession) { m.Deposit = sdk.Coin{Denom: types.Denom} }, types.ErrInvalidAmount},
		{"error - negative", func(m *types.MsgOpenSession) { m.Deposit.Amount = math.NewInt(-1) }, types.ErrInvalidAmount},
		{"error - tiny", func(m *types.MsgOpenSession) { m.Deposit = coin(99_999) }, types.ErrInvalidAmount},
		{"error - more than 63 bits", func(m *types.MsgOpenSession) { m.Deposit.Amount = math.NewIntFromUint64(1 << 63) }, types.ErrInvalidAmount},
		{"error - more than 255 bits", func(m *types.MsgOpenSession) {
			m.Deposit.Amount = math.NewIntFromBigInt(math.NewIntWithDecimal(1, 76).BigInt())
		}, types.ErrInvalidAmount},
		{"error - key", func(m *types.MsgOpenSession) { m.Key = m.Key[1:] }, types.ErrInvalidKey},
		{"error - uncompressed key", func(m *types.MsgOpenSession) { m.Key = append([]byte{4}, m.Key[1:]...) }, types.ErrInvalidKey},
		{"error - key off the curve", func(m *types.MsgOpenSession) { m.Key = append([]byte{2}, bytes.Repeat([]byte{255}, 32)...) }, types.ErrInvalidKey},
		{"error - no time", func(m *types.MsgOpenSession) { m.Seconds = 0 }, types.ErrInvalidSession},
		{"error - too long", func(m *types.MsgOpenSession) { m.Seconds = 1 << 63 }, types.ErrInvalidSession},
		{"error - allotted more than paid", func(m *types.MsgOpenSession) { m.Allotments = routed(s.router, deposit+1) }, types.ErrNotFree},
		{"error - router twice", func(m *types.MsgOpenSession) { m.Allotments = append(routed(s.router, 1), routed(s.router, 1)...) }, types.ErrInvalidRouter},
		{"error - five routers", func(m *types.MsgOpenSession) { m.Allotments = make([]types.Allotment, 5) }, types.ErrTooMany},
		{"error - router's address", func(m *types.MsgOpenSession) { m.Allotments = []types.Allotment{{Router: "x", Amount: coin(1)}} }, types.ErrInvalidRouter},
		{"error - not registered", func(m *types.MsgOpenSession) { m.Allotments = routed(s.owner, 1) }, types.ErrInvalidRouter},
		{"error - computing node", func(m *types.MsgOpenSession) { m.Allotments = routed(s.node, 1) }, types.ErrInvalidRouter},
		{"error - jailed router", func(m *types.MsgOpenSession) { m.Allotments = routed(jailed, 1) }, types.ErrInvalidRouter},
		{"error - router without stake", func(m *types.MsgOpenSession) { m.Allotments = routed(bare, 1) }, types.ErrInvalidRouter},
		{"error - negative allotment", func(m *types.MsgOpenSession) { m.Allotments = routed(s.router, -1) }, types.ErrInvalidAmount},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := s.opening(routed(s.router, allotment)...)
			c.edit(m)
			before := s.balance(s.owner)
			res, err := atomically(s.fixture, func(ctx sdk.Context) (*types.MsgOpenSessionResponse, error) { return s.msg.OpenSession(ctx, m) })
			require.ErrorIs(t, err, c.err)
			if c.err != nil {
				require.Equal(t, before, s.balance(s.owner))
				return
			}
			require.Equal(t, before-m.Deposit.Amount.Int64(), s.balance(s.owner))
			require.Equal(t, m.Deposit.Amount.Int64(), s.balance(types.SessionEscrow(res.Session)))
			require.Equal(t, int64(startTime+86_400), res.ExpiresAt)
			q, err := s.query.Session(s.ctx, &types.QuerySessionRequest{Session: res.Session})
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(q.State, "open: 10 EMC of 10 EMC are left"), q.State)
		})
	}
	poor := s.account("poor", 0)
	m := s.opening()
	m.Owner = poor.String()
	_, err := atomically(s.fixture, func(ctx sdk.Context) (*types.MsgOpenSessionResponse, error) { return s.msg.OpenSession(ctx, m) })
	require.Error(t, err, "without the money")
}

func TestTopUp(t *testing.T) {
	s := newScene(newFixture(t))
	topUp := func(edit func(*types.MsgTopUpSession)) error {
		m := &types.MsgTopUpSession{Owner: s.owner.String(), Session: s.session, Amount: coin(1_000_000)}
		edit(m)
		_, err := atomically(s.fixture, func(ctx sdk.Context) (*types.MsgTopUpSessionResponse, error) { return s.msg.TopUpSession(ctx, m) })
		return err
	}
	require.NoError(t, topUp(func(*types.MsgTopUpSession) {}))
	require.Equal(t, int64(deposit+1_000_000), s.load(s.session).Deposit.Int64())
	require.NoError(t, topUp(func(m *types.MsgTopUpSession) {
		m.Amount = coin(0)
		m.Allotments = []types.Allotment{{Router: s.router.String(), Amount: coin(4_000_000)}, {Router: s.router2.String(), Amount: coin(1_000_000)}}
	}), "what is free becomes allotted")
	require.True(t, s.load(s.session).Free().IsZero())
	require.Equal(t, int64(allotment+4_000_000), s.load(s.session).Routers[0].Allotment.Int64())

	require.ErrorIs(t, topUp(func(m *types.MsgTopUpSession) {
		m.Amount, m.Allotments = coin(0), []types.Allotment{{Router: s.router.String(), Amount: coin(1)}}
	}), types.ErrNotFree)
	require.ErrorIs(t, topUp(func(m *types.MsgTopUpSession) { m.Amount = coin(1) }), types.ErrInvalidAmount)
	require.ErrorIs(t, topUp(func(m *types.MsgTopUpSession) { m.Amount = coin(0) }), types.ErrInvalidSession, "nothing to add")
	require.ErrorIs(t, topUp(func(m *types.MsgTopUpSession) { m.Owner = s.mining.String() }), types.ErrNotOwner)
	require.ErrorIs(t, topUp(func(m *types.MsgTopUpSession) { m.Session = "zz" }), types.ErrInvalidSession)
	require.ErrorIs(t, topUp(func(m *types.MsgTopUpSession) { m.Session = strings.Repeat("0", 32) }), types.ErrSessionNotFound)
	require.ErrorIs(t, topUp(func(m *types.MsgTopUpSession) { m.Seconds = 91 * 86_400 }), types.ErrInvalidSession)

	expires := s.load(s.session).ExpiresAt
	require.NoError(t, topUp(func(m *types.MsgTopUpSession) { m.Amount, m.Seconds = coin(0), 1 }))
	require.Equal(t, expires, s.load(s.session).ExpiresAt, "an expiry never becomes earlier: a node counts on it")
	require.NoError(t, topUp(func(m *types.MsgTopUpSession) { m.Amount, m.Seconds = coin(0), 2*86_400 }))
	require.Equal(t, int64(startTime+2*86_400), s.load(s.session).Deadline)

	require.NoError(t, s.close(s.owner))
	require.ErrorIs(t, topUp(func(*types.MsgTopUpSession) {}), types.ErrWrongStatus)
}

// TestSessionEnds follows a session through all its statuses: nothing waits for
// a human, and every uemc arrives.
func TestSessionEnds(t *testing.T) {
	s := newScene(newFixture(t))
	before := s.balance(s.owner)
	direct := s.honest().sign(s, s.voucher(nil, s.other, 9_000_000, 3))
	covered := s.honest().sign(s, s.voucher(s.router, s.node, 2_000_000, 5))
	require.Zero(t, s.redeem(covered)[0].Code)

	s.pass(86_400)
	require.Equal(t, types.SESSION_STATUS_CLOSING, s.load(s.session).Status, "it expired by itself")
	require.Equal(t, uint64(4_000_000), s.redeem(direct)[0].Paid, "what is not allotted pays for vouchers without a router")
	s.pass(3_600)
	require.Equal(t, types.SESSION_STATUS_LAST, s.load(s.session).Status)
	require.Equal(t, uint64(4_000_000), s.redeem(direct)[0].Paid, "in the end all that is left")
	s.pass(600)
	done := s.load(s.session)
	require.Equal(t, types.SESSION_STATUS_SETTLED, done.Status)
	require.Zero(t, s.balance(types.SessionEscrow(s.session)))
	require.Equal(t, before, s.balance(s.owner), "all of it was spent")
	require.Contains(t, done.Words(0), "settled (it expired)")
	s.pass(7 * 86_400)
	_, err := s.k.Session(s.ctx, s.session)
	require.ErrorIs(t, err, types.ErrSessionNotFound)
	lanes, err := s.query.Lanes(s.ctx, &types.QueryLanesRequest{Session: s.session})
	require.NoError(t, err)
	require.Empty(t, lanes.Lanes)
}

func TestCloseSession(t *testing.T) {
	for name, sender := range map[string]func(*scene) sdk.AccAddress{
		"owner": func(s *scene) sdk.AccAddress { return s.owner }, "router": func(s *scene) sdk.AccAddress { return s.router },
		"its operator": func(s *scene) sdk.AccAddress { return s.routing },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(newFixture(t))
			require.ErrorIs(t, s.close(s.mining), types.ErrNotOwner)
			require.ErrorIs(t, s.close(s.router2), types.ErrNotOwner, "a router that is not bound")
			require.NoError(t, s.close(sender(s)))
			require.ErrorIs(t, s.close(sender(s)), types.ErrWrongStatus)
			before := s.balance(s.owner)
			s.pass(3_600)
			s.pass(600)
			require.Equal(t, before+deposit, s.balance(s.owner))
		})
	}
}

func TestRotateSessionKey(t *testing.T) {
	s := newScene(newFixture(t))
	rotate := func(name string) (*types.MsgRotateSessionKeyResponse, error) {
		return atomically(s.fixture, func(ctx sdk.Context) (*types.MsgRotateSessionKeyResponse, error) {
			return s.msg.RotateSessionKey(ctx, &types.MsgRotateSessionKey{Owner: s.owner.String(), Session: s.session, Key: key(name).PubKey().Bytes()})
		})
	}
	_, err := rotate("session")
	require.ErrorIs(t, err, types.ErrInvalidKey, "the key it has")
	res, err := rotate("second")
	require.NoError(t, err)
	require.Equal(t, uint32(2), res.KeyId)
	require.Equal(t, int64(startTime+3_600), res.OldUntil)
	_, err = rotate("session")
	require.ErrorIs(t, err, types.ErrInvalidKey, "a key it had: whoever stole it would have it back")

	old := s.voucher(s.router, s.node, 1_000_000, 1)
	require.Zero(t, s.redeem(s.honest().sign(s, old))[0].Code, "a node gets what was co-signed under the old key")
	direct := s.voucher(nil, s.node, 1_000_000, 1)
	require.Equal(t, types.ErrInvalidKey.ABCICode(), s.redeem(s.honest().sign(s, direct))[0].Code, "without a router the old key is worth nothing at once")
	fresh := s.voucher(s.router, s.node, 2_000_000, 2)
	fresh.KeyID = 2
	g := s.honest()
	require.Equal(t, types.ErrSignature.ABCICode(), s.redeem(g.sign(s, fresh))[0].Code, "the old key under the new number")
	g.session = key("second")
	require.Zero(t, s.redeem(g.sign(s, fresh))[0].Code)
	s.pass(3_600)
	old.Amount, old.Count, old.Root = 3_000_000, 3, root(3)
	require.Equal(t, types.ErrInvalidKey.ABCICode(), s.redeem(s.honest().sign(s, old))[0].Code, "the old key's time is over")

	for i := range types.MaxRotations - 1 {
		_, err = rotate(strings.Repeat("k", i+1))
		require.NoError(t, err)
	}
	_, err = rotate("one too many")
	require.ErrorIs(t, err, types.ErrTooMany)
}

// TestForgetting: a session with more lanes than one turn removes takes several,
// and leaves nothing behind.
func TestForgetting(t *testing.T) {
	s := newScene(newFixture(t))
	vouchers := make([]types.Voucher, 120)
	for i := range vouchers {
		node := sdk.AccAddress(bytes.Repeat([]byte{byte(i + 1)}, 20))
		vouchers[i] = s.honest().sign(s, s.voucher(nil, node, 1_000, 1))
	}
	for _, r := range s.redeem(vouchers...) {
		require.Zero(t, r.Code, r.Error)
	}
	require.NoError(t, s.close(s.owner))
	s.pass(3_600)
	s.pass(600)
	s.pass(7 * 86_400)
	for range 3 {
		s.pass(2)
	}
	_, err := s.k.Session(s.ctx, s.session)
	require.ErrorIs(t, err, types.ErrSessionNotFound)
	left, err := s.k.ExportGenesis(s.ctx)
	require.NoError(t, err)
	require.Empty(t, left.Lanes)
	require.NotEmpty(t, left.Sequences, "no id comes twice")
}

// TestGifts: what strangers send to an escrow pays for nothing, and goes to the
// community pool.
func TestGifts(t *testing.T) {
	s := newScene(newFixture(t))
	require.NoError(t, s.bank.SendCoins(s.ctx, s.mining, types.SessionEscrow(s.session), sdk.NewCoins(coin(777))))
	require.NoError(t, s.close(s.owner))
	before := s.balance(s.owner)
	s.pass(3_600)
	s.pass(600)
	require.Equal(t, before+deposit, s.balance(s.owner))
	require.Equal(t, int64(777), s.balance(authAddress(poolModule)))
}
