package keeper_test

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/x/market/types"
)

func authAddress(module string) sdk.AccAddress { return authtypes.NewModuleAddress(module) }

// TestRedeem: one voucher settles ten thousand calls, and every uemc is
// explained.
func TestRedeem(t *testing.T) {
	s := newScene(newFixture(t))
	before := s.balance(s.mining)
	got := s.redeem(s.honest().sign(s, s.voucher(s.router, s.node, 1_234_567, 10_000)))[0]
	require.Zero(t, got.Code, got.Error)
	require.Equal(t, types.Redemption{Paid: 1_234_567}, got)
	protocol, router := int64(1_234_567*200/10_000), int64(1_234_567*500/10_000)
	require.Equal(t, before+1_234_567-protocol-router, s.balance(s.mining))
	require.Equal(t, int64(deposit-1_234_567)+router+protocol, s.balance(types.SessionEscrow(s.session)), "the shares wait")

	res, err := atomically(s.fixture, func(ctx sdk.Context) (*types.MsgCollectSharesResponse, error) {
		return s.msg.CollectShares(ctx, &types.MsgCollectShares{Sender: s.mining.String(), Sessions: []string{s.session}})
	})
	require.NoError(t, err)
	require.Equal(t, protocol, res.Paid.Amount.Int64())
	require.Equal(t, protocol, s.balance(authAddress(authtypes.FeeCollectorName)))

	earned := s.balance(s.routing)
	res, err = atomically(s.fixture, func(ctx sdk.Context) (*types.MsgCollectSharesResponse, error) {
		return s.msg.CollectShares(ctx, &types.MsgCollectShares{Sender: s.mining.String(), Router: s.router.String(), Sessions: []string{s.session}})
	})
	require.NoError(t, err)
	require.Equal(t, router, res.Paid.Amount.Int64())
	require.Equal(t, earned+router, s.balance(s.routing), "to the router's operator, whoever sends the message")
	_, err = s.msg.CollectShares(s.ctx, &types.MsgCollectShares{Sender: s.mining.String(), Router: s.router.String(), Sessions: []string{s.session}})
	require.ErrorIs(t, err, types.ErrNothingLeft)
	_, err = s.msg.CollectShares(s.ctx, &types.MsgCollectShares{Sender: s.mining.String(), Router: s.router2.String(), Sessions: []string{s.session}})
	require.ErrorIs(t, err, types.ErrInvalidRouter)
}

// TestSharesCannotBeFarmed: whoever redeems a thousand times pays the same as
// who redeems once.
func TestSharesCannotBeFarmed(t *testing.T) {
	s := newScene(newFixture(t))
	amount := uint64(0)
	for i := range uint64(300) {
		amount += 1 + i%7
		require.Zero(t, s.redeem(s.honest().sign(s, s.voucher(s.router, s.node, amount, i+1)))[0].Code)
	}
	require.Equal(t, int64(amount*200/10_000), s.load(s.session).Fees.Int64())
	require.Equal(t, int64(amount*500/10_000), s.load(s.session).Routers[0].Earned.Int64())
}

// TestThieves: everything that somebody could try with a voucher. Each fails
// itself alone: an honest voucher in the same message is paid.
func TestThieves(t *testing.T) {
	high := func(sig []byte) []byte { // the same signature with a high S
		n, _ := new(big.Int).SetString("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141", 16)
		s := new(big.Int).Sub(n, new(big.Int).SetBytes(sig[32:]))
		return append(append([]byte{}, sig[:32]...), s.FillBytes(make([]byte, 32))...)
	}
	for _, c := range []struct {
		name   string
		forged func(*scene) types.Voucher
		err    *errorsmod.Error
	}{
		{"another session", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.Session = s.open(types.Allotment{Router: s.router.String(), Amount: coin(allotment)})
			return v
		}, types.ErrSignature},
		{"a session that is not", func(s *scene) types.Voucher {
			v := s.voucher(s.router, s.node, 1_000_000, 9)
			v.Session[0] ^= 1
			return s.honest().sign(s, v)
		}, types.ErrSessionNotFound},
		{"another key id", func(s *scene) types.Voucher {
			v := s.voucher(s.router, s.node, 1_000_000, 9)
			v.KeyID = 2
			return s.honest().sign(s, v)
		}, types.ErrInvalidKey},
		{"another node", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.Node = s.other.String()
			return v
		}, types.ErrSignature},
		{"another router", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.Router = s.router2.String()
			return v
		}, types.ErrInvalidRouter},
		{"another chain", func(s *scene) types.Voucher {
			g := s.honest()
			g.chain = "emc-other-1"
			return g.sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
		}, types.ErrSignature},
		{"raised after signing", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.Amount++
			return v
		}, types.ErrSignature},
		{"lowered after signing", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.Amount--
			return v
		}, types.ErrSignature},
		{"receipt count changed", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.Count++
			return v
		}, types.ErrSignature},
		{"root changed", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.Root[5] ^= 1
			return v
		}, types.ErrSignature},
		{"high S of the key", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.KeySignature = high(v.KeySignature)
			return v
		}, types.ErrSignature},
		{"high S of the router", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.RouterSignature = high(v.RouterSignature)
			return v
		}, types.ErrSignature},
		{"the customer signs for the router", func(s *scene) types.Voucher {
			g := s.honest()
			g.router = g.session
			return g.sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
		}, types.ErrSignature},
		{"the router signs for the customer", func(s *scene) types.Voucher {
			g := s.honest()
			g.session = g.router
			return g.sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
		}, types.ErrSignature},
		{"signatures changed about", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.KeySignature, v.RouterSignature = v.RouterSignature, v.KeySignature
			return v
		}, types.ErrSignature},
		{"the router's signature left out", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.RouterSignature = nil
			return v
		}, types.ErrInvalidVoucher},
		{"made one without a router", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.Router, v.RouterSignature = "", nil
			return v
		}, types.ErrSignature},
		{"nothing", func(*scene) types.Voucher { return types.Voucher{} }, types.ErrInvalidVoucher},
		{"amount beyond 63 bits", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.Amount = 1 << 63
			return v
		}, types.ErrInvalidVoucher},
		{"count beyond the tree", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.Count = receipt.MaxCount + 1
			return v
		}, types.ErrInvalidVoucher},
		{"a root of 31 bytes", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.Root = v.Root[1:]
			return v
		}, types.ErrInvalidVoucher},
		{"a long signature", func(s *scene) types.Voucher {
			v := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 9))
			v.KeySignature = append(v.KeySignature, 0)
			return v
		}, types.ErrInvalidVoucher},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(newFixture(t))
			honest := s.honest().sign(s, s.voucher(s.router, s.other, 500_000, 2))
			forged := c.forged(s)
			before := s.balance(s.mining)
			got := s.redeem(forged, honest)
			require.Equal(t, c.err.ABCICode(), got[0].Code, got[0].Error)
			require.Equal(t, types.ModuleName, got[0].Codespace)
			require.NotEmpty(t, got[0].Error)
			require.Zero(t, got[1].Code, "one bad voucher fails itself alone: %s", got[1].Error)
			require.Equal(t, before+465_000, s.balance(s.mining))
		})
	}
}

// TestReplay: a voucher pays once, and an older one nothing.
func TestReplay(t *testing.T) {
	s := newScene(newFixture(t))
	old := s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 5))
	last := s.honest().sign(s, s.voucher(s.router, s.node, 3_000_000, 9))
	got := s.redeem(last, last, old)
	require.Equal(t, uint64(3_000_000), got[0].Paid)
	require.Equal(t, types.ErrStale.ABCICode(), got[1].Code)
	require.Equal(t, types.ErrStale.ABCICode(), got[2].Code)
	fewer := s.honest().sign(s, s.voucher(s.router, s.node, 4_000_000, 8))
	require.Equal(t, types.ErrStale.ABCICode(), s.redeem(fewer)[0].Code, "fewer receipts than are settled")
	other := s.voucher(s.router, s.node, 4_000_000, 9)
	other.Root[0] ^= 1
	require.Equal(t, types.ErrInvalidVoucher.ABCICode(), s.redeem(s.honest().sign(s, other))[0].Code, "another tree of the same number")
	middle := s.honest().sign(s, s.voucher(s.router, s.node, 4_000_000, 9))
	require.Equal(t, uint64(1_000_000), s.redeem(middle)[0].Paid, "in the middle of a call the tree is the same")
}

// TestOverIssue: a customer who spends one deposit twice with a colluding router
// costs that router's cover, and no node. The attacker's own node redeems first.
func TestOverIssue(t *testing.T) {
	s := newScene(newFixture(t))
	accomplice := s.account("accomplice", 0)
	took := s.redeem(s.honest().sign(s, s.voucher(s.router, accomplice, allotment, 1)))[0]
	require.Equal(t, uint64(allotment), took.Paid)

	before, stake := s.balance(s.mining), s.stake(s.router)
	voucher := s.honest().sign(s, s.voucher(s.router, s.node, 3_500_000, 7))
	got := s.redeem(voucher)[0]
	require.Equal(t, types.Redemption{Paid: 3_500_000, FromCover: 3_500_000}, got)
	require.Equal(t, before+3_500_000, s.balance(s.mining), "in full, without shares")
	require.Equal(t, stake-3_500_000, s.stake(s.router))
	require.Equal(t, []uint64{3_500_000}, s.hooks.overIssued)
	n, err := s.compute.Node(s.ctx, s.router)
	require.NoError(t, err)
	require.True(t, n.Jailed)
	c, err := s.query.Cover(s.ctx, &types.QueryCoverRequest{Router: s.router.String(), Node: s.node.String()})
	require.NoError(t, err)
	require.Equal(t, int64(cover-3_500_000), c.Counted.Amount.Int64())

	// The other node's cover is untouched, and pays for it alone.
	got = s.redeem(s.honest().sign(s, s.voucher(s.router, s.other, 5_000_000, 7)))[0]
	require.Equal(t, types.Redemption{Paid: cover, FromCover: cover, Unpaid: 1_000_000}, got, "a node that took more than its cover bears the rest")
	require.Equal(t, types.ErrStale.ABCICode(), s.redeem(voucher)[0].Code)

	// What was not paid is paid once there is money; the router is not judged again.
	judged := len(s.hooks.overIssued)
	again := s.honest().sign(s, s.voucher(s.router, s.other, 5_000_000, 7))
	require.Equal(t, types.ErrNothingLeft.ABCICode(), s.redeem(again)[0].Code)
	require.Len(t, s.hooks.overIssued, judged)
	require.Equal(t, int64(allotment), s.load(s.session).Routers[0].Redeemed.Int64(), "the free part of the deposit is not a router's")
}

// TestOverIssueWithoutCover: the router is jailed all the same, once.
func TestOverIssueWithoutCover(t *testing.T) {
	s := newScene(newFixture(t))
	stranger := s.account("stranger", 0)
	got := s.redeem(s.honest().sign(s, s.voucher(s.router, stranger, allotment+1, 1)))[0]
	require.Equal(t, types.Redemption{Paid: allotment, Unpaid: 1}, got)
	require.Equal(t, []uint64{1}, s.hooks.overIssued)
	_, err := atomically(s.fixture, func(ctx sdk.Context) (*types.MsgOpenSessionResponse, error) {
		return s.msg.OpenSession(ctx, s.opening(types.Allotment{Router: s.router.String(), Amount: coin(1)}))
	})
	require.ErrorIs(t, err, types.ErrInvalidRouter, "a jailed router gets no new sessions")
}

// TestDeadlines: redemption races at the deadline.
func TestDeadlines(t *testing.T) {
	s := newScene(newFixture(t))
	require.NoError(t, s.close(s.owner))
	s.pass(3_599)
	require.Zero(t, s.redeem(s.honest().sign(s, s.voucher(s.router, s.node, 1_000_000, 1)))[0].Code, "in the last second")
	s.pass(1)
	require.Equal(t, types.ErrWrongStatus.ABCICode(), s.redeem(s.honest().sign(s, s.voucher(s.router, s.node, 2_000_000, 2)))[0].Code)
	require.Zero(t, s.redeem(s.honest().sign(s, s.voucher(nil, s.node, 1_000_000, 1)))[0].Code)
	s.pass(600)
	require.Equal(t, types.ErrWrongStatus.ABCICode(), s.redeem(s.honest().sign(s, s.voucher(nil, s.node, 2_000_000, 2)))[0].Code, "a voucher after the end is void, and no evidence")
	require.Empty(t, s.hooks.overIssued)
}

// TestUncovered: vouchers without a router take what is free, and no router's part.
func TestUncovered(t *testing.T) {
	s := newScene(newFixture(t))
	got := s.redeem(s.honest().sign(s, s.voucher(nil, s.node, deposit, 1)))[0]
	require.Equal(t, types.Redemption{Paid: deposit - allotment, Unpaid: allotment}, got)
	require.Equal(t, types.ErrNothingLeft.ABCICode(), s.redeem(s.honest().sign(s, s.voucher(nil, s.other, 1, 1)))[0].Code)
	require.Zero(t, s.redeem(s.honest().sign(s, s.voucher(s.router, s.node, allotment, 1)))[0].Code)
}

// TestUnregisteredNode: whoever is not registered is paid at its own account.
func TestUnregisteredNode(t *testing.T) {
	s := newScene(newFixture(t))
	stranger := s.account("stranger", 0)
	require.Zero(t, s.redeem(s.honest().sign(s, s.voucher(s.router, stranger, 1_000_000, 1)))[0].Code)
	require.Equal(t, int64(930_000), s.balance(stranger))
}

func TestRedeemRefused(t *testing.T) {
	s := newScene(newFixture(t))
	_, err := s.msg.RedeemVouchers(s.ctx, &types.MsgRedeemVouchers{Sender: s.mining.String()})
	require.ErrorIs(t, err, types.ErrInvalidVoucher)
	_, err = s.msg.RedeemVouchers(s.ctx, &types.MsgRedeemVouchers{Sender: s.mining.String(), Vouchers: make([]types.Voucher, 401)})
	require.ErrorIs(t, err, types.ErrTooMany)
	s.hooks.fail = types.ErrInvalidAmount
	got := s.redeem(s.honest().sign(s, s.voucher(s.router, s.node, allotment+1, 1)))[0]
	require.Equal(t, types.ErrInvalidAmount.ABCICode(), got.Code, "a hook that fails undoes the one voucher")
	require.True(t, s.load(s.session).Routers[0].Redeemed.IsZero())
}

func (s *scene) stake(router sdk.AccAddress) int64 {
	s.t.Helper()
	n, err := s.compute.Node(s.ctx, router)
	require.NoError(s.t, err)
	return n.Stake.Int64()
}
