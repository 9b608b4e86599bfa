package keeper_test

import (
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/x/market/types"
)

// calls are receipts of a lane, signed by both sides, with their tree.
func (s *scene) calls(lane receipt.Lane, count int) (whole [][]byte, hashes []receipt.Digest, tree receipt.Frontier) {
	s.t.Helper()
	for i := range uint64(count) {
		request, err := receipt.Request{
			Lane: lane, KeyID: 1, Nonce: i, Digest: receipt.RequestDigest([]byte{byte(i)}), MaxPrice: 150, IssuedMs: 1_000, App: "charlm",
		}.Sign(chainID, key("session"))
		require.NoError(s.t, err)
		r, err := receipt.Receipt{
			Sequence: i, Request: request, Units: 3, Amount: 100, StartedMs: 1_000, FinishedMs: 1_005, Status: receipt.StatusComplete,
		}.Sign(chainID, key("node"))
		require.NoError(s.t, err)
		raw, err := r.MarshalBinary()
		require.NoError(s.t, err)
		require.NoError(s.t, tree.Append(raw))
		whole, hashes = append(whole, raw), append(hashes, receipt.LeafHash(raw))
	}
	return whole, hashes, tree
}

func steps(p receipt.Path) [][]byte {
	out := make([][]byte, len(p))
	for i := range p {
		out[i] = p[i][:]
	}
	return out
}

func TestRecordReceipt(t *testing.T) {
	s := newScene(newFixture(t))
	lane := s.lane(s.router, s.node)
	whole, hashes, tree := s.calls(lane, 100)
	record := func(i int, edit func(*types.MsgRecordReceipt)) error {
		path, err := receipt.BuildPath(hashes, uint64(i))
		require.NoError(t, err)
		m := &types.MsgRecordReceipt{Sender: s.owner.String(), Receipt: whole[i], NodeKey: key("node").PubKey().Bytes(), Path: steps(path)}
		if edit != nil {
			edit(m)
		}
		_, err = atomically(s.fixture, func(ctx sdk.Context) (*types.MsgRecordReceiptResponse, error) { return s.msg.RecordReceipt(ctx, m) })
		return err
	}
	require.ErrorIs(t, record(7, nil), types.ErrNotSettled, "nothing is settled yet")
	v := receipt.Voucher{Lane: lane, KeyID: 1, Amount: 10_000, Count: tree.Count(), Root: tree.Root()}
	require.Zero(t, s.redeem(s.honest().sign(s, v))[0].Code)

	before := s.balance(s.owner)
	require.NoError(t, record(7, nil))
	require.Equal(t, before-10_000, s.balance(s.owner), "whoever records it pays for the place")
	require.Equal(t, []uint64{7}, s.hooks.receipts)
	require.ErrorIs(t, record(7, nil), types.ErrRecorded)
	for i := range 100 {
		if i != 7 {
			require.NoError(t, record(i, nil))
		}
	}
	got, err := s.query.Receipts(s.ctx, &types.QueryReceiptsRequest{Session: s.session})
	require.NoError(t, err)
	require.Len(t, got.Receipts, 100)
	require.Equal(t, whole[5], got.Receipts[5].Receipt)
}

func TestRecordReceiptRefused(t *testing.T) {
	s := newScene(newFixture(t))
	lane := s.lane(s.router, s.node)
	whole, hashes, tree := s.calls(lane, 20)
	v := receipt.Voucher{Lane: lane, KeyID: 1, Amount: 2_000, Count: tree.Count(), Root: tree.Root()}
	require.Zero(t, s.redeem(s.honest().sign(s, v))[0].Code)
	for _, c := range []struct {
		name string
		edit func(*types.MsgRecordReceipt)
		err  error
	}{
		{"error - sender", func(m *types.MsgRecordReceipt) { m.Sender = "" }, types.ErrInvalidReceipt},
		{"error - no receipt", func(m *types.MsgRecordReceipt) { m.Receipt = nil }, types.ErrInvalidReceipt},
		{"error - a byte more", func(m *types.MsgRecordReceipt) { m.Receipt = append(append([]byte{}, m.Receipt...), 0) }, types.ErrInvalidReceipt},
		{"error - another receipt's path", func(m *types.MsgRecordReceipt) { m.Receipt = whole[4] }, types.ErrNotSettled},
		{"error - path too short", func(m *types.MsgRecordReceipt) { m.Path = m.Path[1:] }, types.ErrNotSettled},
		{"error - path too deep", func(m *types.MsgRecordReceipt) { m.Path = make([][]byte, 41) }, types.ErrInvalidReceipt},
		{"error - a step of 31 bytes", func(m *types.MsgRecordReceipt) { m.Path[0] = m.Path[0][1:] }, types.ErrInvalidReceipt},
		{"error - another node's key", func(m *types.MsgRecordReceipt) { m.NodeKey = key("other").PubKey().Bytes() }, types.ErrSignature},
		{"error - no key", func(m *types.MsgRecordReceipt) { m.NodeKey = nil }, types.ErrInvalidKey},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, err := receipt.BuildPath(hashes, 3)
			require.NoError(t, err)
			m := &types.MsgRecordReceipt{Sender: s.owner.String(), Receipt: whole[3], NodeKey: key("node").PubKey().Bytes(), Path: steps(path)}
			c.edit(m)
			_, err = atomically(s.fixture, func(ctx sdk.Context) (*types.MsgRecordReceiptResponse, error) { return s.msg.RecordReceipt(ctx, m) })
			require.ErrorIs(t, err, c.err)
			require.Empty(t, s.hooks.receipts)
		})
	}
}

// TestOvercharge: a receipt that charges more than its request allowed is none,
// whatever tree it stands in.
func TestOvercharge(t *testing.T) {
	s := newScene(newFixture(t))
	lane := s.lane(s.router, s.node)
	request, err := receipt.Request{
		Lane: lane, KeyID: 1, Nonce: 1, Digest: receipt.RequestDigest(nil), MaxPrice: 150, IssuedMs: 1_000, App: "charlm",
	}.Sign(chainID, key("session"))
	require.NoError(t, err)
	r, err := receipt.Receipt{Request: request, Amount: 150, StartedMs: 1_000, FinishedMs: 1_001, Status: receipt.StatusComplete}.Sign(chainID, key("node"))
	require.NoError(t, err)
	raw, err := r.MarshalBinary()
	require.NoError(t, err)
	// The package refuses to sign it, so the thief does it by hand.
	body := raw[:len(raw)-receipt.SignatureSize]
	body[len(body)-1-2*8-1]++ // the last byte of the amount, before two times and the status
	chain := sha256.Sum256([]byte(chainID))
	signature, err := key("node").Sign(slices.Concat([]byte("emc/receipt/1"), chain[:], body))
	require.NoError(t, err)
	raw = append(body, signature...)
	r, err = receipt.UnmarshalReceipt(raw)
	require.NoError(t, err)
	require.Equal(t, uint64(151), r.Amount)
	var tree receipt.Frontier
	require.NoError(t, tree.Append(raw))
	v := receipt.Voucher{Lane: lane, KeyID: 1, Amount: 151, Count: 1, Root: tree.Root()}
	require.Zero(t, s.redeem(s.honest().sign(s, v))[0].Code)
	_, err = s.msg.RecordReceipt(s.ctx, &types.MsgRecordReceipt{Sender: s.owner.String(), Receipt: raw, NodeKey: key("node").PubKey().Bytes()})
	require.ErrorIs(t, err, types.ErrSignature)
}
