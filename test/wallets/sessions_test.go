package wallets

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/test/e2e/rig"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

// newRouter registers a router with stake.
func (s *site) newRouter(t *testing.T, mode string) node {
	t.Helper()
	n := node{s.borrow(t), s.borrow(t)}
	signature, err := n.key.secret.Sign(computetypes.RegistrationBytes(chainID, n.operator.address))
	require.NoError(t, err)
	operator := n.operator.address.String()
	s.must(t, n.operator, mode, &computetypes.MsgRegisterNode{
		Operator: operator, Pubkey: n.key.secret.PubKey().Bytes(), KeySignature: signature, Role: computetypes.ROLE_ROUTER, Offer: computetypes.Offer{SlotHourPrice: uemc(0)},
	})
	s.must(t, n.operator, mode, &computetypes.MsgStake{Operator: operator, Node: n.address(), Amount: uemc(bond)})
	return n
}

// testSessions plays all that owners, routers and nodes do with sessions.
func (s *site) testSessions(t *testing.T, mode string) {
	router, worker, owner := s.newRouter(t, mode), s.newNode(t, mode), s.borrow(t)
	who, operator := owner.address.String(), router.operator.address.String()
	cover := &types.MsgSetCover{Operator: operator, Router: router.address(), Node: worker.address(), Amount: uemc(5_000_000)}
	s.must(t, router.operator, mode, cover)

	first := secp256k1.GenPrivKeyFromSecret([]byte("session " + mode))
	allotments := []types.Allotment{{Router: router.address(), Amount: uemc(2_000_000)}}
	s.must(t, owner, mode, &types.MsgOpenSession{Owner: who, Deposit: uemc(10_000_000), Key: first.PubKey().Bytes(), Allotments: allotments, Seconds: 3_600})
	id := s.newestSession(t, who)
	s.must(t, owner, mode, &types.MsgTopUpSession{Owner: who, Session: id, Amount: uemc(0), Allotments: allotments})
	second := secp256k1.GenPrivKeyFromSecret([]byte("another " + mode))
	s.must(t, owner, mode, &types.MsgRotateSessionKey{Owner: who, Session: id, Key: second.PubKey().Bytes()})

	call, voucher := settledCall(t, id, second, router, worker)
	s.must(t, worker.key, mode, &types.MsgRedeemVouchers{Sender: worker.address(), Vouchers: []types.Voucher{voucher, {}}})
	s.must(t, worker.key, mode, &types.MsgRecordReceipt{Sender: worker.address(), Receipt: call, NodeKey: worker.key.secret.PubKey().Bytes()})
	s.must(t, owner, mode, &types.MsgCollectShares{Sender: who, Router: router.address(), Sessions: []string{id}})
	s.must(t, owner, mode, &types.MsgCollectShares{Sender: who, Sessions: []string{id}})

	app := "session-app-" + mode
	s.must(t, owner, mode, &computetypes.MsgRegisterApp{
		Owner: who, Id: app, Runtime: computetypes.RuntimeWasm, Digest: "abababababababababababababababababababababababababababababababab",
		Interface: computetypes.INTERFACE_BATCH, Comparison: computetypes.COMPARISON_EXACT,
	})
	s.must(t, worker.key, mode, &computetypes.MsgReportStatus{Node: worker.address(), Endpoints: []string{"/ip4/203.0.113.7/tcp/4600"}, Accepting: true})
	s.must(t, owner, mode, &types.MsgSubmitSessionJob{
		Customer: who, Session: id, App: app, Node: worker.address(), Requirements: computetypes.Requirements{MinStake: uemc(0).Amount}, MaxSeconds: 60,
		MaxPrice: uemc(1_000_000), SpecDigest: digest, InputsDigest: digest, AccessKey: owner.secret.PubKey().Bytes(),
	})
	jobs, err := s.net.CustomerJobs(t.Context(), who, 0)
	require.NoError(t, err)
	for _, j := range jobs {
		if j.Status == rig.Scheduled {
			s.must(t, owner, mode, &computetypes.MsgCancelJob{Customer: who, Job: j.ID})
		}
	}
	s.must(t, router.key, mode, &types.MsgCloseSession{Sender: router.address(), Session: id})
	cover.Amount = uemc(0)
	s.must(t, router.operator, mode, cover)
	s.leave(t, mode, worker)
}

// newestSession is the one that an owner opened last.
func (s *site) newestSession(t *testing.T, owner string) string {
	t.Helper()
	var list struct {
		Sessions []struct {
			ID string `json:"id"`
		} `json:"sessions"`
	}
	_, err := s.net.Get(t.Context(), "/emc/market/v1/owners/"+owner+"/sessions", 0, &list)
	require.NoError(t, err)
	require.NotEmpty(t, list.Sessions)
	return list.Sessions[0].ID
}

// settledCall is one call's receipt, signed by both sides, and the voucher that
// pays for it.
func settledCall(t *testing.T, session string, key *secp256k1.PrivKey, router, worker node) ([]byte, types.Voucher) {
	t.Helper()
	id, err := receipt.ParseSessionID(session)
	require.NoError(t, err)
	lane := receipt.Lane{Session: id, Router: receipt.Address(router.key.address), Node: receipt.Address(worker.key.address)}
	request, err := receipt.Request{Lane: lane, KeyID: 2, Nonce: 1, Digest: receipt.RequestDigest(nil), MaxPrice: 900_000, App: "charlm"}.Sign(chainID, key)
	require.NoError(t, err)
	r, err := receipt.Receipt{Request: request, Units: 1, Amount: 900_000, Status: receipt.StatusComplete}.Sign(chainID, worker.key.secret)
	require.NoError(t, err)
	raw, err := r.MarshalBinary()
	require.NoError(t, err)
	var tree receipt.Frontier
	require.NoError(t, tree.Append(raw))
	v, err := receipt.Voucher{Lane: lane, KeyID: 2, Amount: 900_000, Count: 1, Root: tree.Root()}.Sign(chainID, key)
	require.NoError(t, err)
	v, err = v.Cosign(chainID, router.key.secret)
	require.NoError(t, err)
	return raw, types.FromReceipt(v)
}
