package keeper_test

import (
	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/receipt"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

// scene is a customer with a session, two routers that cover two nodes, and
// everybody's keys.
type scene struct {
	*fixture
	owner, routing, mining sdk.AccAddress // people
	node, other            sdk.AccAddress // machines
	router, router2        sdk.AccAddress
	session                string
	jobPrice               int64 // an hour, in uemc, for jobs of funded sessions
}

const (
	deposit   = 10_000_000
	allotment = 6_000_000
	cover     = 4_000_000
)

func newScene(f *fixture) *scene {
	s := &scene{fixture: f}
	s.owner, s.routing, s.mining = f.account("owner", 100_000_000), f.account("routing", 200_000_000), f.account("mining", 50_000_000)
	s.node = f.register("node", computetypes.ROLE_COMPUTING, s.mining, 0)
	s.other = f.register("other", computetypes.ROLE_COMPUTING, s.mining, 0)
	s.router = f.register("router", computetypes.ROLE_ROUTER, s.routing, 50_000_000)
	s.router2 = f.register("router2", computetypes.ROLE_ROUTER, s.routing, 50_000_000)
	s.cover(s.router, s.node, cover)
	s.cover(s.router, s.other, cover)
	s.session = s.open(types.Allotment{Router: s.router.String(), Amount: coin(allotment)})
	return s
}

func (s *scene) cover(router, node sdk.AccAddress, amount int64) *types.MsgSetCoverResponse {
	s.t.Helper()
	res, err := s.setCover(s.routing, router, node, amount)
	require.NoError(s.t, err)
	return res
}

func (s *scene) setCover(operator, router, node sdk.AccAddress, amount int64) (*types.MsgSetCoverResponse, error) {
	s.t.Helper()
	return atomically(s.fixture, func(ctx sdk.Context) (*types.MsgSetCoverResponse, error) {
		return s.msg.SetCover(ctx, &types.MsgSetCover{Operator: operator.String(), Router: router.String(), Node: node.String(), Amount: coin(amount)})
	})
}

func (s *scene) opening(allotments ...types.Allotment) *types.MsgOpenSession {
	return &types.MsgOpenSession{
		Owner: s.owner.String(), Deposit: coin(deposit), Key: key("session").PubKey().Bytes(), Allotments: allotments, Seconds: 86_400,
	}
}

func (s *scene) open(allotments ...types.Allotment) string {
	s.t.Helper()
	res, err := atomically(s.fixture, func(ctx sdk.Context) (*types.MsgOpenSessionResponse, error) {
		return s.msg.OpenSession(ctx, s.opening(allotments...))
	})
	require.NoError(s.t, err)
	return res.Session
}

func (s *scene) load(session string) types.Session {
	s.t.Helper()
	out, err := s.k.Session(s.ctx, session)
	require.NoError(s.t, err)
	return out
}

func (s *scene) lane(router, node sdk.AccAddress) receipt.Lane {
	id, err := receipt.ParseSessionID(s.session)
	require.NoError(s.t, err)
	l := receipt.Lane{Session: id, Node: receipt.Address(node)}
	if router != nil {
		l.Router = receipt.Address(router)
	}
	return l
}

// signer signs a voucher as the customer and the lane's router do.
type signer struct {
	session, router *secp256k1.PrivKey
	chain           string
}

func (s *scene) honest() signer {
	return signer{session: key("session"), router: key("router"), chain: chainID}
}

func (g signer) sign(s *scene, v receipt.Voucher) types.Voucher {
	s.t.Helper()
	v, err := v.Sign(g.chain, g.session)
	require.NoError(s.t, err)
	if v.Routed() {
		v, err = v.Cosign(g.chain, g.router)
		require.NoError(s.t, err)
	}
	return types.FromReceipt(v)
}

// root stands for a tree of so many receipts.
func root(count uint64) receipt.Digest {
	var f receipt.Frontier
	for i := range count {
		if err := f.Append([]byte{byte(i), byte(i >> 8)}); err != nil {
			panic(err)
		}
	}
	return f.Root()
}

// voucher is an honest one of the scene's session.
func (s *scene) voucher(router, node sdk.AccAddress, amount, count uint64) receipt.Voucher {
	return receipt.Voucher{Lane: s.lane(router, node), KeyID: 1, Amount: amount, Count: count, Root: root(count)}
}

func (s *scene) redeem(vouchers ...types.Voucher) []types.Redemption {
	s.t.Helper()
	res, err := atomically(s.fixture, func(ctx sdk.Context) (*types.MsgRedeemVouchersResponse, error) {
		return s.msg.RedeemVouchers(ctx, &types.MsgRedeemVouchers{Sender: s.mining.String(), Vouchers: vouchers})
	})
	require.NoError(s.t, err)
	require.Len(s.t, res.Redemptions, len(vouchers))
	return res.Redemptions
}

func (s *scene) close(sender sdk.AccAddress) error {
	s.t.Helper()
	_, err := atomically(s.fixture, func(ctx sdk.Context) (*types.MsgCloseSessionResponse, error) {
		return s.msg.CloseSession(ctx, &types.MsgCloseSession{Sender: sender.String(), Session: s.session})
	})
	return err
}
